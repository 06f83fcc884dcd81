"""What is right, and probably not meant: functions of other versions or misspelt, keys that stand twice."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Final

import msgspec

from global_heat.model.errors import Fault, Invalid
from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.functions.refused import removed
from global_heat.template.location import At, place, spell
from global_heat.template.source import Source
from global_heat.template.versions import DATES, DIALECTS, Version, first_with

_SECTIONS: Final = {"resources": 3, "conditions": 1, "outputs": 2}
"""Where functions stand, and how many maps further in: what is around them has the names of other things."""
_LIKENESS_MIN: Final = 0.86
_LIKENESS_MIN_IN_CONDITIONS: Final = 0.75
"""Less will do there: hardly a map in a condition is data."""


def find_warnings(source: Source) -> list[Fault]:
    """Of a template and the files handed over with it that are templates. Faults are no matter here."""
    warnings: list[Fault] = []
    for name, text in (("", source.template), *source.files.items()):
        repeated: list[Fault] = []
        try:
            data = parse_document(text, name, repeated)
        except Invalid:
            continue
        if isinstance(data, dict) and not DIALECTS.keys().isdisjoint(data):
            warnings += repeated
        version = _version(data)
        if version is not None:
            start = place(f"<{name}>") if name else None
            for section, depth in _SECTIONS.items():
                word = version.word(section)
                likely = _in_conditions(version) if section == "conditions" else _in_values(version)
                warnings += _look_at(data.get(word), version, likely, depth, (start, word))
    return warnings


def _version(data: Json) -> Version | None:
    for key, versions in DIALECTS.items() if isinstance(data, dict) else ():
        written = data.get(key)
        if isinstance(written, str):
            return versions.get(written)
    return None


class _Likely(msgspec.Struct, frozen=True):
    """The functions that may be meant."""

    names: Mapping[str, str]
    """By their names in small letters."""
    likeness: float

    def find(self, name: str) -> str | None:
        near = get_close_matches(name.lower(), self.names, 1, self.likeness)
        return self.names[near[0]] if near else None


def _in_values(version: Version) -> _Likely:
    """Those whose names are hardly a word of data: not `filter`, of which `filters` would be a near miss."""
    names = [name for name, function in version.functions.items() if function is not removed]
    if version.is_hot:
        names = [name for name in names if "_" in name or "::" in name]
    return _Likely({name.lower(): name for name in names}, _LIKENESS_MIN)


def _in_conditions(version: Version) -> _Likely:
    return _Likely({name.lower(): name for name in version.conditions}, _LIKENESS_MIN_IN_CONDITIONS)


def _look_at(value: Json, version: Version, likely: _Likely, depth: int, at: At) -> Iterator[Fault]:
    """Find what looks like a function and is none; not before `depth` maps further in."""
    match value:
        case dict():
            if len(value) == 1 and depth <= 0:
                [name] = value
                if name not in version.functions and name not in version.conditions:
                    yield from _no_function(name, version, likely, (at, name))
            for key, item in value.items():
                yield from _look_at(item, version, likely, depth - 1, (at, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from _look_at(item, version, likely, depth - 1, (at, index))


def _no_function(name: str, version: Version, likely: _Likely, at: At) -> Iterator[Fault]:
    since = first_with(name) if version.is_hot else None
    if since is not None:
        yield Fault(
            spell(at),
            f"is plain data in {version.date}: the function {name} is there since {since};"
            f" say heat_template_version: {DATES[-1]} to use it",
            "NEWER_FUNCTION",
        )
    elif (meant := likely.find(name)) is not None:
        message = f"is plain data: there is no function {name}; did you mean {meant}?"
        yield Fault(spell(at), message, "MISSPELT_FUNCTION")
