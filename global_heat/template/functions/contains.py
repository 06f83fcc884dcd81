"""contains: whether a list (or a text) holds a value."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, plain
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def contains(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`[VALUE, LIST]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [value, list], found {kind_of(arguments)}")
    return _search(arguments, evaluation, at)


def _contains(arguments: Json) -> bool:
    value, items = arguments
    if not isinstance(items, list | str):
        raise Wrong(f"expected a list to search, found {kind_of(items)}", late=True)
    if isinstance(items, str) and not isinstance(value, str):
        raise Wrong(f"a text can only hold a text, found {kind_of(value)}", late=True)
    return value in items


_search = plain(_contains)
