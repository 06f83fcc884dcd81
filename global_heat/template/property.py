"""Properties: what a value becomes under the schema of its resource type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import lru_cache

from global_heat.model.schema import PropertySchema
from global_heat.model.values import Json, Unknown
from global_heat.template.constraint import Constraint, of_property
from global_heat.template.location import At, Faults, Wrong
from global_heat.template.values import OMITTED, describe, first_unknown

Keys = tuple[str, ...]
"""Where a property stands in its type's schema: `("networks", "*", "port")`."""
Visit = Callable[[Keys, tuple[Constraint, ...], Json, At], Json]
"""Told of each known value that has constraints; gives the value to go on with."""

_NOT_IMPLEMENTED = "is known to Heat and not implemented by it; leave it out"


def unchanged(keys: Keys, constraints: tuple[Constraint, ...], value: Json, at: At) -> Json:
    """Visit nothing."""
    return value


class Coercion:
    """Turns resolved values into those of a schema, as Heat does, and notes what does not fit."""

    def __init__(self, faults: Faults, visit: Visit = unchanged) -> None:
        self._faults = faults
        self._visit = visit
        self.quote = True
        """Whether faults may repeat the values they found."""

    def value(
        self, schema: PropertySchema, given: Json, keys: Keys, at: At, *, lenient: bool = False
    ) -> Json:
        """One property's value; null becomes the default, or the type's empty value.

        `lenient`: of a nested template's parameter: lists as text with commas, maps as JSON text, which a
        list becomes.
        """
        if isinstance(given, Unknown):
            return given
        if given is None:
            given = _EMPTY.get(schema.type) if schema.default is None else schema.default
        try:
            value = self._shape(schema, given, keys, at, lenient)
        except Wrong as wrong:
            self._faults.add(at, f"{wrong.message}, found {self._found(given)}", value=True)
            return given
        if not schema.constraints or first_unknown(value) is not None:
            return value
        constraints = _constraints(_Same(schema))
        value = self._visit(keys, constraints, value, at)
        for constraint in constraints:
            expected = constraint.violation(value)
            if expected is not None:
                self._faults.add(at, f"{expected}, found {self._found(value)}", value=True)
                break
        return value

    def children(
        self, schemas: Mapping[str, PropertySchema], given: Mapping[str, Json], keys: Keys, at: At
    ) -> dict[str, Json]:
        """A map's values, each under its own schema. What is not given is its default, else null."""
        check_names(schemas, given, at, self._faults, inner=True)
        result = {}
        for name, schema in schemas.items():
            if given.get(name, OMITTED) is not OMITTED:
                result[name] = self.value(schema, given[name], (*keys, name), (at, name))
            elif schema.default is not None:
                result[name] = self.value(schema, None, (*keys, name), (at, name))
            else:
                result[name] = None
        return result

    def _found(self, value: Json) -> str:
        return describe(value) if self.quote else "a value that is not shown"

    def _shape(self, schema: PropertySchema, given: Json, keys: Keys, at: At, lenient: bool) -> Json:
        match schema.type:
            case "List":
                return self._list(schema, given, keys, at, lenient)
            case "Map":
                return self._map(schema, given, keys, at, lenient)
        return _SCALARS[schema.type](given)

    def _list(self, schema: PropertySchema, given: Json, keys: Keys, at: At, lenient: bool) -> Json:
        if lenient and isinstance(given, str):
            given = given.split(",") if given else []
        if not isinstance(given, list):
            raise Wrong("expected a list")
        items = (schema.schema or {}).get("*")
        if items is None:
            if lenient and not all(isinstance(item, str | Unknown | None) for item in given):
                raise Wrong("expected a list of texts; put numbers in quotes")
            return given
        if not items.implemented and given:
            raise Wrong(_NOT_IMPLEMENTED)
        below = (*keys, "*")
        return [self.value(items, item, below, (at, index)) for index, item in enumerate(given)]

    def _map(self, schema: PropertySchema, given: Json, keys: Keys, at: At, lenient: bool) -> Json:
        if lenient and isinstance(given, str | list):
            return given if isinstance(given, str) or first_unknown(given) is not None else json.dumps(given)
        if not isinstance(given, dict):
            raise Wrong("expected a map")
        return given if schema.schema is None else self.children(schema.schema, given, keys, at)


