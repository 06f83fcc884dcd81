"""equals: whether two values are the same."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, plain
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def equals(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`[VALUE, VALUE]`. As in Heat, `1`, `1.0` and `true` are the same."""
    if not isinstance(arguments, list) or len(arguments) != 2:
        raise Wrong(f"expected [value, value], found {kind_of(arguments)}")
    return _compare(arguments, evaluation, at)


def _equals(arguments: Json) -> bool:
    one, other = arguments
    same: bool = one == other
    return same


_compare = plain(_equals)
