"""filter: a list without certain values."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import plain
from global_heat.template.location import Wrong
from global_heat.template.values import kind_of


def _filter(arguments: Json) -> Json:
    """`[VALUES, LIST]`: the list's items that are none of the values."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [values, list], found {kind_of(arguments)}", late=True)
    values, items = arguments
    for value in arguments:
        if value is not None and not isinstance(value, list):
            raise Wrong(f"expected two lists, found {kind_of(value)}", late=True)
    if items is None or values is None:
        return items
    return [item for item in items if item not in values]


without = plain(_filter)