def check_names(
    schemas: Mapping[str, PropertySchema],
    given: Mapping[str, Json],
    at: At,
    faults: Faults,
    *,
    inner: bool = False,
) -> None:
    """Note names that the schema does not have or that Heat leaves aside, required ones missing, and doubles.

    `inner`: of a map inside a property, which counts as its value.
    """
    for name in given.keys() - schemas.keys():
        expected = ", ".join(sorted(schemas)) or "none at all"
        faults.add((at, name), f"is no property here; expected one of {expected}", value=inner)
    for name, schema in schemas.items():
        there = given.get(name, OMITTED) is not OMITTED
        if not schema.implemented and (there or (name in given and not inner)):
            faults.add((at, name), _NOT_IMPLEMENTED, value=inner)
        if not there and not schema.required:
            continue
        former = former_name(name, schemas)
        replaced = former is not None and given.get(former, OMITTED) is not OMITTED
        if there and replaced:
            faults.add((at, name), f"stands beside {former}, its former name; leave that out", value=True)
        elif schema.required and not there and not replaced and schema.default is None:
            faults.add(at, f"the property {name} is required and missing; add it", value=True)


def former_name(name: str, schemas: Mapping[str, PropertySchema]) -> str | None:
    """The hidden property that a property took the place of: `network_id` of `network`."""
    former = schemas.get(f"{name}_id")
    return f"{name}_id" if former is not None and former.support.get("status") == "HIDDEN" else None


def renamed(schemas: Mapping[str, PropertySchema], values: Mapping[str, Json]) -> dict[str, Json]:
    """The same with what is given under a former name under today's, and null under the former one."""
    result = {
        name: _renamed_inside(schemas[name], value) if name in schemas else value
        for name, value in values.items()
    }
    for name in schemas:
        former = former_name(name, schemas)
        if former is not None and result.get(former) is not None:
            result[name], result[former] = result[former], None
    return result


def _renamed_inside(schema: PropertySchema, value: Json) -> Json:
    if schema.schema is None:
        return value
    if isinstance(value, dict):
        return renamed(schema.schema, value)
    if isinstance(value, list) and "*" in schema.schema:
        return [_renamed_inside(schema.schema["*"], item) for item in value]
    return value


class _Same:
    """A schema, by identity: schemas are made once and live as long as the process."""

    __slots__ = ("schema",)

    def __init__(self, schema: PropertySchema) -> None:
        self.schema = schema

    def __hash__(self) -> int:
        return id(self.schema)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.schema is self.schema


@lru_cache(maxsize=4096)
def _constraints(same: _Same) -> tuple[Constraint, ...]:
    return tuple(of_property(written, same.schema.type) for written in same.schema.constraints)


def _string(given: Json) -> str:
    if isinstance(given, str):
        return given
    if isinstance(given, int):
        return str(given)
    raise Wrong("expected a text")


def _integer(given: Json) -> int:
    try:
        return int(given)
    except (TypeError, ValueError, OverflowError):
        raise Wrong("expected a whole number") from None


def _number(given: Json) -> int | float:
    if isinstance(given, int | float):
        return given
    try:
        return _integer(given)
    except Wrong:
        pass
    try:
        return float(given)
    except (TypeError, ValueError):
        raise Wrong("expected a number") from None


def _boolean(given: Json) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.lower() in ("true", "false"):
        return given.lower() == "true"
    raise Wrong("expected true or false")


_SCALARS: dict[str, Callable[[Json], Json]] = {
    "String": _string,
    "Integer": _integer,
    "Number": _number,
    "Boolean": _boolean,
    "Any": lambda given: given,
}
_EMPTY: dict[str, Json] = {"String": "", "Integer": 0, "Number": 0, "Boolean": False, "List": [], "Map": {}}
