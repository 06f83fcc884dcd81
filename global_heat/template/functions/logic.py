"""and, or, not: of conditions."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of


def _several(deciding: bool) -> Function:
    """The first condition that is `deciding` decides; those after it are not looked at."""

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, list) or len(arguments) < 2:
            raise Wrong(f"expected a list of two or more conditions, found {kind_of(arguments)}")
        for index, argument in enumerate(arguments):
            holds = evaluation.decide(argument, (at, index))
            if isinstance(holds, Unknown) or holds is deciding:
                return holds
        return not deciding

    return call


both = _several(deciding=False)
either = _several(deciding=True)


def negate(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    if not arguments and not isinstance(arguments, bool):
        raise Wrong(f"expected a condition, found {kind_of(arguments)}")
    holds = evaluation.decide(arguments, at)
    return holds if isinstance(holds, Unknown) else not holds
