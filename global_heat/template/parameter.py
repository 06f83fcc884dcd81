"""Parameters: how they are declared, and what a given value becomes."""

from __future__ import annotations

import json

import msgspec

from global_heat.model.schema import PropertySchema
from global_heat.model.values import Json, Unknown
from global_heat.template.constraint import KINDS, Constraint, read_bound
from global_heat.template.evaluator import Evaluator
from global_heat.template.location import At, Faults, Wrong
from global_heat.template.values import describe, first_unknown
from global_heat.template.versions import MODULO_SINCE, TAGS_SINCE, Version

HIDDEN = "******"

KEYS = ("type", "label", "description", "default", "hidden", "constraints", "immutable", "schema")
TRUE_TEXTS = ("1", "t", "true", "on", "y", "yes")
FALSE_TEXTS = ("0", "f", "false", "off", "n", "no")
PROPERTY_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "List",
    "json": "Map",
}
"""What a nested template's parameter is as a property of the resource that stands for it."""
CONSTRAINED = {
    "range": ("number",),
    "length": ("string", "comma_delimited_list", "json"),
    "modulo": ("number",),
    "allowed_values": ("string", "number", "boolean", "comma_delimited_list"),
    "allowed_pattern": ("string",),
    "custom_constraint": ("string", "number", "boolean", "comma_delimited_list"),
}


class ParameterSchema(msgspec.Struct, frozen=True):
    type: str
    default: Json = None
    """Null: none; the parameter must be given."""
    label: str = ""
    description: str = ""
    hidden: bool = False
    immutable: bool = False
    constraints: tuple[Constraint, ...] = ()
    tags: tuple[str, ...] = ()

    def coerce(self, given: Json) -> Json:
        """The typed value of a given one. Raises `Wrong`. An `Unknown` stays what it is."""
        return given if isinstance(given, Unknown) else _COERCE[self.type](given)

    def violation(self, value: Json, passing_over: str = "") -> str | None:
        """What the first violated constraint expects of a typed value; what is unknown is not looked at.

        `passing_over`: a kind of constraint that does not count.
        """
        if first_unknown(value) is not None:
            return None
        for constraint in self.constraints:
            if constraint.kind == passing_over:
                continue
            expected = constraint.violation(value)
            if expected is not None:
                return expected
        return None

    def show(self, value: Json) -> str:
        """The value as people may see it."""
        match value:
            case _ if self.hidden:
                return HIDDEN
            case list() if self.type == "comma_delimited_list":
                return ",".join(map(str, value))
            case _ if self.type == "json" and first_unknown(value) is None:
                return json.dumps(value)
        return str(value)

    def as_property(self) -> PropertySchema:
        """What the resource that stands for a nested template takes for this parameter.

        The default is the parameter's own: null, which is something given, becomes the type's empty value.
        """
        return PropertySchema(type=PROPERTY_TYPES[self.type], required=self.default is None)


PSEUDO_PARAMETER = ParameterSchema("string")


def _string(given: Json) -> str:
    return given if isinstance(given, str) else str(given)


def _number(given: Json) -> int | float:
    if isinstance(given, int | float):
        return given
    try:
        if isinstance(given, str):
            try:
                return int(given)
            except ValueError:
                return float(given)
    except ValueError:
        pass
    raise Wrong("expected a number")


def _boolean(given: Json) -> bool:
    if isinstance(given, bool):
        return given
    text = str(given).strip().lower()
    if text in TRUE_TEXTS:
        return True
    if text in FALSE_TEXTS:
        return False
    raise Wrong("expected true or false")


def _comma_delimited_list(given: Json) -> list[Json]:
    if isinstance(given, list):
        return [item if isinstance(item, Unknown | str) else str(item) for item in given]
    if isinstance(given, str):
        return given.split(",") if given else []
    raise Wrong("expected a list, or a text with commas")


def _json(given: Json) -> Json:
    if not isinstance(given, str) or not given:
        return given
    try:
        return json.loads(given)
    except (ValueError, RecursionError):
        raise Wrong("expected JSON") from None


_COERCE = {
    "string": _string,
    "number": _number,
    "boolean": _boolean,
    "comma_delimited_list": _comma_delimited_list,
    "json": _json,
}


