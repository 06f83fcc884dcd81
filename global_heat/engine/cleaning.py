"""Remove an incarnation that is not wished any more: condemn it, delete it by id, see it gone, forget it."""

from __future__ import annotations

import asyncio

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import AttemptChange, Write
from global_heat.engine.deletions import Announced
from global_heat.engine.hooks import hold_after_delete, is_held_after_delete
from global_heat.engine.job import Job, StepFailed
from global_heat.engine.local import clean_local
from global_heat.engine.looking import listed
from global_heat.engine.resource import condemn
from global_heat.engine.saving import is_saved_first, save
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import PhysicalId, Token
from global_heat.model.records import Attempt, AttemptState, Incarnation, State
from global_heat.model.values import Body
from global_heat.regions.cloud import Conflict, Gone, ServiceRefusal
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed, Handle, ResourceType
from global_heat.store import keys


async def clean(job: Job, incarnation: Incarnation) -> None:
    """Remove it and its record. Raises `StepFailed`."""
    type = job.world.types[incarnation.type]
    if isinstance(type, LocalType) and not incarnation.external:
        await clean_local(job, type, incarnation)
        return
    if incarnation.external:
        await _forget(job, incarnation, "DELETE", _retain, "it was there before, and stays")
        return
    if incarnation.retain and incarnation.id:
        await _forget(job, incarnation, "DELETE", _retain, "kept, as its deletion_policy says")
        return
    if not incarnation.id:
        # What an open intent may have made is the sweeper's from here on.
        await _forget(job, incarnation, "DELETE", condemn)
        return
    if type.saved_as is not None and is_saved_first(incarnation):
        incarnation = await save(job, type.saved_as, incarnation)
    if incarnation.state is not State.LEAVING or incarnation.tried != job.plan.number:
        leaving = msgspec.structs.replace(
            incarnation, state=State.LEAVING, tried=job.plan.number, updated_at=job.now
        )
        event = job.event(incarnation.path, incarnation.type, "DELETE", "IN_PROGRESS", id=incarnation.id)
        attempts: dict[Token, AttemptChange] = {incarnation.token: condemn}
        await job.book.write(Write(incarnations=(leaving,), attempts=attempts, events=(event,)))
        incarnation = leaving
    if not await _is_known_to_be_gone(job, incarnation):
        await _delete(job, type, incarnation)
    await _forget(job, incarnation, "DELETE", _gone)


async def _forget(
    job: Job, incarnation: Incarnation, action: str, change: AttemptChange, reason: str = ""
) -> None:
    attempts = {incarnation.token: change} if incarnation.token else {}
    await hold_after_delete(job, incarnation, attempts)
    event = job.event(incarnation.path, incarnation.type, action, "COMPLETE", reason, incarnation.id)
    await job.book.write(Write(removed=(incarnation,), attempts=attempts, events=(event,)))


async def _is_known_to_be_gone(job: Job, incarnation: Incarnation) -> bool:
    """Whether all that is left is the wait at a hook: somebody else may have taken its place since."""
    if not incarnation.token or not is_held_after_delete(job, incarnation):
        return False
    attempt = await job.book.attempt(incarnation.token)
    return attempt is not None and attempt.gone


async def _delete(job: Job, type: ResourceType, incarnation: Incarnation) -> None:
    """Send DELETE until the thing is gone. The answer alone proves nothing: the look does."""
    loop = asyncio.get_running_loop()
    announced = _announced(job, type, incarnation)
    backoff = Backoff(job.world.settings)
    busy_seconds_max = job.world.settings.busy_seconds_max
    give_up = loop.time() + busy_seconds_max
    ask = True
    while True:
        try:
            if ask and not await _send(job, type, incarnation.id, announced):
                return
            body = await listed(job, type, incarnation.id)
            body = body or await job.read(lambda cloud: type.show(cloud, incarnation.id))
            if body is None:
                return
            if loop.time() >= give_up:
                raise _failed(job, incarnation, "its deletion was accepted, but it does not go away")
            ask = _in_error(type, body)
            await asyncio.sleep(backoff.next())
        except Conflict as conflict:
            if loop.time() >= give_up:
                raise _failed(job, incarnation, str(conflict)) from None
            job.ask_sweeper()
            ask = True
            await job.wait_out(Transient(str(conflict)), backoff)
        except ServiceRefusal as refusal:
            raise _failed(job, incarnation, str(refusal)) from None
        except (Transient, Ambiguous) as error:
            ask = True
            await job.wait_out(Transient(str(error)), backoff)
            # While nothing answers, nothing gets late.
            give_up = loop.time() + busy_seconds_max


def _in_error(type: ResourceType, body: Body) -> bool:
    """Whether the service gave the deletion up: it is asked again."""
    try:
        type.ready(body)
    except Failed:
        return True
    return False


async def _send(job: Job, type: ResourceType, id: PhysicalId, announced: Announced | None) -> bool:
    """Whether there was something to delete."""
    opened = await job.world.clouds.open(job.book.shard)

    async def delete() -> None:
        if announced is None:
            await type.delete(opened.cloud, id)
        else:
            await announced.send(lambda: type.delete(opened.cloud, id))

    if announced is not None:
        await announced.announce(opened.expires_at)
    try:
        await job.in_flight.send(delete)
    except Gone:
        return False
    return True


def _announced(job: Job, type: ResourceType, incarnation: Incarnation) -> Announced | None:
    """How the deletion of what has no id of its own is announced."""
    if type.handle is Handle.TOKEN:
        return None
    shard = job.book.shard
    place = (shard.region, shard.project, type.kind, incarnation.id)
    return Announced(job.world.store, keys.deletion(*place, incarnation.token, job.replica))


def _failed(job: Job, incarnation: Incarnation, reason: str) -> StepFailed:
    failed = msgspec.structs.replace(incarnation, reason=reason, tried=job.plan.number, updated_at=job.now)
    return StepFailed(reason, failed)


def _retain(before: Attempt | None) -> Attempt:
    assert before is not None, "what is retained was adopted"
    if before.state is not AttemptState.ADOPTED:
        return before  # somebody deleted it: there is nothing to keep
    return msgspec.structs.replace(before, state=AttemptState.RETAINED)


def _gone(before: Attempt | None) -> Attempt:
    """Deleted to the end. Once no late request can land, that closes the attempt."""
    assert before is not None, "what is deleted was adopted"
    closes = before.state is AttemptState.CLOSED or (
        before.state is AttemptState.CONDEMNED and before.settled
    )
    state = AttemptState.CLOSED if closes else AttemptState.CONDEMNED
    return msgspec.structs.replace(before, gone=True, state=state)
