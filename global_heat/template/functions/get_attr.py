"""get_attr: an attribute of a resource, or what a path leads to inside it."""

from __future__ import annotations

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Function
from global_heat.template.location import At, Wrong
from global_heat.template.values import FAULTY, first_unknown, kind_of


def get_attr(*, all_attributes: bool) -> Function:
    """`[RESOURCE, ATTRIBUTE, key or index, ...]`; a path that leads nowhere gives null. `[RESOURCE]` alone
    is the map of all attributes.

    `all_attributes`: whether the version knows that.
    """
    form = "[resource, attribute, key or index, ...]" + (" or [resource]" if all_attributes else "")
    least = 1 if all_attributes else 2

    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        if not isinstance(arguments, list) or len(arguments) < least:
            raise Wrong(f"expected {form}, found {kind_of(arguments)}")
        name, *keys = evaluation.resolve(arguments, at)
        unknown = first_unknown([name, *keys])
        if unknown == FAULTY:
            return FAULTY
        if isinstance(name, Unknown) or (keys and isinstance(keys[0], Unknown)):
            raise Wrong(f"the names of resource and attribute must be known beforehand, found {unknown}")
        if not isinstance(name, str):
            raise Wrong(f"expected a resource's name first, found {kind_of(name)}")
        if not keys:
            return evaluation.scope.attributes(name, evaluation.run)
        if keys[0] is None:
            evaluation.scope.reference(name, evaluation.run)
            return None
        if not isinstance(keys[0], str):
            raise Wrong(f"expected an attribute's name second, found {kind_of(keys[0])}")
        if any(isinstance(key, list | dict) for key in keys):
            raise Wrong("expected keys and indexes after the attribute, found a list or a map")
        if unknown is not None:
            evaluation.scope.attribute(name, keys[:1], evaluation.run)
            return unknown
        return evaluation.scope.attribute(name, keys, evaluation.run)

    call.__doc__ = get_attr.__doc__
    return call
