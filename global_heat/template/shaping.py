"""From what a resource is given to the properties that its type takes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import msgspec

from global_heat.model.schema import TypeSchema
from global_heat.model.values import Json
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
    return properties
