"""Plain data to typed values, with every fault found at once and each where it stands."""

from __future__ import annotations

import types
import typing
from typing import Any, TypeVar

import msgspec

from global_heat.model.errors import Fault
from global_heat.model.values import Json

S = TypeVar("S", bound=msgspec.Struct)


def read_struct(kind: type[S], value: Json, path: str, faults: list[Fault]) -> S | None:
    """The value as `kind`; None when it has faults, which are added to `faults` with their paths.

    A struct of structs is read part by part, so that one fault does not hide the others.
    """
    if not isinstance(value, dict):
        faults.append(Fault(path or "(the file)", f"must be a map, not {_kind_of(value)}"))
        return None
    hints = typing.get_type_hints(kind, include_extras=True)
    known = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(faults)
    for key in value:
        if key not in known:
            faults.append(Fault(_join(path, str(key)), f"is not known here; known: {', '.join(known)}"))
    read: dict[str, Any] = {}
    for key, field in known.items():
        if key in value:
            read[field.name] = _read(hints[field.name], value[key], _join(path, key), faults)
        elif field.required:
            faults.append(Fault(_join(path, key), "is missing"))
    return kind(**read) if len(faults) == before else None


def _read(kind: Any, value: Json, path: str, faults: list[Fault]) -> Any:
    if _is_struct(kind):
        return read_struct(kind, value, path, faults)
    arguments = typing.get_args(kind)
    match typing.get_origin(kind):
        case types.UnionType if value is not None:
            inner = [argument for argument in arguments if argument is not types.NoneType]
            if len(inner) == 1:
                return _read(inner[0], value, path, faults)
        case origin if origin is tuple and isinstance(value, list) and _is_struct(arguments[0]):
            return tuple(
                read_struct(arguments[0], item, f"{path}[{n}]", faults) for n, item in enumerate(value)
            )
        case origin if origin is dict and isinstance(value, dict) and _is_struct(arguments[1]):
            return {
                str(name): read_struct(arguments[1], item, _join(path, str(name)), faults)
                for name, item in value.items()
            }
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        message, _, where = str(error).partition(" - at `$")
        found = "" if isinstance(value, dict | list) else f", found {value!r}"
        faults.append(Fault(path + where.rstrip("`"), message[:1].lower() + message[1:] + found))
        return None


def _is_struct(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _kind_of(value: Json) -> str:
    return "empty" if value is None else type(value).__name__
