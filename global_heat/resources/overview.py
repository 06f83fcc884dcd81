"""The page about the resource types, made from the types themselves.

`python -m global_heat.resources.overview > docs/resource-types.md` writes it anew.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable

from global_heat.model.names import PhysicalId
from global_heat.model.schema import PropertySchema, Schemas, TypeSchema
from global_heat.resources.catalogue import ALL, load_schemas, supported
from global_heat.resources.heat.groups import Group
from global_heat.resources.type import Handle, ResourceType

_INTRODUCTION = """# Resource types

Written by `python -m global_heat.resources.overview`; a test keeps it in step with the code.

What is listed is carried out. A property that Heat knows and this page does not list validates; a stack with
it is refused when it is created, with FAILED_PRECONDITION and its place. One that Heat lists and does not
implement itself is a fault of the template, as in Heat. Whether a change is made in place or
needs a replacement is Heat's own rule; where a type decides it by values, the page says "depends".
"""
_HANDLES = {
    Handle.TOKEN: "Found again by the token of the attempt, which it carries.",
    Handle.NATURAL: "Found again by the things that it joins: it has no id of its own.",
    Handle.UNIQUE: "Found again by its name or id, which is chosen before it is made.",
    Handle.LOCAL: "It lives in the stack's records alone.",
}
_EXPANDED = "Becomes other resources before anything is planned."


def markdown() -> str:
    """The whole page."""
    schemas = load_schemas()
    parts = [_INTRODUCTION]
    for name in sorted(supported()):
        schema = schemas.get(name)
        assert schema is not None, name
        parts.append(_section(name, schema, schemas))
    return "\n".join(parts)


def _section(name: str, schema: TypeSchema, schemas: Schemas) -> str:
    type, given = ALL[name], schemas.supported(name) or ()
    lines = [f"## {name}", ""]
    if isinstance(type, Group):
        lines.append(_EXPANDED)
        answered = set(schema.attributes)
    else:
        service = f"Service: {type.service}. " if type.service else ""
        lines.append(service + _HANDLES[type.handle])
        answered = set(type.attributes(PhysicalId(""), {}, {}))
        if type.saved_as is not None:
            lines += ["", f"With the deletion policy Snapshot it leaves behind: `{type.saved_as.kind}`."]
    if given:
        lines += ["", "| property | type | when it changes |", "|---|---|---|"]
        lines += [_row(key, schema.properties[key], type) for key in sorted(given)]
    if not isinstance(type, Group):
        lines += ["", f"Attributes: {_words(answered)}."]
    in_heat = {key for key, property in schema.properties.items() if property.implemented}
    for what, left in (
        ("properties", in_heat - set(given)),
        ("attributes", schema.attributes.keys() - answered),
    ):
        if left:
            lines += ["", f"Not supported yet, {what}: {_words(left)}."]
    return "\n".join([*lines, ""])


def _row(name: str, schema: PropertySchema, type: ResourceType) -> str:
    kind = f"{schema.type}, required" if schema.required else schema.type
    return f"| `{name}` | {kind} | {_effect(name, schema, type)} |"


def _effect(name: str, schema: PropertySchema, type: ResourceType) -> str:
    if not schema.update_allowed:
        return "replacement"
    if not type.replaces({name}, {}):
        policy = f"{name}_update_policy"
        return "depends" if policy in type.supported else "in place"
    return "depends" if f"{name}_update_policy" in type.supported else "replacement"


def _words(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in sorted(names))


if __name__ == "__main__":
    sys.stdout.write(markdown())
