"""Functions that a version of the language does not have any more, and those not supported yet."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong


def removed(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    raise Wrong("this version of the language has no such function; use its modern counterpart")


def unsupported(advice: str) -> Function:
    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        raise Wrong(f"the function is not supported yet; {advice}")

    return call
