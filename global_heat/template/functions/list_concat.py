"""list_concat, list_concat_unique: lists one after the other."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import plain
from global_heat.template.location import Wrong
from global_heat.template.values import ITEMS_MAX, kind_of


def _concatenate(arguments: Json) -> list[Json]:
    """`[LIST, LIST, ...]`."""
    if not isinstance(arguments, list):
        raise Wrong(f"expected a list of lists, found {kind_of(arguments)}", late=True)
    result: list[Json] = []
    for items in arguments:
        if items is not None and not isinstance(items, list):
            raise Wrong(f"expected a list of lists, found {kind_of(items)} in it", late=True)
        result += items or []
    if len(result) > ITEMS_MAX:
        raise Wrong(f"the result has more than {ITEMS_MAX} items")
    return result


def _concatenate_unique(arguments: Json) -> list[Json]:
    """Each value once. As in Heat, `1`, `1.0` and `true` are the same."""
    unique: list[Json] = []
    seen: set[object] = set()
    for item in _concatenate(arguments):
        if isinstance(item, dict | list):
            if item not in unique:
                unique.append(item)
        elif item not in seen:
            seen.add(item)
            unique.append(item)
    return unique


list_concat = plain(_concatenate)
list_concat_unique = plain(_concatenate_unique)
