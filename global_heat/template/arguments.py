"""Where the values of parameters come from: for the root what is handed over, below it properties."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from global_heat.model.values import Json
from global_heat.template.environment import Environment
from global_heat.template.evaluation import Run, Trace
from global_heat.template.given import Given
from global_heat.template.instance import Argument
from global_heat.template.location import At, Faults, Wrong, place
from global_heat.template.outline import Template
from global_heat.template.parameter import ParameterSchema, misfit
from global_heat.template.property import Coercion
from global_heat.template.source import Source
from global_heat.template.values import FAULTY, ITEMS_MAX, OMITTED, count_items, describe


def argument_of_root(
    template: Template, source: Source, environment: Environment, faults: Faults
) -> Argument:
    """A stack's parameters: handed over, else the environment's, else its defaults, else the template's."""
    for given, at in (
        (source.parameters, place("parameters")),
        (environment.parameters, place("environment", "parameters")),
    ):
        for name in given.keys() - template.parameters.keys():
            known = ", ".join(sorted(template.parameters)) or "none at all"
            faults.add((at, str(name)), f"the template declares no such parameter; it declares {known}")
    values = {}
    for name, schema in template.parameters.items():
        if schema is not None:
            raw, at = _handed_over(name, schema, source, environment)
            values[name] = _checked(schema, raw, at, faults)
    return lambda name, schema, run: values[name]


def _handed_over(
    name: str, schema: ParameterSchema, source: Source, environment: Environment
) -> tuple[Json, At]:
    at = place("parameters", name)
    for given, section in (
        (source.parameters, at),
        (environment.parameters, place("environment", "parameters", name)),
        (environment.defaults, place("environment", "parameter_defaults", name)),
    ):
        if given.get(name) is not None:
            return given[name], section
    return schema.default, at


def argument_of_nested(
    given: Given, defaults: Mapping[str, Json], is_secret: Callable[[Trace], bool]
) -> Argument:
    """A nested template's parameters: properties of the resource that stands for it.

    `defaults` are the environment's, for every template in the tree. `is_secret` tells from what a value
    was made of whether faults may repeat it.
    """

    def argument(name: str, schema: ParameterSchema, run: Run) -> Json:
        (value, trace), at = run.traced(lambda: given.value(name, run)), (given.at, name)
        run.trace.include(trace)
        quote = not is_secret(trace)
        if value is OMITTED:
            default = defaults.get(name)
            value = schema.default if default is None else default
            if value is None:
                run.faults.add(given.at, f"the property {name} is required and missing; add it", value=True)
                return FAULTY
        else:
            if count_items(value, ITEMS_MAX) >= ITEMS_MAX:
                run.faults.add(at, f"holds more than {ITEMS_MAX} values")
                return FAULTY
            coercion = Coercion(run.faults)
            coercion.quote = quote
            before = run.faults.noted
            value = coercion.value(schema.as_property(), value, (), at, lenient=True)
            if run.faults.noted > before:
                return FAULTY
        return _checked(schema, value, at, run.faults, quote=quote)

    return argument


def _checked(schema: ParameterSchema, raw: Json, at: At, faults: Faults, *, quote: bool = True) -> Json:
    """The typed value of a raw one, `FAULTY` when it does not fit."""
    if raw is None:
        faults.add(at, "the parameter has no value and no default; give it a value", value=True)
        return FAULTY
    shown = raw
    try:
        value = schema.coerce(raw)
        expected = misfit(schema, raw) or schema.violation(value)
        # A command line gives numbers as texts, which are as good.
        shown = value if schema.type == "number" else raw
    except Wrong as wrong:
        expected = wrong.message
    if expected is None:
        return value
    found = describe(shown) if quote and not schema.hidden else "a value that is not shown"
    faults.add(at, f"{expected}, found {found}", value=True)
    return FAULTY
