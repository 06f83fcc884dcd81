"""get_param: a parameter's value, or what a path leads to inside it."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.values import OMITTED, first_unknown, kind_of, walk


def get_param(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """`NAME` or `[NAME, key or index, ...]`. A path that leads nowhere gives an empty text."""
    resolved = evaluation.resolve(arguments, at)
    path: list[Json] = []
    match resolved:
        case Unknown():
            return resolved
        case str():
            name = resolved
        case [str(name), *path]:
            pass
        case [Unknown(), *_]:
            return resolved[0]
        case _:
            raise Wrong(
                f"expected a parameter's name or a list that begins with it, found {kind_of(resolved)}",
                late=True,
            )
    value = evaluation.scope.parameter(name, evaluation.run)
    unknown = first_unknown(path)
    if unknown is not None:
        return unknown
    found = walk(value, path, text_indexes=True)
    return "" if found is OMITTED else found
