"""Look at one thing through the list that all of its kind share."""

from __future__ import annotations

from global_heat.engine.job import Job
from global_heat.model.names import PhysicalId
from global_heat.model.values import Body
from global_heat.resources.type import Handle, ResourceType


async def listed(job: Job, type: ResourceType, id: PhysicalId) -> Body | None:
    """The thing as the shared list shows it; None: the list lacks it, or there is none. Then only the thing
    itself tells."""
    if type.handle is Handle.TOKEN and type.polled:
        look = await job.read(lambda cloud: job.observer.look(type, cloud))
        for body in look.bodies:
            if type.identify(body) == id:
                return body
    return None
