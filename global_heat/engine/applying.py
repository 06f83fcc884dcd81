"""Carry out one apply step: decide from the records, do it, decide again, until it is done."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable

import msgspec

from global_heat.engine.creating import create, resume
from global_heat.engine.external import take_in
from global_heat.engine.finding import find
from global_heat.engine.hooks import hold_after, hold_before
from global_heat.engine.job import Job, StepFailed
from global_heat.engine.local import go_on_local, keep_local
from global_heat.engine.looking import listed
from global_heat.engine.resource import Resource
from global_heat.engine.updating import update
from global_heat.model.errors import Invalid, Transient
from global_heat.model.plan import Step
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Body
from global_heat.planner.decision import (
    Create,
    Decision,
    Done,
    Failed,
    Keep,
    Mend,
    Resume,
    Update,
    decide_apply,
    forcing,
)
from global_heat.planner.restriction import REPLACE, refusal, told
from global_heat.resources import type as types
from global_heat.resources.local import LocalType

_LATE = 8
"""Looks are apart by an eighth of the time waited already: being late costs no more than that,"""
_ASKING = 4
"""but not by much less than four times what a look takes,"""
_FINEST = 16
"""nor by less than a sixteenth of the longest interval."""


async def apply(job: Job, step: Step) -> None:
    """Make the step's resource as wished. Raises `StepFailed`."""
    resource = Resource(job, step)
    external = resource.definition.external_id is not None
    if not external:
        faults = resource.type.check(resource.props)
        if faults:
            raise StepFailed("; ".join(faults))
        resource.found = await find(job, resource.type, resource.props)
    await hold_before(resource)
    made = 0
    while True:
        decision = _decide(resource)
        _refuse(resource, decision)
        match decision:
            case Done():
                return
            case Failed(incarnation=incarnation):
                raise StepFailed(incarnation.reason)
            case Create() | Resume() | Mend() if external:
                await take_in(resource, decision)
            case Create():
                if made >= job.world.settings.attempts_max:
                    raise StepFailed(f"given up: it was made {made} times, and did not stay")
                await create(resource, decision)
                made += 1
            case Keep(incarnation=incarnation):
                await hold_after(resource, incarnation)
                await _keep(resource, incarnation)
            case Update(incarnation=incarnation, changed=changed):
                await _or_replace(resource, incarnation, update(resource, incarnation, changed))
            case Resume(incarnation=incarnation):
                await _go_on(resource, incarnation)
            case Mend():
                await _mend(resource, decision)


def _decide(resource: Resource) -> Decision:
    job = resource.job
    forces = forcing(job.world.documents.schemas, resource.step.type, resource.props)
    here = [i for i in job.book.of(resource.path) if i.region == job.book.shard.region]
    return decide_apply(here, resource.step.type, resource.wish, forces, job.plan.number)


def _refuse(resource: Resource, decision: Decision) -> None:
    """Raises `StepFailed` where it may not be done; nothing is changed then."""
    job = resource.job
    why = refusal(resource.definition, job.tree, decision, list(job.book.all()), job.plan.first)
    if why:
        raise StepFailed(why, action="UPDATE")


async def _go_on(resource: Resource, incarnation: Incarnation) -> None:
    """Finish what is open."""
    if isinstance(resource.type, LocalType):
        await _or_replace(resource, incarnation, go_on_local(resource, resource.type, incarnation))
        return
    match incarnation.state:
        case State.INTENT:
            await resume(resource, incarnation)
        case State.UPDATING:
            await update(resource, incarnation, sorted(_open_changes(resource, incarnation)))
        case State.CREATED:
            await _await_ready(resource, incarnation)
        case _:
            raise AssertionError(f"{incarnation.ref} is {incarnation.state}")


async def _or_replace(resource: Resource, incarnation: Incarnation, update: Awaitable[None]) -> None:
    """Update it, or make another one where only the update itself could tell that this is needed."""
    try:
        await update
    except types.Replaced as why:
        if REPLACE in resource.definition.restricted:
            raise StepFailed(told(REPLACE, (str(why),)), action="UPDATE") from None
        newest = max(i.n for i in resource.job.book.of(resource.path) if i.region == incarnation.region)
        await create(resource, Create(newest + 1, incarnation, (str(why),)))


