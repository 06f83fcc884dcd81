"""JSON to and from the wire's own messages for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf.struct_pb2 import ListValue, Struct, Value

from global_heat.model.values import Json


def struct_to_json(struct: Struct) -> dict[str, Json]:
    return {name: value_to_json(value) for name, value in struct.fields.items()}


def value_to_json(value: Value) -> Json:
    """The wire knows only one sort of number: a whole one is taken for an integer."""
    match value.WhichOneof("kind"):
        case "number_value":
            number = value.number_value
            return int(number) if number.is_integer() else number
        case "string_value":
            return value.string_value
        case "bool_value":
            return value.bool_value
        case "struct_value":
            return struct_to_json(value.struct_value)
        case "list_value":
            return [value_to_json(item) for item in value.list_value.values]
        case _:
            return None


def json_to_struct(values: Mapping[str, Json]) -> Struct:
    return Struct(fields={name: json_to_value(value) for name, value in values.items()})


def json_to_value(value: Any) -> Value:
    """Integers that the wire's only sort of number would round are sent as text."""
    match value:
        case None:
            return Value(null_value=0)  # type: ignore[arg-type]
        case bool():
            return Value(bool_value=value)
        case int() if abs(value) > 1 << 53:
            return Value(string_value=str(value))
        case int() | float():
            return Value(number_value=value)
        case Mapping():
            return Value(struct_value=json_to_struct({str(key): item for key, item in value.items()}))
        case list() | tuple():
            return Value(list_value=ListValue(values=[json_to_value(item) for item in value]))
        case _:
            return Value(string_value=str(value))
