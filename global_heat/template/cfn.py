"""CloudFormation's way to declare a parameter, told in HOT's words."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.location import At, Faults
from global_heat.template.values import describe

TYPES = {
    "String": "string",
    "Number": "number",
    "Boolean": "boolean",
    "CommaDelimitedList": "comma_delimited_list",
    "Json": "json",
}
_LIMITS = (("range", "MinValue", "MaxValue"), ("length", "MinLength", "MaxLength"))
_SINGLE = {"allowed_values": "AllowedValues", "allowed_pattern": "AllowedPattern"}
KEYS = (
    "Type",
    "Default",
    "Description",
    "Label",
    "NoEcho",
    "ConstraintDescription",
    *(key for _, *keys in _LIMITS for key in keys),
    *_SINGLE.values(),
)


def declaration(written: Json, at: At, faults: Faults) -> Json:
    """The same declaration as HOT has it; what it cannot say is noted."""
    if not isinstance(written, dict):
        return written
    for key in written.keys() - set(KEYS):
        faults.add((at, key), f"is no key of a parameter; expected one of {', '.join(KEYS)}")
    type_name = written.get("Type")
    if type_name not in TYPES:
        faults.add((at, "Type"), f"expected one of {', '.join(TYPES)}, found {describe(type_name)}")
        type_name = "String"
    said = {
        "type": TYPES[type_name],
        "default": written.get("Default"),
        "description": written.get("Description"),
        "label": written.get("Label"),
        "hidden": str(written.get("NoEcho", "false")).lower() == "true",
        "constraints": _constraints(written),
    }
    return {key: value for key, value in said.items() if value is not None}


def _constraints(written: dict[str, Json]) -> list[dict[str, Json]]:
    constraints: list[dict[str, Json]] = []
    for kind, least, most in _LIMITS:
        limits = {key: written[name] for key, name in (("min", least), ("max", most)) if name in written}
        if limits:
            constraints.append({kind: limits})
    constraints += [{kind: written[name]} for kind, name in _SINGLE.items() if name in written]
    description = written.get("ConstraintDescription")
    return [{**constraint, "description": description} for constraint in constraints]
