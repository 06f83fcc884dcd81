"""Change an incarnation in place: say what it shall become, then look, write what differs, look again."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.local import make_local
from global_heat.engine.looking import listed
from global_heat.engine.resource import Resource
from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Body
from global_heat.regions.cloud import Conflict
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed, ResourceType


async def update(
    resource: Resource, incarnation: Incarnation, changed: Sequence[str], event: str = "UPDATE"
) -> None:
    """Bring it to what is wished now, or record that it is gone. Raises `StepFailed`."""
    job, type = resource.job, resource.type
    if isinstance(type, LocalType):
        await make_local(resource, type, incarnation, event)
        return
    intent = msgspec.structs.replace(
        incarnation,
        state=State.UPDATING if event == "UPDATE" else incarnation.state,
        target=dict(resource.wish.hashes),
        tried=job.plan.number,
        updated_at=job.now,
    )
    if intent.state is State.UPDATING and incarnation.state is not State.UPDATING:
        await resource.write(intent, resource.event("UPDATE", "IN_PROGRESS", id=intent.id))
    elif intent.target != incarnation.target:
        await resource.write(intent)
    await _converge(resource, intent, changed, event)


async def _converge(resource: Resource, intent: Incarnation, changed: Sequence[str], event: str) -> None:
    """Write, and look whether it came to be; a lost answer is no harm, since what differs shows."""
    job, type = resource.job, resource.type
    backoff = Backoff(job.world.settings)
    sent = False
    while True:
        try:
            if sent and not _may_be_done(type, await listed(job, type, intent.id)):
                await job.wait_out(Transient("it is not ready yet", job.world.settings.poll_seconds), backoff)
                continue
            body = await job.seek(lambda cloud: type.show(cloud, intent.id))
            if body is None:
                await resource.vanished(intent)
                return
            if sent and type.ready(body):
                break
            if not sent:
                await _send(resource, intent, changed, body)
                sent = True
                continue
            await job.wait_out(Transient("it is not ready yet", job.world.settings.poll_seconds), backoff)
        except Failed as failure:
            raise resource.failed(intent, str(failure)) from None
        except Conflict as conflict:
            if backoff.count >= job.world.settings.attempts_max:
                raise resource.failed(intent, str(conflict)) from None
            await job.wait_out(Transient(str(conflict)), backoff)
        except Invalid as error:
            raise resource.failed(intent, str(error)) from None
        except Ambiguous as error:
            if backoff.count >= job.world.settings.attempts_max:
                raise resource.failed(intent, str(error)) from None
            await job.wait_out(Transient(str(error)), backoff)
        except Transient as error:
            await job.wait_out(error, backoff)
    ready = resource.ready(intent, body, job.opened(intent)["made"])
    await resource.write(ready, resource.event(event, "COMPLETE", id=intent.id))


async def _send(resource: Resource, intent: Incarnation, changed: Sequence[str], body: Body) -> None:
    job, type = resource.job, resource.type
    props = await job.read(lambda cloud: type.resolve(cloud, resource.props))
    opened = await job.world.clouds.open(job.book.shard)
    making = resource.making(intent)
    await job.in_flight.send(lambda: type.update(opened.cloud, intent.id, making, props, changed, body))


def _may_be_done(type: ResourceType, body: Body | None) -> bool:
    """Whether it is worth asking the thing itself. Raises `Failed`."""
    return body is None or type.ready(body)
