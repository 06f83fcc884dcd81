"""resource_facade: what the resource that a nested template stands for is given."""

from __future__ import annotations

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.values import kind_of

FACETS = ("metadata", "deletion_policy", "update_policy")


def resource_facade(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    if arguments not in FACETS:
        raise Wrong(f"expected one of {', '.join(FACETS)}, found {kind_of(arguments)}")
    return evaluation.scope.facade(arguments, evaluation.run)
