"""if: one of two values, as a condition says. The other one is not looked at."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import OMITTED, kind_of


def choose(*, alternative_needed: bool = True) -> Function:
    """`[CONDITION, VALUE, OTHER VALUE]`; where no alternative is needed, `[CONDITION, VALUE]` too:
    the item that it stands for is left out when the condition is false. A null condition holds.
    """
    form = "[condition, value if true, value if false]"
    sizes = (3,) if alternative_needed else (2, 3)

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, list) or len(arguments) not in sizes:
            raise Wrong(f"expected {form}, found {kind_of(arguments)}")
        condition = arguments[0]
        holds = True if condition is None else evaluation.decide(condition, (at, 0))
        if isinstance(holds, Unknown):
            return holds
        if not holds and len(arguments) == 2:
            return OMITTED
        chosen = 1 if holds else 2
        return evaluation.resolve(arguments[chosen], (at, chosen))

    call.__doc__ = choose.__doc__
    return call