def _open_changes(resource: Resource, incarnation: Incarnation) -> set[str]:
    """What an update that was left half-way may or may not have changed, and what is wished otherwise now."""
    have, target, wish = incarnation.hashes, incarnation.target, resource.wish.hashes
    names = {*have, *target, *wish}
    return {name for name in names if not have.get(name) == target.get(name) == wish.get(name)}


async def _mend(resource: Resource, decision: Mend) -> None:
    """Go on with what is good although its step failed: a refused change, say; replace what is not."""
    incarnation = decision.incarnation
    if isinstance(resource.type, LocalType):
        await create(resource, decision.replacement)
        return
    body = await _show(resource, incarnation)
    if body is None:
        await resource.vanished(incarnation)
        return
    try:
        resource.type.ready(body)
    except types.Failed:
        await create(resource, decision.replacement)
        return
    state = State.UPDATING if incarnation.hashes else State.CREATED
    good = msgspec.structs.replace(incarnation, state=state, reason="", tried=resource.job.plan.number)
    await resource.write(good)


async def _keep(resource: Resource, incarnation: Incarnation) -> None:
    """It is as wished: record that for this plan, with all that others need of it."""
    if isinstance(resource.type, LocalType) and not incarnation.external:
        await keep_local(resource, resource.type, incarnation)
        return
    made = resource.job.opened(incarnation)["made"]
    if not resource.missing_attributes(incarnation):
        kept = msgspec.structs.replace(
            resource.with_policies(incarnation), plan=resource.job.plan.number, requires=resource.requires()
        )
        await resource.write(kept)
        return
    body = await _show(resource, incarnation)
    if body is None:
        await resource.vanished(incarnation)
        return
    await resource.write(resource.ready(incarnation, body, made))


async def _await_ready(resource: Resource, incarnation: Incarnation) -> None:
    """Poll until the thing is ready, then set what its create could not, then record it."""
    finishing = resource.type.finishing & set(resource.wish.hashes)
    body = await _poll(resource, incarnation)
    if body is None:
        await resource.vanished(incarnation)
        return
    if finishing:
        wish = resource.wish.hashes
        target = incarnation.target
        since = {name for name in {*wish, *target} if target.get(name) != wish.get(name)}
        await update(resource, incarnation, sorted(finishing | since), event="CREATE")
        return
    with resource.job.book.preparing():
        made = resource.job.opened(incarnation)["made"]
        ready = resource.ready(incarnation, body, made)
    await resource.write(ready, resource.event("CREATE", "COMPLETE", id=incarnation.id))


async def _poll(resource: Resource, incarnation: Incarnation) -> Body | None:
    """The thing once it is ready; None when it is gone. Raises `StepFailed` when it ended in error."""
    job, type = resource.job, resource.type
    loop = asyncio.get_running_loop()
    begun = loop.time()
    while True:
        asked = loop.time()
        body = await listed(job, type, incarnation.id) or await _show(resource, incarnation)
        if body is None:
            return None
        try:
            if type.ready(body):
                # A list may lack what only the thing itself shows.
                return await _show(resource, incarnation) if type.polled else body
        except types.Failed as failure:
            raise resource.failed(incarnation, str(failure)) from None
        now = loop.time()
        await asyncio.sleep(_until_tick(now, now - begun, now - asked, job.world.settings.poll_seconds))


def _until_tick(now: float, waited: float, asking: float, seconds_max: float) -> float:
    """Until the next look: soon at first, then more and more seldom.

    Ticks are multiples of the interval, and intervals are halves of each other: those who wait look together.
    """
    interval = seconds_max
    while interval > max(waited / _LATE, _ASKING * asking, seconds_max / _FINEST):
        interval /= 2
    return (math.floor(now / interval) + 1) * interval - now


async def _show(resource: Resource, incarnation: Incarnation) -> Body | None:
    try:
        return await resource.job.seek(lambda cloud: resource.type.show(cloud, incarnation.id))
    except Transient:
        raise
    except Invalid as error:
        raise resource.failed(incarnation, str(error)) from None
