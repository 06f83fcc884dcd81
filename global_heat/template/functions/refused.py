"""Functions that a version of the language does not have any more."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong


def removed(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    raise Wrong("this version of the language has no such function; use its modern counterpart")
