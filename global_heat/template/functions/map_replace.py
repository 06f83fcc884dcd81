"""map_replace: other names for keys and other values in a map."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import plain
from global_heat.template.location import Wrong
from global_heat.template.values import key_text, kind_of


def _replace(arguments: Json) -> Json:
    """`[MAP, {keys: {OLD: new}, values: {OLD: new}}]`."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong("expected [map, {keys: {old: new}, values: {old: new}}]", late=True)
    source, replacements = map(_as_map, arguments)
    unknown = replacements.keys() - {"keys", "values"}
    if unknown:
        raise Wrong(f"expected keys and values, found {', '.join(sorted(unknown))}", late=True)
    keys, values = _as_map(replacements.get("keys")), _as_map(replacements.get("values"))
    result: dict[Json, Json] = {}
    for key, value in source.items():
        new_key = keys.get(key)
        if new_key is None:
            new_key = key
        elif not isinstance(new_key, str | int | float):
            raise Wrong(f"expected texts as new keys, found {kind_of(new_key)}", late=True)
        elif (new_key in source and new_key != key) or new_key in result:
            raise Wrong(f"the new key {new_key} is there already", late=True)
        new_value = values.get(value) if isinstance(value, str | int | float | bool) else None
        result[key_text(new_key)] = value if new_value is None else new_value
    return result


def _as_map(value: Json) -> dict[Json, Json]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise Wrong(f"expected a map, found {kind_of(value)}", late=True)
    return value


map_replace = plain(_replace)
