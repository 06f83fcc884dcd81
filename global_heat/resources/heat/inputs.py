"""The inputs and outputs that a software config declares, as they are kept."""

from __future__ import annotations

import json
from collections.abc import Sequence

from global_heat.model.values import Body, Json
from global_heat.resources.type import Failed

_EMPTY: dict[str, Json] = {"String": "", "Number": 0, "Boolean": False, "CommaDelimitedList": [], "Json": {}}


def kept_inputs(given: Sequence[Body] | None) -> list[Body]:
    """Inputs with their defaults in the declared type. Raises `Failed`."""
    kept = []
    for item in given or ():
        type = item.get("type") or "String"
        declared: Body = {
            "name": item["name"],
            "description": item.get("description") or "",
            "type": type,
            "default": _default(item["name"], type, item.get("default")),
        }
        if item.get("replace_on_change"):
            declared["replace_on_change"] = True
        kept.append(declared)
    return kept


def kept_outputs(given: Sequence[Body] | None) -> list[Body]:
    return [
        {
            "name": item["name"],
            "description": item.get("description") or "",
            "type": item.get("type") or "String",
            "error_output": bool(item.get("error_output")),
        }
        for item in given or ()
    ]


def _default(name: str, type: str, value: Json) -> Json:
    """A default in the type that is declared. An empty text passes for any."""
    if value is None:
        return _EMPTY[type]
    if value == "":
        return value
    try:
        return _CONVERSIONS[type](value)
    except (TypeError, ValueError):
        raise Failed(f"the default of input {name} is no {type}: {value!r}") from None


def _string(value: Json) -> str:
    if isinstance(value, str | int):
        return str(value)
    raise ValueError


def _number(value: Json) -> int | float:
    if isinstance(value, int | float):
        return value
    try:
        return int(value)
    except ValueError:
        return float(value)


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in ("true", "false"):
        return value.lower() == "true"
    raise ValueError


def _list(value: Json) -> list[Json]:
    if isinstance(value, str):
        return value.split(",")
    if isinstance(value, list):
        return value
    raise ValueError


def _map(value: Json) -> Json:
    if isinstance(value, str | dict):
        return value
    if isinstance(value, list):
        return json.dumps(value)
    raise ValueError


_CONVERSIONS = {
    "String": _string,
    "Number": _number,
    "Boolean": _boolean,
    "CommaDelimitedList": _list,
    "Json": _map,
}
