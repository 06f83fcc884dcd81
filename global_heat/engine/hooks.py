"""Hooks: before or after something is done to a resource, its step waits until a person clears the hook.

That it waits, and whether it was cleared for this wish, stands in a record of its own: whoever takes the
shard over waits on, or goes on. A wait holds no slot and asks no cloud; it ends by a signal, or when the
stack stops.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import msgspec

from global_heat.engine.book import AttemptChange, Write
from global_heat.engine.finding import ask_store
from global_heat.engine.job import Job, StepLeft
from global_heat.engine.resource import Resource
from global_heat.model.names import Path, Token
from global_heat.model.records import Action, HookRecord, Incarnation, State
from global_heat.planner.decision import live
from global_heat.store import keys
from global_heat.store.codec import decode

_TICK_SECONDS = 5.0
"""How often a wait looks whether its stack stops."""
_UPDATES = (Action.UPDATE, Action.ROLLBACK)


async def hold_before(resource: Resource) -> None:
    """Wait before a resource is made, by the creation of its stack, or looked at by an update of it."""
    job, hooks = resource.job, resource.hooks
    recorded = job.book.of(resource.path)
    if job.plan.action is Action.CREATE and "pre-create" in hooks and not recorded:
        await _hold(_Pause(job, resource.path, resource.step.type, "pre-create", ("INIT", "COMPLETE")))
    if job.plan.action in _UPDATES and "pre-update" in hooks:
        before = [each for each in recorded if each.tried < job.plan.first]
        standing = live(before) or next(iter(before), None)
        if standing is not None:
            await _hold(_pause_of(job, standing, "pre-update"))


async def hold_after(resource: Resource, incarnation: Incarnation) -> None:
    """Wait after this wish has made or changed it, before others may begin that need it."""
    if hook := resource.due_after(incarnation):
        await _hold(_pause_of(resource.job, incarnation, hook))
    resource.held = False


async def hold_before_delete(job: Job, incarnation: Incarnation) -> None:
    if job.plan.action is Action.DELETE and "pre-delete" in incarnation.pauses:
        await _hold(_pause_of(job, incarnation, "pre-delete"))


async def hold_after_delete(
    job: Job, incarnation: Incarnation, attempts: Mapping[Token, AttemptChange] | None = None
) -> None:
    """`attempts`: what is to be recorded of its deletion before the wait."""
    if is_held_after_delete(job, incarnation):
        pause = _Pause(
            job,
            incarnation.path,
            incarnation.type,
            "post-delete",
            ("DELETE", "COMPLETE"),
            incarnation.id,
            attempts or {},
        )
        await _hold(pause)


def is_held_after_delete(job: Job, incarnation: Incarnation) -> bool:
    return job.plan.action is Action.DELETE and "post-delete" in incarnation.pauses


class _Pause(msgspec.Struct, frozen=True):
    """Where to wait, and what is told of it: `state` is the action and status that the resource has."""

    job: Job
    path: Path
    type: str
    hook: str
    state: tuple[str, str]
    id: str = ""
    attempts: Mapping[Token, AttemptChange] = {}


def _pause_of(job: Job, incarnation: Incarnation, hook: str) -> _Pause:
    action = "UPDATE" if incarnation.updated or incarnation.state is State.UPDATING else "CREATE"
    action = "DELETE" if incarnation.state is State.LEAVING else action
    status = {State.READY: "COMPLETE", State.FAILED: "FAILED"}.get(incarnation.state, "IN_PROGRESS")
    return _Pause(job, incarnation.path, incarnation.type, hook, (action, status), incarnation.id)


async def _hold(pause: _Pause) -> None:
    """Return once it is cleared for this wish. Raises `StepLeft` when the stack stops."""
    job, loop = pause.job, asyncio.get_running_loop()
    news = job.news
    record = await _read(pause)
    if record is None or record.operation != job.book.header.operation:
        record = await _begin(pause)
    read_at = loop.time()
    while not record.cleared:
        if job.stopping.is_set():
            raise StepLeft(f"the stack stops while {pause.path} waits at {pause.hook}")
        await job.pause(_TICK_SECONDS, news, parks=False)
        if news.is_set() or loop.time() - read_at >= job.world.settings.scan_seconds:
            read_at, news = loop.time(), job.news
            record = await _read(pause) or record
    if not record.told:
        told = msgspec.structs.replace(record, told=True)
        await _write(pause, told, f"Hook {pause.hook} is cleared")


async def _begin(pause: _Pause) -> HookRecord:
    job = pause.job
    record = HookRecord(
        path=pause.path,
        region=job.book.shard.region,
        hook=pause.hook,
        operation=job.book.header.operation,
        since=job.now,
    )
    verb = pause.hook.rpartition("-")[2].upper()
    await _write(pause, record, f"{verb} paused until Hook {pause.hook} is cleared", pause.attempts)
    return record


async def _read(pause: _Pause) -> HookRecord | None:
    entry = await ask_store(pause.job, lambda: pause.job.world.store.get(_key(pause)))
    return decode(HookRecord, entry.value) if entry is not None else None


async def _write(
    pause: _Pause, record: HookRecord, told: str, attempts: Mapping[Token, AttemptChange] | None = None
) -> None:
    action, status = pause.state
    event = pause.job.event(pause.path, pause.type, action, status, told, pause.id)
    await pause.job.book.write(Write(also={_key(pause): record}, events=(event,), attempts=attempts or {}))


def _key(pause: _Pause) -> str:
    shard = pause.job.book.shard
    return keys.hook(shard.project, shard.stack, pause.path, shard.region, pause.hook)
