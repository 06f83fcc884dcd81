"""Where in a text something stands: from a fault's path back to line and column."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec
import yaml

from global_heat.template.document import TEXT_BYTES_MAX

_FILE = re.compile(r"<([^<>]+)>")
_INDEX = re.compile(r"\[(\d+)\]")


class Position(msgspec.Struct, frozen=True):
    file: str
    """A name among the files; empty: the template itself."""
    line: int
    """From 1."""
    column: int
    """From 1."""


class Positions:
    """Finds places in a template and its files. Reads a text when it is first asked for one of its places."""

    def __init__(self, template: str, files: Mapping[str, str]) -> None:
        self._texts = {"": template, **files}
        self._nodes: dict[str, Any] = {}

    def find(self, path: str) -> Position | None:
        """The place that a path names, or the last one on the way to it that is there; None: nowhere here.

        `resources.web<web.yaml>.outputs.x` goes on in the file web.yaml.
        """
        file, rest = "", path
        for named in _FILE.finditer(path):
            if named[1] in self._texts:
                file, rest = named[1], path[named.end() :]
        node = self._node(file)
        if node is None:
            return None
        mark = _walk(node, rest.lstrip("."))
        return Position(file, mark.line + 1, mark.column + 1) if mark is not None else None

    def _node(self, file: str) -> Any:
        if file not in self._nodes:
            text = self._texts[file]
            try:
                self._nodes[file] = (
                    yaml.compose(text, yaml.CSafeLoader) if len(text) <= TEXT_BYTES_MAX else None
                )
            except (yaml.YAMLError, RecursionError):
                self._nodes[file] = None
        return self._nodes[file]


def _walk(node: Any, path: str) -> Any:
    """The mark of what a path leads to; None: not even its first key is there."""
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
    return mark


def _begins(path: str, key: str) -> bool:
    return bool(key) and path.startswith(key) and path[len(key) : len(key) + 1] in ("", ".", "[", "<")
