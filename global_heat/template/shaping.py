"""From what a resource is given to the properties that its type takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from global_heat.model.schema import TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Run, Trace
from global_heat.template.given import Given
from global_heat.template.node import takes_anything
from global_heat.template.property import Coercion, check_names
from global_heat.template.values import OMITTED

_VALUE_TYPE = "OS::Heat::Value"
_VALUE_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "List",
    "json": "Map",
}
_MOVED: dict[str, tuple[str, str, Callable[[Json], Json]]] = {
    "OS::Heat::RandomString": ("sequence", "character_classes", lambda value: {"class": value, "min": 1}),
    "OS::Neutron::Router": ("l3_agent_id", "l3_agent_ids", lambda value: value),
}
"""By type: a property that Heat makes the one item of another, and that item."""


def shape(
    type: str,
    schema: TypeSchema,
    given: Given,
    run: Run,
    coercion: Coercion,
    is_secret: Callable[[Trace], bool] = lambda trace: True,
) -> dict[str, Json]:
    """The properties that are given or have a default, under the type's schema.

    `is_secret` tells from what a value was made of whether faults may repeat it.
    """
    values: dict[str, Json] = {}
    traces: dict[str, Trace] = {}
    for name in given.names(run):
        values[name], traces[name] = run.traced(partial(given.value, name, run))
        run.trace.include(traces[name])
    if takes_anything(type, schema):
        return {}
    check_names(schema.properties, values, given.at, run.faults)
    properties: dict[str, Json] = {}
    for name, property in schema.properties.items():
        value = values.get(name, OMITTED)
        if value is OMITTED:
            if property.default is None:
                continue
            value = None
        else:
            coercion.quote = not is_secret(traces[name])
        if type == _VALUE_TYPE and name == "value":
            wished = _VALUE_TYPES.get(str(values.get("type")), property.type)
            property = msgspec.structs.replace(property, type=wished)
        properties[name] = coercion.value(property, value, (name,), (given.at, name))
    if type in _MOVED:
        _move(*_MOVED[type], properties, values, given, run)
    return properties


def _move(
    name: str,
    to: str,
    item_of: Callable[[Json], Json],
    properties: dict[str, Json],
    values: dict[str, Json],
    given: Given,
    run: Run,
) -> None:
    if isinstance(properties.get(name), Unknown) or not properties.get(name):
        return
    if to in values:
        run.faults.add((given.at, name), f"stands beside {to}; leave one of them out", value=True)
    properties[to] = [item_of(properties.pop(name))]
