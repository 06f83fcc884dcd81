"""get_resource: what other resources call a resource by: mostly its id."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.values import FAULTY, kind_of


def get_resource(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`NAME`."""
    name = evaluation.resolve(arguments, at)
    if name == FAULTY:
        return FAULTY
    if isinstance(name, Unknown):
        raise Wrong(f"the resource's name must be known beforehand, found {name}", late=True)
    if not isinstance(name, str):
        is_late = not isinstance(name, list | dict)
        raise Wrong(f"expected a resource's name, found {kind_of(name)}", late=is_late)
    return evaluation.scope.reference(name, evaluation.run)
