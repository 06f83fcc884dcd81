"""A resource that stands for a thing which is there already: take it in, and look whether it is there.

Nothing of it is changed, no attempt is recorded for it, and when the stack lets go of it, it stays.
"""

from __future__ import annotations

import msgspec

from global_heat.engine.finding import shared_config
from global_heat.engine.job import StepFailed
from global_heat.engine.resource import Resource
from global_heat.model.errors import Invalid, Transient
from global_heat.model.names import PhysicalId
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Body
from global_heat.planner.decision import Create, Decision, Mend, Resume
from global_heat.resources.external import show_external
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed

CHECK = "CHECK"


async def take_in(resource: Resource, decision: Decision) -> None:
    """Record what it stands for, then look, until it is ready. Raises `StepFailed`."""
    incarnation = await _begun(resource, decision)
    try:
        body = await _until_ready(resource, incarnation.id)
    except Failed as failure:
        raise resource.failed(incarnation, str(failure), CHECK) from None
    except Invalid as error:
        raise resource.failed(incarnation, str(error), CHECK) from None
    if body is None:
        reason = f"external_id: there is no {resource.step.type} {incarnation.id!r} in this region"
        raise resource.failed(incarnation, reason, CHECK)
    ready = resource.ready(incarnation, body, {})
    await resource.write(ready, resource.event(CHECK, "COMPLETE", id=ready.id))


async def _begun(resource: Resource, decision: Decision) -> Incarnation:
    job = resource.job
    match decision:
        case Create(n=n):
            id = resource.definition.external_id
            if not isinstance(id, str):
                raise StepFailed("external_id is not known")
            incarnation = Incarnation(
                path=resource.path,
                region=job.book.shard.region,
                n=n,
                type=resource.step.type,
                state=State.CREATED,
                tried=job.plan.number,
                id=PhysicalId(id),
                target=dict(resource.wish.hashes),
                requires=resource.requires(),
                external=True,
                retain=True,
                created_at=job.now,
                updated_at=job.now,
            )
            incarnation = resource.with_policies(incarnation)
            adopted = [resource.event("ADOPT", status, id=id) for status in ("IN_PROGRESS", "COMPLETE")]
        case Resume(incarnation=incarnation):
            return incarnation
        case Mend(incarnation=failed):
            incarnation = msgspec.structs.replace(
                failed, state=State.CREATED, reason="", tried=job.plan.number, updated_at=job.now
            )
            adopted = []
        case _:
            raise AssertionError(f"{resource.path} is external: {decision}")
    await resource.write(incarnation, *adopted, resource.event(CHECK, "IN_PROGRESS", id=incarnation.id))
    return incarnation


async def _until_ready(resource: Resource, id: PhysicalId) -> Body | None:
    """The thing; None when there is none. Raises `Failed`, `Invalid`."""
    job, type = resource.job, resource.type
    if isinstance(type, LocalType):
        known = not type.shared or await shared_config(job, id) is not None
        return {} if known else None
    backoff = resource.backoff()
    while True:
        body = await job.seek(lambda cloud: show_external(type, cloud, id))
        if body is None or type.ready(body):
            return body
        await job.wait_out(Transient("it is not ready yet", job.world.settings.poll_seconds), backoff)
