"""filter: a list without certain values."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, plain
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def without(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`[VALUES, LIST]`: the list's items that are none of the values."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [values, list], found {kind_of(arguments)}")
    return _filtered(arguments, evaluation, at)


def _filter(arguments: Json) -> Json:
    values, items = arguments
    if not items:
        return items
    if not isinstance(items, list):
        raise Wrong(f"expected a list, found {kind_of(items)}", late=True)
    if not values:
        return items
    if not isinstance(values, list):
        raise Wrong(f"expected a list of values, found {kind_of(values)}", late=True)
    return [item for item in items if item not in values]


_filtered = plain(_filter)
