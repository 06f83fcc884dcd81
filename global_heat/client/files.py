"""Collect what a template needs from the files beside it, into one message that stands alone.

The server never opens a file: what `get_file`, nested templates and a `resource_registry` name is read here.
A template may come from somebody else, so only files below the folders that the user named are read: those of
the template and of the environments, and any more that are given as roots. Nothing is fetched.
"""

from __future__ import annotations

import os
import posixpath
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec
import yaml

from global_heat.client.errors import ApiError, Violation
from global_heat.proto.v1 import stack_pb2
from global_heat.proto.values import json_to_struct

FILE_BYTES_MAX = 512 * 1024
SPEC_BYTES_MAX = 3_500_000
_TEMPLATES = (".yaml", ".yml", ".template", ".json")


def collect_spec(
    template: Path | str,
    environments: Sequence[Path | str] = (),
    parameters: Mapping[str, Any] | None = None,
    roots: Sequence[Path | str] = (),
) -> stack_pb2.StackSpec:
    """The spec of a template with all it needs. `-` reads the template from standard input.

    Raises `ApiError` (INVALID_ARGUMENT) with every file that is wrong.
    """
    piped = str(template) == "-"
    home = Path.cwd() if piped else Path(template).resolve().parent
    collector = _Collector(
        home, [home, *(Path(each).resolve().parent for each in environments), *map(Path, roots)]
    )
    text = sys.stdin.read() if piped else collector.read(Path(template), str(template))
    collector.take_template(text, str(template), home)
    environment = collector.take_environments([Path(each) for each in environments])
    collector.finish()
    spec = stack_pb2.StackSpec(template=text, environment=environment, files=collector.files)
    spec.parameters.CopyFrom(json_to_struct(parameters or {}))
    if (size := spec.ByteSize()) > SPEC_BYTES_MAX:
        raise ApiError(
            "INVALID_ARGUMENT", f"template and files are {size} bytes; at most {SPEC_BYTES_MAX} can be sent"
        )
    return spec


class _Use(msgspec.Struct, frozen=True):
    """A file that something names: where the name stands, and whether it is a template itself."""

    holder: Any
    key: Any
    name: str
    template: bool


class _Collector:
    def __init__(self, home: Path, roots: Sequence[Path]) -> None:
        self.files: dict[str, str] = {}
        self._home = home
        self._roots = [root.resolve() for root in roots]
        self._faults: list[Violation] = []

    def take_template(self, text: str, named: str, folder: Path) -> str:
        """Take in what a template names; its text, which differs only if it stands in another folder."""
        data = self._parse(text, named)
        uses = list(_uses(data))
        return self._take(data, uses, named, folder, text)

    def take_environments(self, paths: Sequence[Path]) -> str:
        """The environments as one text: a YAML stream of several documents, which the server merges."""
        taken = []
        for path in paths:
            text = self.read(path, str(path))
            data = self._parse(text, str(path))
            if data is None:
                continue
            if not isinstance(data, dict):
                self._faults.append(Violation(str(path), "must be a map of an environment's sections"))
                continue
            uses = list(_registry_uses(data.get("resource_registry")))
            taken.append(self._take(data, uses, str(path), path.resolve().parent, text))
        return taken[0] if len(taken) == 1 else "".join(f"---\n{text}\n" for text in taken)

    def finish(self) -> None:
        if self._faults:
            noun = "file" if len(self._faults) == 1 else "files"
            message = f"{len(self._faults)} {noun} cannot be used"
            raise ApiError("INVALID_ARGUMENT", message, reason="FILES", violations=tuple(self._faults))

    def read(self, path: Path, named: str) -> str:
        """The text of a file; empty when it cannot be used, which is noted."""
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                self._faults.append(Violation(named, f"is larger than {FILE_BYTES_MAX} bytes"))
                return ""
            return path.read_text("utf-8")
        except UnicodeDecodeError:
            self._faults.append(Violation(named, "is not UTF-8 text"))
        except OSError as error:
            self._faults.append(Violation(named, f"cannot be read: {error.strerror}"))
        return ""

    def _take(self, data: Any, uses: Sequence[_Use], named: str, folder: Path, text: str) -> str:
        moved = False
        for use in uses:
            key = use.name
            if folder != self._home:
                key = posixpath.normpath(Path(os.path.relpath(folder, self._home), use.name).as_posix())
                moved = True
                use.holder[use.key] = key
            if key not in self.files and (path := self._allowed(use.name, folder, named)) is not None:
                self.files[key] = (
                    ""  # so that a template that names itself ends here; the server says what is wrong
                )
                content = self.read(path, f"{named}: {use.name}")
                self.files[key] = self.take_template(content, key, path.parent) if use.template else content
        return yaml.safe_dump(data, sort_keys=False) if moved else text

    def _allowed(self, name: str, folder: Path, named: str) -> Path | None:
        if "://" in name:
            message = f"{name}: nothing is fetched; download it and name the file"
            self._faults.append(Violation(named, message))
            return None
        path = (folder / name).resolve()
        if any(path.is_relative_to(root) for root in self._roots):
            return path
        message = f"{name}: lies outside the folders of template and environments; allow it by --files-root"
        self._faults.append(Violation(named, message))
        return None

    def _parse(self, text: str, named: str) -> Any:
        try:
            return yaml.load(text, Loader=yaml.CSafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark
            at = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
            self._faults.append(Violation(named, f"is not valid YAML: {error.problem}{at}"))
        except (yaml.YAMLError, ValueError) as error:
            self._faults.append(Violation(named, f"is not valid YAML: {error}"))
        return None


def _uses(value: Any) -> Iterator[_Use]:
    """The files that a template names: by get_file, and by a type that is a template."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "get_file" and isinstance(item, str):
                yield _Use(value, key, item, False)
            elif key == "type" and isinstance(item, str) and item.endswith(_TEMPLATES):
                yield _Use(value, key, item, True)
            else:
                yield from _uses(item)
    elif isinstance(value, list):
        for item in value:
            yield from _uses(item)


def _registry_uses(registry: Any) -> Iterator[_Use]:
    """The templates that a resource_registry names, those of single resources included."""
    if not isinstance(registry, dict):
        return
    for key, item in registry.items():
        if isinstance(item, str) and item.endswith(_TEMPLATES):
            yield _Use(registry, key, item, True)
        elif isinstance(item, dict):
            yield from _registry_uses(item)
