"""`external_id`: a resource that stands for a thing which is there already. Pure.

As in Heat such a resource is never changed, nor may an update make it stand for another thing, make it ours,
or make external what is ours.
"""

from __future__ import annotations

from collections.abc import Callable

from global_heat.model.values import Json
from global_heat.planner.decision import Create, Decision, Keep, Mend, Resume, Update, Wish
from global_heat.template.tree import Definition

_EXTERNAL = "(external_id)"


def external_wish(external_id: Json, hash_property: Callable[[str, Json], str]) -> Wish:
    """The wish for it: the id counts as its one property, whatever is written beside it."""
    return Wish({_EXTERNAL: hash_property(_EXTERNAL, external_id)})


def external_refusal(definition: Definition, decision: Decision) -> str:
    """Why this decision cannot be carried out: it would change what a resource stands for. Empty: it can."""
    match decision:
        case Create(replaces=None):
            return ""
        case Create(replaces=before, forcing=changed):
            differs = _EXTERNAL in changed
        case Update(incarnation=before, changed=changed):
            differs = _EXTERNAL in changed
        case Resume(incarnation=before) | Mend(incarnation=before) | Keep(incarnation=before):
            differs = False
        case _:
            return ""
    is_external = definition.external_id is not None
    if before is not None and (differs or before.external is not is_external):
        return "external_id of a resource cannot be changed by an update; name a new resource"
    return ""
