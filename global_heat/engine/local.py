"""Resources that live in the records alone: made by one commit, or by two with a wait between them.

A wait holds no slot and no memory of its own: what it waits for stands in the record, so that whoever takes
the shard over waits on. It ends by the shard's clock, by a signal, or a while after the stack has stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from global_heat.engine.book import Write
from global_heat.engine.finding import ask_store
from global_heat.engine.hooks import hold_after_delete
from global_heat.engine.job import Job, StepFailed
from global_heat.engine.resource import Resource
from global_heat.model.records import ConfigRecord, Event, Incarnation, Record, State
from global_heat.model.signal import Signal
from global_heat.model.values import Body
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed
from global_heat.store import keys
from global_heat.store.reading import read_signals

_TICK_SECONDS = 5.0
"""How often a wait looks whether its region is down, or its stack stops."""
_BATCH = 100


async def make_local(resource: Resource, type: LocalType, incarnation: Incarnation, action: str) -> None:
    """Make it as wished, or make it so again from what it is. Raises `StepFailed`."""
    job = resource.job
    begun = msgspec.structs.replace(
        incarnation,
        state=State.CREATED if action == "CREATE" else State.UPDATING,
        tried=job.plan.number,
        target=dict(resource.wish.hashes),
        updated_at=job.now,
    )
    attributes = job.opened(incarnation)["attributes"]
    in_progress = resource.event(action, "IN_PROGRESS", id=begun.id)
    seal = job.world.documents.seal_incarnation
    try:
        signals = await _signals(job, incarnation.ref) if type.signalled else ()
        making = msgspec.structs.replace(resource.making(incarnation), action=action, signals=signals)
        made = type.make(making, resource.props, job.world.random_bytes(64))
        making = msgspec.structs.replace(making, made=made)
        id = begun.id or type.natural_id(making, resource.props)
        sealed = seal(job.book.header, begun.ref, attributes, made)
        begun = msgspec.structs.replace(begun, id=id, sealed=sealed)
        body = await _heard(job, type, begun.ref, made)
        due = type.due(body, job.clock)
    except Failed as failure:
        await resource.write(begun, in_progress)
        raise resource.failed(begun, str(failure)) from None
    if due is None:
        await _finish(resource, type, begun, body, (in_progress, *_completed(resource, action, begun)))
        return
    await resource.write(begun, in_progress)
    await _wait(resource, type, begun, action)


async def go_on_local(resource: Resource, type: LocalType, incarnation: Incarnation) -> None:
    """Finish what was begun; what another plan began, or began otherwise, is begun again."""
    action = "UPDATE" if incarnation.state is State.UPDATING else "CREATE"
    again = incarnation.tried != resource.job.plan.number or incarnation.target != resource.wish.hashes
    if again:
        await make_local(resource, type, incarnation, action)
    else:
        await _wait(resource, type, incarnation, action)


async def keep_local(resource: Resource, type: LocalType, incarnation: Incarnation) -> None:
    """It is as wished: record that for this plan, with what it has heard by now."""
    made = resource.job.opened(incarnation)["made"]
    body = await _heard(resource.job, type, incarnation.ref, made)
    ready = resource.ready(incarnation, body, made)
    await resource.write(msgspec.structs.replace(ready, updated_at=incarnation.updated_at))


async def clean_local(job: Job, type: LocalType, incarnation: Incarnation) -> None:
    """Let it end as its type says, then forget it. Raises `StepFailed`."""

    def event(status: str, reason: str = "") -> Event:
        return job.event(incarnation.path, incarnation.type, "DELETE", status, reason, incarnation.id)

    made = job.opened(incarnation)["made"]
    going_on = incarnation.state is State.LEAVING and incarnation.tried == job.plan.number
    heard = await _signals(job, incarnation.ref) if type.signalled else ()
    leaving = None if incarnation.retain else type.leave(made, job.clock, heard)
    if leaving is not None and not going_on:
        sealed = job.world.documents.seal_incarnation(job.book.header, incarnation.ref, {}, leaving)
        incarnation = msgspec.structs.replace(
            incarnation, state=State.LEAVING, tried=job.plan.number, sealed=sealed, updated_at=job.now
        )
        await job.book.write(Write(incarnations=(incarnation,), events=(event("IN_PROGRESS"),)))
    if leaving is not None:
        try:
            await _until_due(job, type, incarnation.ref, leaving)
        except Failed as failure:
            failed = msgspec.structs.replace(
                incarnation, reason=str(failure), tried=job.plan.number, updated_at=job.now
            )
            raise StepFailed(str(failure), failed) from None
    reason = "kept, as its deletion_policy says" if incarnation.retain else ""
    events = (*(() if leaving is not None else (event("IN_PROGRESS"),)), event("COMPLETE", reason))
    await hold_after_delete(job, incarnation)
    also: dict[str, Record | None] = {}
    if type.signalled:
        shard = job.book.shard
        heard = await _signals(job, incarnation.ref)
        also = {keys.signal(shard.project, shard.stack, incarnation.ref, each.id): None for each in heard}
    if type.shared:
        also[keys.config(job.book.shard.project, incarnation.id)] = None
    while len(also) > _BATCH:
        first = [also.popitem() for _ in range(_BATCH)]
        await job.book.write(Write(also=dict(first)))
    await job.book.write(Write(removed=(incarnation,), events=events, also=also))


# waiting


async def _wait(resource: Resource, type: LocalType, incarnation: Incarnation, action: str) -> None:
    made = resource.job.opened(incarnation)["made"]
    try:
        body = await _until_due(resource.job, type, incarnation.ref, made)
    except Failed as failure:
        raise resource.failed(incarnation, str(failure)) from None
    await _finish(resource, type, incarnation, body, _completed(resource, action, incarnation))


async def _until_due(job: Job, type: LocalType, ref: str, made: Body) -> Body:
    """What it has become once it is done. Raises `Failed`."""
    loop = asyncio.get_running_loop()
    give_up: float | None = None
    heard_at, news, body = loop.time(), job.news, await _heard(job, type, ref, made)
    while True:
        due = type.due(body, job.clock)
        if due is None:
            return body
        if job.stopping.is_set():
            give_up = give_up or loop.time() + job.world.settings.stopping_seconds
            if loop.time() >= give_up:
                raise Failed("given up, since the stack stops")
        await job.pause(min(due - job.clock, _TICK_SECONDS), news, parks=bool(type.listens(made, ref)))
        if news.is_set() or loop.time() - heard_at >= job.world.settings.scan_seconds:
            heard_at, news, body = loop.time(), job.news, await _heard(job, type, ref, made)


async def _heard(job: Job, type: LocalType, ref: str, made: Body) -> Body:
    """What it is, with the signals that it has heard by now."""
    source = type.listens(made, ref)
    return type.told(made, await _signals(job, source) if source else ())


async def _signals(job: Job, ref: str) -> Sequence[Signal]:
    documents, header = job.world.documents, job.book.header
    return await ask_store(job, lambda: read_signals(documents, header.project, header.id, ref))


# finishing


async def _finish(
    resource: Resource, type: LocalType, incarnation: Incarnation, body: Body, events: Sequence[Event]
) -> None:
    ready = resource.ready(incarnation, body, resource.job.opened(incarnation)["made"])
    also: dict[str, Record | None] = {}
    if type.shared:
        shard = resource.job.book.shard
        place = ConfigRecord(
            stack=shard.stack, path=incarnation.path, region=incarnation.region, n=incarnation.n
        )
        also[keys.config(shard.project, incarnation.id)] = place
    await resource.job.book.write(Write(incarnations=(ready,), events=tuple(events), also=also))


def _completed(resource: Resource, action: str, incarnation: Incarnation) -> tuple[Event]:
    return (resource.event(action, "COMPLETE", id=incarnation.id),)
