"""map_merge: several maps as one; of the same key the last one counts."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import plain
from global_heat.template.location import Wrong
from global_heat.template.values import kind_of


def _merge(arguments: Json) -> Json:
    """`[MAP, MAP, ...]`."""
    if not isinstance(arguments, list):
        raise Wrong(f"expected a list of maps, found {kind_of(arguments)}", late=True)
    merged: dict[str, Json] = {}
    for item in arguments:
        if item is not None and not isinstance(item, dict):
            raise Wrong(f"expected a list of maps, found {kind_of(item)} in it", late=True)
        merged |= item or {}
    return merged


map_merge = plain(_merge)
