"""Where in a text something stands: from a fault's path back to line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import yaml

from global_heat.template.document import TEXT_BYTES_MAX

_FILE = re.compile(r"<([^<>]+)>")
_ENVIRONMENT = re.compile(r"environment(?: (\d+))?(?![^.])\.?")
"""The first key of what stands in the merged environment, or in one of several, counted from 1."""
_INDEX = re.compile(r"\[(\d+)\]")


class Position(msgspec.Struct, frozen=True):
    file: str
    """A name among the files, or an environment's; empty: the template itself."""
    line: int
    """From 1."""
    column: int
    """From 1."""


class Positions:
    """Finds places in a template, its files and environments. Reads a text when it is first asked for one of
    its places.

    `environments`: name and text of each, in their order, those left out that say nothing.
    """

    def __init__(
        self, template: str, files: Mapping[str, str], environments: Sequence[tuple[str, str]] = ()
    ) -> None:
        self._texts = {"": template, **files}
        self._environments = environments
        self._nodes: dict[str, Any] = {}

    def find(self, path: str) -> Position | None:
        """The place that a path names, or the last one on the way to it that is there; None: nowhere here.

        `resources.web<web.yaml>.outputs.x` goes on in the file web.yaml.
        """
        if (environment := _ENVIRONMENT.match(path)) is not None:
            return self._find_in_environments(environment[1], path[environment.end() :])
        file, rest = "", path
        for named in _FILE.finditer(path):
            if named[1] in self._texts:
                file, rest = named[1], path[named.end() :]
        mark, _ = _walk(self._node(file), rest.lstrip("."))
        return Position(file, mark.line + 1, mark.column + 1) if mark is not None else None

    def _find_in_environments(self, number: str | None, path: str) -> Position | None:
        """In the one of that number; in the merged one: in the last that has the most of the path."""
        chosen = self._environments if number is None else self._environments[int(number) - 1 : int(number)]
        best, missing = None, len(path) + 1
        for name, text in chosen:
            mark, rest = _walk(_compose(text), path)
            if mark is not None and len(rest) <= missing:
                best, missing = Position(name, mark.line + 1, mark.column + 1), len(rest)
        return best or (Position(chosen[0][0], 1, 1) if len(chosen) == 1 else None)

    def _node(self, file: str) -> Any:
        if file not in self._nodes:
            self._nodes[file] = _compose(self._texts[file])
        return self._nodes[file]


def _compose(text: str) -> Any:
    try:
        return yaml.compose(text, yaml.CSafeLoader) if len(text) <= TEXT_BYTES_MAX else None
    except (yaml.YAMLError, RecursionError):
        return None


def _walk(node: Any, path: str) -> tuple[Any, str]:
    """The mark of what a path leads to, and what of it is not there; None: not even its first key is."""
    mark = None
    while path:
        index = _INDEX.match(path)
        if index is not None and isinstance(node, yaml.SequenceNode) and int(index[1]) < len(node.value):
            node, path = node.value[int(index[1])], path[index.end() :].removeprefix(".")
            mark = node.start_mark
            continue
        if not isinstance(node, yaml.MappingNode):
            break
        pairs = [(key, value) for key, value in node.value if _begins(path, str(key.value))]
        if not pairs:
            break
        key, node = max(pairs, key=lambda pair: len(str(pair[0].value)))
        mark, path = key.start_mark, path[len(str(key.value)) :].removeprefix(".")
    return mark, path


def _begins(path: str, key: str) -> bool:
    return bool(key) and path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[", "<")
