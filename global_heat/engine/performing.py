"""Carry out a step to its end, whatever that is: what fails is recorded, and stops the stack."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress

import msgspec
import structlog

from global_heat.engine.applying import apply
from global_heat.engine.book import Stale, Write
from global_heat.engine.cleaning import clean
from global_heat.engine.expanding import expand
from global_heat.engine.hooks import hold_before_delete
from global_heat.engine.job import Job, StepFailed, StepLeft
from global_heat.engine.resource import condemn
from global_heat.model.errors import Fenced, Invalid
from global_heat.model.names import Path
from global_heat.model.plan import Kind, Step
from global_heat.model.records import Header, Incarnation
from global_heat.planner.restriction import refusal_to_remove

log = structlog.get_logger()


async def perform_apply(job: Job, step: Step) -> None:
    """An apply step, or an expand step, which finishes a group."""
    work = expand(job, step) if step.kind is Kind.EXPAND else _apply(job, step)
    await _perform(job, work, step.path, step.type, "CREATE")


async def _apply(job: Job, step: Step) -> None:
    """Apply it, once the pause after its needs is over."""
    if step.pause_seconds:
        last = max((job.book.finished[need].updated_at for need in step.needs), default=0.0)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, last + step.pause_seconds - job.now)):
                await job.stopping.wait()
                raise StepLeft("the stack stops")
    await apply(job, step)


async def perform_clean(job: Job, incarnation: Incarnation) -> None:
    await _perform(job, _clean(job, incarnation), incarnation.path, incarnation.type, "DELETE")


async def _clean(job: Job, incarnation: Incarnation) -> None:
    if job.plan.applies and (
        why := refusal_to_remove(job.tree, incarnation.path, [incarnation], job.plan.first)
    ):
        raise StepFailed(why, action="UPDATE")
    await hold_before_delete(job, incarnation)
    await clean(job, incarnation)


async def _perform(job: Job, work: Awaitable[None], path: Path, type: str, action: str) -> None:
    try:
        await work
    except StepFailed as failed:
        await _fail(job, path, type, action, failed)
    except (StepLeft, Stale, Fenced):
        return
    except Invalid as error:
        # Refused before anything could be said of the resource: no credential, for one.
        await _fail(job, path, type, action, StepFailed(str(error)))
    except Exception as error:
        log.exception("a step broke", path=path, region=job.book.shard.region)
        await _fail(job, path, type, action, StepFailed(f"internal error: {error!r}"))


async def _fail(job: Job, path: Path, type: str, action: str, failed: StepFailed) -> None:
    """Record it, and stop the stack: what runs is finished, nothing new begins.

    Where the stack waits for this region no more, it is recorded alone.
    """
    region, book = job.book.shard.region, job.book
    holds_up = region in book.header.open
    if holds_up:
        job.stopping.set()
    incarnation = failed.incarnation
    reason = f"{path}: {failed}"
    if incarnation is not None and action == "CREATE" and incarnation.hashes:
        action = "UPDATE"
    action = failed.action or action
    id = incarnation.id if incarnation else ""
    event = job.event(path, type, action, "FAILED", str(failed), id)
    condemned = incarnation is not None and incarnation.token and not incarnation.id
    await book.write(
        Write(
            incarnations=(incarnation,) if incarnation else (),
            attempts={incarnation.token: condemn} if condemned and incarnation else {},
            events=(event,),
            wake=job.others() if holds_up else (),
            header=(lambda header: _stop(header, reason)) if holds_up else None,
        )
    )


def _stop(header: Header, reason: str) -> Header:
    if header.stopping:
        return header
    return msgspec.structs.replace(header, stopping=True, reason=reason)
