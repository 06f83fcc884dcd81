"""Things that are there already, and that a template names by `external_id`: they are only looked at."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body
from global_heat.regions.cloud import Cloud
from global_heat.resources.type import Handle, ResourceType

_NEVER = frozenset("/?#%")
"""What no id has: it would lead a path elsewhere. Names may have it, and are quoted."""
_PAIR = ":"


async def show_external(type: ResourceType, cloud: Cloud, id: PhysicalId) -> Body | None:
    """The thing that a person named by its id; None: there is none."""
    if not id or (type.handle is not Handle.UNIQUE and not _NEVER.isdisjoint(id)):
        return None
    if type.handle is Handle.NATURAL and not all(id.partition(_PAIR)):
        return None  # what has no id of its own is named by two others
    return await type.show(cloud, id)
