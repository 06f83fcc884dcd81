"""Walking values that may hold things not known yet."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Final

from global_heat.model.names import Path
from global_heat.model.values import Json, Unknown

TEXT_CHARACTERS_MAX = 1024 * 1024
"""What one function may make, so that nested ones cannot multiply a few words into gigabytes."""
ITEMS_MAX = 100_000

FAULTY: Final = Unknown("a value that has a fault")
"""Stands for a value whose fault is noted already, so that nothing more is said about it."""


class _Omitted:
    """The value of `if` with two arguments when the condition is false: its item is left out."""


OMITTED: Final = _Omitted()


class Origin(Unknown, frozen=True):
    """An unknown value that remembers what it will be: an attribute of a leaf and the keys into it."""

    path: Path
    attribute: str = ""
    """Empty: the leaf's reference."""
    keys: tuple[str | int, ...] = ()

    def beyond(self, keys: list[Json]) -> Origin:
        """The same, some keys further in."""
        return Origin(self.of, self.path, self.attribute, (*self.keys, *keys)) if keys else self


def first_unknown(value: Json) -> Unknown | None:
    """Return the first `Unknown` inside the value, a noted fault before any other."""
    found: Unknown | None = None
    open_values = [value]
    while open_values:
        value = open_values.pop()
        match value:
            case str():
                pass
            case Unknown():
                if value == FAULTY:
                    return FAULTY
                found = found or value
            case dict():
                open_values.extend(value.values())
            case list():
                open_values.extend(value)
    return found


def key_text(key: Json) -> str:
    """A map's key as JSON would write it: YAML allows numbers and booleans there."""
    return key if isinstance(key, str) else json.dumps(key)


def describe(value: Json) -> str:
    """Say what a value is, for a fault's "found"."""
    match value:
        case None:
            return "nothing"
        case bool():
            return f"the boolean {'true' if value else 'false'}"
        case int() | float():
            return f"the number {value}"
        case str():
            return f'the text "{value if len(value) <= 60 else value[:57] + "..."}"'
        case list():
            return "a list"
        case dict():
            return "a map"
        case _:
            return str(value)


def kind_of(value: Json) -> str:
    """Say what sort of value it is and not which: it may come from a secret."""
    match value:
        case str():
            return "a text"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
    return describe(value)


def keys_of(
    value: Json, needed: Sequence[str], known: Sequence[str] = (), say: Callable[[Json], str] = kind_of
) -> str:
    """Say what a value is that should be a map: which of the needed keys it lacks, which it has for them.

    `known`: what it may have besides. Keys that a template spells out are no secrets.
    """
    if not isinstance(value, dict):
        return say(value)
    missing = [key for key in needed if key not in value]
    strange = [str(key) for key in value if key not in (*needed, *known)]
    told = [f"without {' and '.join(missing)}"] if missing else []
    if strange:
        told.append(f"with {' and '.join(key[:60] for key in strange[:5])}")
    return f"a map {', '.join(told)}" if told else "a map"


def walk(value: Json, path: list[Json], *, text_indexes: bool) -> Json | _Omitted:
    """Follow keys and indexes into a value; `OMITTED` when the path leads nowhere.

    `text_indexes`: whether "1" is an index of a list (`get_param` says yes, `get_attr` no).
    Both index the characters of a text.
    """
    for place, key in enumerate(path):
        match value:
            case Origin():
                return value.beyond(path[place:])
            case Unknown():
                return value
            case dict():
                if not isinstance(key, str | int | float | bool) or key not in value:
                    return OMITTED
                value = value[key]
            case list() | str():
                index = key
                if text_indexes and isinstance(key, str):
                    try:
                        index = int(key)
                    except ValueError:
                        return OMITTED
                if not isinstance(index, int) or not -len(value) <= index < len(value):
                    return OMITTED
                value = value[index]
            case _:
                return OMITTED
    return value


def count_items(value: Json, most: int) -> int:
    """Count the values inside a value; stop at `most`."""
    count, open_values = 0, [value]
    while open_values and count < most:
        value = open_values.pop()
        count += 1
        if isinstance(value, dict):
            open_values.extend(value.values())
        elif isinstance(value, list):
            open_values.extend(value)
    return count
