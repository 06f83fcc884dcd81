"""Constraints on values, of parameters and of properties alike."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.values import Json
from global_heat.template.evaluator import Evaluator
from global_heat.template.location import Wrong
from global_heat.template.pattern import Pattern
from global_heat.template.syntax import ALWAYS_TEXT, LOOKED_UP, SYNTAX, anything
from global_heat.template.values import describe

KINDS = ("range", "length", "modulo", "allowed_values", "allowed_pattern", "custom_constraint")


class Constraint(msgspec.Struct, frozen=True):
    kind: str
    bound: Json
    """What stands beside the kind: a map, a list, a `Pattern`, a name."""
    description: str = ""
    """Said to people in the place of what exactly was violated."""
    written: Json = None
    """The bound as the template's author wrote it."""

    @property
    def is_lookup(self) -> bool:
        """Whether only a service can tell."""
        return self.kind == "custom_constraint" and self.bound in LOOKED_UP

    def violation(self, value: Json) -> str | None:
        """Say what the value, which is known, should have been; None: nothing is wrong."""
        expected = _EXPECTED[self.kind](self.bound, value)
        return (self.description or expected) if expected is not None else None


def of_property(written: Mapping[str, Json], type_name: str) -> Constraint:
    """A constraint as the schemas of resource types have it. A range of a text is its length's."""
    [(kind, bound)] = written.items()
    if kind == "range" and type_name not in ("Integer", "Number"):
        kind = "length"
    return Constraint(kind, Pattern(bound) if kind == "allowed_pattern" else bound)


def _between(bound: Mapping[str, Json], number: float) -> str | None:
    least, most = bound.get("min"), bound.get("max")
    # What is no number at all, "nan", is neither less nor more, as in Heat.
    if not ((least is not None and number < least) or (most is not None and number > most)):
        return None
    match least, most:
        case None, _:
            return f"at most {most}"
        case _, None:
            return f"at least {least}"
    return f"from {least} to {most}"


def _range(bound: Json, value: Json) -> str | None:
    expected = _between(bound, value)
    return expected and f"expected a number {expected}"


def _length(bound: Json, value: Json) -> str | None:
    if not isinstance(value, str | list | dict):
        return "expected something that has a length"
    expected = _between(bound, len(value))
    return expected and f"expected a length {expected}, found one of {len(value)}"


def _modulo(bound: Json, value: Json) -> str | None:
    step, offset = bound["step"], bound["offset"]
    return None if value % step == offset else f"expected a multiple of {step} plus {offset}"


def _allowed_values(bound: Json, value: Json) -> str | None:
    if all(item in bound for item in (value if isinstance(value, list) else [value])):
        return None
    return f"expected one of {', '.join(str(item) for item in bound)}"


def _allowed_pattern(bound: Json, value: Json) -> str | None:
    pattern: Pattern = bound
    return None if pattern.matches(value) else f'expected a text that matches the pattern "{pattern.text}"'


def _custom(bound: Json, value: Json) -> str | None:
    check = SYNTAX.get(bound)
    if check is None or check is anything:
        return None
    if isinstance(value, str):
        return check(value) if value else None
    taken = not value and not isinstance(value, list) and bound not in ALWAYS_TEXT
    return None if taken else f"{bound} is for a text"


_EXPECTED = {
    "range": _range,
    "length": _length,
    "modulo": _modulo,
    "allowed_values": _allowed_values,
    "allowed_pattern": _allowed_pattern,
    "custom_constraint": _custom,
}


def read_bound(kind: str, written: Json, evaluator: Evaluator) -> Json:
    """Check what a template's author wrote beside the kind of a constraint. Raises `Wrong`."""
    match kind:
        case "range" | "length":
            return _read_limits(kind, written)
        case "modulo":
            return _read_modulo(written)
        case "allowed_values":
            if not isinstance(written, list):
                raise Wrong(f"expected a list of values, found {describe(written)}")
        case "allowed_pattern":
            if not isinstance(written, str):
                raise Wrong(f"expected a regular expression, found {describe(written)}")
            return Pattern(written, evaluator)
        case "custom_constraint":
            if not isinstance(written, str) or (written not in SYNTAX and written not in LOOKED_UP):
                raise Wrong(
                    f"expected the name of a constraint such as nova.flavor, found {describe(written)}"
                )
    return written


def _number(written: Json) -> int | float:
    try:
        if isinstance(written, str):
            return int(written) if written.lstrip("+-").isdigit() else float(written)
        if isinstance(written, int | float):
            return written
    except ValueError:
        pass
    raise Wrong(f"expected a number, found {describe(written)}")


def _read_limits(kind: str, written: Json) -> dict[str, int | float]:
    if not isinstance(written, dict) or not written or written.keys() - {"min", "max"}:
        raise Wrong(f"expected min, max or both, found {describe(written)}")
    limits = {key: _number(limit) for key, limit in written.items() if limit is not None}
    if not limits:
        raise Wrong("expected min, max or both, found null")
    if kind == "length" and not all(float(limit).is_integer() for limit in limits.values()):
        raise Wrong("expected whole numbers as limits of a length")
    return limits


def _read_modulo(written: Json) -> dict[str, int | float]:
    if not isinstance(written, dict) or written.keys() != {"step", "offset"}:
        raise Wrong(f"expected step and offset, found {describe(written)}")
    step, offset = _number(written["step"]), _number(written["offset"])
    if not (float(step).is_integer() and float(offset).is_integer()):
        raise Wrong("expected whole numbers as step and offset")
    if step == 0 or abs(offset) >= abs(step):
        raise Wrong("expected a step that is not 0 and an offset smaller than it")
    return {"step": step, "offset": offset}
