"""Values as templates and clouds know them, and the value that is not there yet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

Json = Any
"""None, bool, int, float, str, list of Json, dict of str to Json; `Unknown` leaves while planning."""
Body = dict[str, Any]
"""A JSON object as an OpenStack service sends it."""
Properties = Mapping[str, Any]
"""Resolved properties of a resource, by name, coerced to the types of its schema."""


class Unknown(msgspec.Struct, frozen=True):
    """A value that only a step not yet done can tell. `of` names what it waits for, for people."""

    of: str

    def __str__(self) -> str:
        return f"<known after {self.of}>"


def has_unknown(value: Json) -> bool:
    """Tell whether an `Unknown` stands anywhere inside the value."""
    match value:
        case Unknown():
            return True
        case dict():
            return any(has_unknown(item) for item in value.values())
        case list() | tuple():
            return any(has_unknown(item) for item in value)
        case _:
            return False
