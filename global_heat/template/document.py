"""Text to plain data: YAML 1.1 (or JSON) within limits that hold before the cost arises."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import yaml

from global_heat.model.errors import Fault, Invalid
from global_heat.model.values import Json
from global_heat.template.plain_yaml import NotPlain, read_plain
from global_heat.template.values import key_text

TEXT_BYTES_MAX = 512 * 1024
DEPTH_MAX = 100
NODES_MAX = 500_000
"""Counted as if every alias were written out, so that a few lines cannot stand for billions."""
NUMBER_CHARACTERS_MAX = 100
NUMBER_MAX = 2**63 - 1

REPEATED_KEY = "REPEATED_KEY"
"""The reason of a warning: a key stands twice in one map."""
_TOO_LARGE = "holds a number that is too large; write it as text in quotes"
_TOO_DEEP = "exceeded maximum nesting depth"
"""What newer parsers say themselves of a thousand levels, before they tell of the first."""

_BOUND = re.compile(r"^(?:---|\.\.\.)(?=\s|\Z)", re.MULTILINE)
"""Where a document of a stream starts or ends. Nothing inside one can stand so, not even in a text."""
_CONTENT = re.compile(r"^(?!\s*(#|$)|%)", re.MULTILINE)

_TAG = "tag:yaml.org,2002:"
_TAGS = {_TAG + name for name in ("map", "seq", "str", "int", "float", "bool", "null", "binary", "merge")}


class _Loader(yaml.CSafeLoader):
    """The safe loader, with dates left as text: Heat has no date type."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != _TAG + "timestamp"]
    for first, resolvers in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def _construct_binary(loader: Any, node: Any) -> list[int]:
    return list(loader.construct_yaml_binary(node))


def _construct_int(loader: Any, node: Any) -> int:
    number: int = loader.construct_yaml_int(node)
    if not -NUMBER_MAX <= number <= NUMBER_MAX:
        raise yaml.constructor.ConstructorError(None, None, _TOO_LARGE, node.start_mark)
    return number


_Loader.add_constructor(_TAG + "binary", _construct_binary)
_Loader.add_constructor(_TAG + "int", _construct_int)


def split_documents(text: str) -> list[str]:
    """The documents of a YAML stream, each as a text of its own; those without content are left out."""
    found = [part for part in _BOUND.split(text) if _CONTENT.search(part)]
    return found if len(found) > 1 else [text]


def parse_document(text: str, name: str = "", warnings: list[Fault] | None = None) -> Json:
    """Parse YAML or JSON. `name` is the file it came from, empty for the template itself.

    Of a key that stands twice in one map the last one counts, as in Heat; `warnings` are told of it.
    Raises `Invalid` with the line and column of the first thing that cannot be read.
    """
    if len(text) > TEXT_BYTES_MAX or len(text.encode("utf-8", "surrogatepass")) > TEXT_BYTES_MAX:
        raise _unreadable(name, f"is larger than {TEXT_BYTES_MAX} bytes; split it into nested templates")
    if text.lstrip()[:1] == "{":
        try:
            data = json.loads(text, object_pairs_hook=None if warnings is None else _noting(name, warnings))
        except RecursionError:
            raise _unreadable(name, f"is nested deeper than {DEPTH_MAX} levels") from None
        except ValueError:
            pass  # flow YAML begins with a brace as well
        else:
            _measure_data(data, name)
            return data
    return _parse_yaml(text, name, [] if warnings is None else warnings)


def _parse_yaml(text: str, name: str, warnings: list[Fault]) -> Json:
    try:
        return _parse_plain(text)
    except NotPlain:
        return _parse_any(text, name, warnings)


def _parse_plain(text: str) -> Json:
    try:
        loader = _Loader(text)
    except yaml.YAMLError:
        raise NotPlain from None
    try:
        return read_plain(loader, DEPTH_MAX)
    finally:
        loader.dispose()


def _parse_any(text: str, name: str, warnings: list[Fault]) -> Json:
    try:
        _check_depth(text, name)
        loader = _Loader(text)
    except yaml.YAMLError as error:
        raise _unreadable(name, _explain(error)) from None
    try:
        node = loader.get_single_node()
        if node is None:
            return None
        measure = _Measure(name)
        measure.weigh(node, 1)
        warnings += measure.repeated
        return _text_keys(loader.construct_document(node), {})
    except yaml.YAMLError as error:
        raise _unreadable(name, _explain(error)) from None
    except (ValueError, TypeError, OverflowError) as error:
        raise _unreadable(name, f"holds a value that cannot be read: {error}") from None
    finally:
        loader.dispose()


def _text_keys(data: Json, done: dict[int, Json]) -> Json:
    """The same with all keys as texts: YAML knows numbers, booleans and null there too."""
    if not isinstance(data, dict | list):
        return data
    if id(data) not in done:
        if isinstance(data, list):
            done[id(data)] = [_text_keys(item, done) for item in data]
        else:
            done[id(data)] = {key_text(key): _text_keys(item, done) for key, item in data.items()}
    return done[id(data)]


