"""What is right, and probably not meant: functions of other versions, keys that stand twice."""

from __future__ import annotations

from collections.abc import Iterator

from global_heat.model.errors import Fault, Invalid
from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.location import At, place, spell
from global_heat.template.source import Source
from global_heat.template.versions import DATES, DIALECTS, HOT, Version, first_with

_WHERE = ("resources", "outputs")


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
            for section in _WHERE:
                warnings += _newer(data.get(section), version, (start, section))
    return warnings


def _version(data: Json) -> Version | None:
    written = data.get(HOT) if isinstance(data, dict) else None
    return DIALECTS[HOT].get(written) if isinstance(written, str) else None


def _newer(value: Json, version: Version, at: At) -> Iterator[Fault]:
    match value:
        case dict():
            if len(value) == 1:
                [name] = value
                since = first_with(name)
                if name not in version.functions and since is not None:
                    yield Fault(
                        spell((at, name)),
                        f"is plain data in {version.date}: the function {name} is there since {since};"
                        f" say heat_template_version: {DATES[-1]} to use it",
                        "NEWER_FUNCTION",
                    )
            for key, item in value.items():
                yield from _newer(item, version, (at, str(key)))
        case list():
            for index, item in enumerate(value):
                yield from _newer(item, version, (at, index))
