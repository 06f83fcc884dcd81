"""and, or, not: of conditions."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def _several(deciding: bool, about: str) -> Function:
    """The first condition that is `deciding` decides; those after it are not looked at."""

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, list) or len(arguments) < 2:
            raise Wrong(f"expected a list of two or more conditions, found {kind_of(arguments)}")
        for index, argument in enumerate(arguments):
            holds = evaluation.decide(argument, (at, index))
            if isinstance(holds, Unknown) or holds is deciding:
                return holds
        return not deciding

    call.__doc__ = about
    return call


both = _several(False, "and: whether all of two or more conditions hold. `[CONDITION, CONDITION, ...]`.")
either = _several(True, "or: whether one of two or more conditions holds. `[CONDITION, CONDITION, ...]`.")


def negate(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """not: whether a condition does not hold. `CONDITION`."""
    if not arguments and not isinstance(arguments, bool):
        raise Wrong(f"expected a condition, found {kind_of(arguments)}")
    holds = evaluation.decide(arguments, at)
    return holds if isinstance(holds, Unknown) else not holds