def _check_depth(text: str, name: str) -> None:
    """Look at the events alone first: the parser builds its tree by recursion in C, without a limit."""
    loader, depth = _Loader(text), 0
    try:
        while (event := loader.get_event()) is not None:
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
                if depth > DEPTH_MAX:
                    message = f"is nested deeper than {DEPTH_MAX} levels ({_at(event.start_mark)})"
                    raise _unreadable(name, message)
            elif isinstance(event, yaml.CollectionEndEvent):
                depth -= 1
    except yaml.scanner.ScannerError as error:
        if error.problem != _TOO_DEEP:
            raise
        message = f"is nested deeper than {DEPTH_MAX} levels ({_at(error.problem_mark)})"
        raise _unreadable(name, message) from None
    finally:
        loader.dispose()


def _noting(name: str, warnings: list[Fault]) -> Callable[[list[tuple[str, Json]]], dict[str, Json]]:
    """Make JSON's maps, and note keys that stand twice in one."""

    def make(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
        data = dict(pairs)
        if len(data) < len(pairs):
            keys = [key for key, _ in pairs]
            for key in data:
                if keys.count(key) > 1:
                    message = f'the key "{key}" stands twice in one map; the last one counts'
                    warnings.append(Fault(name or "template", message, REPEATED_KEY))
        return data

    return make


class _Measure:
    """Sizes of nodes as if aliases were written out; each node is weighed once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._sizes: dict[int, tuple[int, int]] = {}
        self._open: set[int] = set()
        self.repeated: list[Fault] = []
        """Keys that stand twice in one map."""

    def weigh(self, node: Any, depth: int) -> tuple[int, int]:
        """Return (nodes, levels) below and with this node."""
        known = self._sizes.get(id(node))
        if known is not None:
            self._check(node, known[0], depth + known[1] - 1)
            return known
        if node.tag not in _TAGS:
            raise self._refuse(node, f"has the tag {node.tag}, which is not supported; use plain values")
        if isinstance(node, yaml.ScalarNode):
            if node.tag == _TAG + "int" and len(node.value) > NUMBER_CHARACTERS_MAX:
                raise self._refuse(node, _TOO_LARGE)
            return 1, 1
        self._check(node, 1, depth)
        if id(node) in self._open:
            raise self._refuse(node, "has an alias inside what it names")
        self._open.add(id(node))
        size, levels = 1, 0
        for child in self._children(node):
            below, deeper = self.weigh(child, depth + 1)
            size += below
            levels = max(levels, deeper)
            self._check(node, size, depth)
        self._open.discard(id(node))
        self._sizes[id(node)] = size, levels + 1
        return size, levels + 1

    def _children(self, node: Any) -> list[Any]:
        if not isinstance(node, yaml.MappingNode):
            return list(node.value)
        first: dict[tuple[str, str], Any] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise self._refuse(key, "has a key that is a list or a map; use a text")
            before = first.setdefault((key.tag, key.value), key)
            if before is not key and key.tag != _TAG + "merge":
                message = f'the key "{key.value}" ({_at(key.start_mark)}) stands in the same map already'
                self.repeated.append(
                    Fault(
                        self._name or "template",
                        f"{message} ({_at(before.start_mark)}); the last one counts",
                        REPEATED_KEY,
                    )
                )
        return [item for pair in node.value for item in pair]

    def _check(self, node: Any, size: int, depth: int) -> None:
        if depth > DEPTH_MAX:
            raise self._refuse(node, f"is nested deeper than {DEPTH_MAX} levels")
        if size > NODES_MAX:
            raise self._refuse(node, f"has more than {NODES_MAX} values once its aliases are written out")

    def _refuse(self, node: Any, message: str) -> Invalid:
        return _unreadable(self._name, f"{message} ({_at(node.start_mark)})")


def _measure_data(data: Json, name: str) -> None:
    """Check the depth of what JSON gave; its size is bounded by the text's."""
    level = [data]
    for _ in range(DEPTH_MAX):
        if any(type(value) is int and abs(value) > NUMBER_MAX for value in level):
            raise _unreadable(name, _TOO_LARGE)
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
        if not level:
            return
    raise _unreadable(name, f"is nested deeper than {DEPTH_MAX} levels")


def _explain(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError):
        mark = error.problem_mark or error.context_mark
        problem = error.problem or error.context or "cannot be read"
        if "nesting depth" in problem:
            # PyYAML since 6.0.4 has a limit of its own, which its looking ahead meets first.
            return f"is nested deeper than {DEPTH_MAX} levels" + (f" ({_at(mark)})" if mark else "")
        return f"is not valid YAML: {problem}" + (f" ({_at(mark)})" if mark else "")
    if isinstance(error, yaml.reader.ReaderError):
        return f"holds a character that YAML does not allow (position {error.position})"
    return f"is not valid YAML: {error}"


def _at(mark: Any) -> str:
    return f"line {mark.line + 1}, column {mark.column + 1}"


def _subject(name: str) -> str:
    return f"The file {name}" if name else "The template"


def _unreadable(name: str, message: str) -> Invalid:
    return Invalid(f"{_subject(name)} {message}", Fault(name or "template", message))