def read_parameter(
    written: Json, version: Version, at: At, faults: Faults, evaluator: Evaluator
) -> ParameterSchema | None:
    """Read a declaration; None, with the faults noted, when there is no way to go on with it."""
    if not isinstance(written, dict):
        faults.add(at, f"expected a map with the parameter's type, found {describe(written)}")
        return None
    keys = (*KEYS, "tags") if version.has(TAGS_SINCE) else KEYS
    for key in written.keys() - set(keys):
        faults.add((at, str(key)), f"is no key of a parameter; expected one of {', '.join(keys)}")
    type_name = written.get("type")
    if not isinstance(type_name, str) or type_name not in PROPERTY_TYPES:
        faults.add((at, "type"), f"expected one of {', '.join(PROPERTY_TYPES)}, found {describe(type_name)}")
        return None
    schema = ParameterSchema(
        type=type_name,
        default=written.get("default"),
        label=_string(written.get("label") or ""),
        description=_string(written.get("description") or ""),
        hidden=bool(written.get("hidden")),
        immutable=bool(written.get("immutable")),
        constraints=tuple(_read_constraints(written, type_name, version, at, faults, evaluator)),
        tags=_read_tags(written.get("tags"), (at, "tags"), faults),
    )
    _check_default(schema, (at, "default"), faults)
    return schema


def _read_tags(written: Json, at: At, faults: Faults) -> tuple[str, ...]:
    if written is None:
        return ()
    if not isinstance(written, list):
        faults.add(at, f"expected a list of texts, found {describe(written)}")
        return ()
    return tuple(written)


def _read_constraints(
    written: dict[str, Json],
    type_name: str,
    version: Version,
    at: At,
    faults: Faults,
    evaluator: Evaluator,
) -> list[Constraint]:
    entries, at = written.get("constraints"), (at, "constraints")
    if entries is None:
        return []
    if not isinstance(entries, list):
        faults.add(at, f"expected a list of constraints, found {describe(entries)}")
        return []
    constraints = []
    for index, entry in enumerate(entries):
        try:
            constraints.append(_read_constraint(entry, type_name, version, evaluator))
        except Wrong as wrong:
            faults.add((at, index), wrong.message)
    return constraints


def _read_constraint(entry: Json, type_name: str, version: Version, evaluator: Evaluator) -> Constraint:
    kinds = [kind for kind in KINDS if kind != "modulo" or version.has(MODULO_SINCE)]
    if not isinstance(entry, dict):
        raise Wrong(f"expected a map with one of {', '.join(kinds)}, found {describe(entry)}")
    unknown = entry.keys() - {*KINDS, "description"}
    if unknown:
        raise Wrong(f"expected one of {', '.join(kinds)}, found {', '.join(sorted(map(str, unknown)))}")
    kind = next((kind for kind in kinds if kind in entry), None)
    if kind is None:
        raise Wrong(f"states no constraint; expected one of {', '.join(kinds)}")
    if type_name not in CONSTRAINED[kind]:
        raise Wrong(f"the constraint {kind} is for {', '.join(CONSTRAINED[kind])}, not for {type_name}")
    bound = read_bound(kind, entry[kind], evaluator)
    if kind == "allowed_values":
        coerce = _COERCE["string" if type_name == "comma_delimited_list" else type_name]
        bound = [coerce(value) for value in bound]
    return Constraint(kind, bound, _string(entry.get("description") or ""), entry[kind])


def misfit(schema: ParameterSchema, raw: Json) -> str | None:
    """What is wrong with a value as it is given, where only texts can be measured; None: nothing."""
    if schema.type != "string" or isinstance(raw, str | Unknown):
        return None
    kinds = {constraint.kind for constraint in schema.constraints}
    if "allowed_pattern" in kinds or ("length" in kinds and isinstance(raw, int | float)):
        return "expected a text, so that it can be measured; put it in quotes"
    return None


def _check_default(schema: ParameterSchema, at: At, faults: Faults) -> None:
    """A default must fit, even when another value is given; custom constraints wait until it is used."""
    if schema.default is None:
        return
    found = "a value that is hidden" if schema.hidden else describe(schema.default)
    try:
        value = schema.coerce(schema.default)
        expected = misfit(schema, schema.default) or schema.violation(value, "custom_constraint")
    except Wrong as wrong:
        faults.add(at, f"{wrong.message}, found {found}", value=schema.type == "number")
        return
    if expected is not None:
        faults.add(at, f"{expected}, found {found}")
