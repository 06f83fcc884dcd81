"""OS::Heat::Value: gives back what it is given, as the type asked for."""

from __future__ import annotations

import json

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties, has_unknown
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

_TRUE = frozenset({"t", "true", "on", "y", "yes", "1"})
_FALSE = frozenset({"f", "false", "off", "n", "no", "0"})


class Value(LocalType):
    name = "OS::Heat::Value"
    kind = "heat.value"
    supported = frozenset({"type", "value"})

    def check(self, props: Properties) -> list[str]:
        type, value = props.get("type"), props.get("value")
        if value is None or has_unknown(value) or has_unknown(type):
            return []
        try:
            convert(type, value)
        except ValueError as fault:
            return [f"value: {fault}"]
        return []

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"value": convert(props.get("type"), props["value"])}

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, "value": made.get("value")}


def convert(type: str | None, value: Json) -> Json:
    """The value as a property of that type has it. Raises ValueError."""
    match type:
        case "string":
            return _string(value)
        case "number":
            return _number(value)
        case "boolean":
            return _boolean(value)
        case "comma_delimited_list":
            return _list(value)
        case "json":
            return _map(value)
        case _:
            return value


def _string(value: Json) -> str:
    if isinstance(value, list | dict | bool):
        return json.dumps(value)
    return str(value)


def _number(value: Json) -> int | float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, str):
        try:
            return int(value)
        except ValueError:
            return float(value)
    raise ValueError(f"{value!r} is no number")


def _boolean(value: Json) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(f"{value!r} is no boolean")


def _list(value: Json) -> list[Json]:
    if isinstance(value, list):
        return value
    if isinstance(value, str):
        return [item.strip() for item in value.split(",")] if value else []
    raise ValueError(f"{value!r} is no list")


def _map(value: Json) -> Json:
    if isinstance(value, str):
        value = json.loads(value)
    if isinstance(value, dict | list):
        return value
    raise ValueError(f"{value!r} is no map")
