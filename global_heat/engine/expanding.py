"""Carry out an expand step: see which members a group has, now that what says so is known.

If they are those of the current plan, the group's record says so and its members begin. If not, the stack is
planned again, with what was found: the same wish, a plan whose parent is the current one.
"""

from __future__ import annotations

import msgspec

from global_heat.engine.book import Write
from global_heat.engine.finding import ask_store
from global_heat.engine.job import Job, StepFailed
from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.plan import Kind, Step
from global_heat.model.records import Incarnation, State
from global_heat.template.shapes import Shape


async def expand(job: Job, step: Step) -> None:
    """Raises `StepFailed`, located: what says which members there are does not fit."""
    if job.tree.groups.has_shape(step.path, _shape(job, step.path)):
        await _finish(job, step)
        return
    found = {path: _shape(job, path) for path in _askable(job)}
    header = job.book.header
    try:
        await ask_store(job, lambda: job.wishes.expand(header.project, header.id, job.plan.number, found))
    except Invalid as error:
        raise StepFailed(str(error)) from None


def _shape(job: Job, path: Path) -> Shape:
    try:
        return job.tree.groups.shape(path, job.view())
    except Invalid as error:
        raise StepFailed(str(error)) from None


def _askable(job: Job) -> list[Path]:
    """The groups that can be looked at now: one change of plan is enough for all of them."""
    finished = job.book.finished
    steps = (step for step in job.plan.applies.values() if step.kind is Kind.EXPAND)
    return [step.path for step in steps if all(need in finished for need in step.needs)]


async def _finish(job: Job, step: Step) -> None:
    """Record that the group has the members that it shall have, for this plan."""
    here = [i for i in job.book.of(step.path) if i.region == step.region]
    standing = next((i for i in here if i.type == step.type), None)
    n = max((i.n for i in here), default=0)
    record = standing or Incarnation(
        path=step.path,
        region=step.region,
        n=n + 1,
        type=step.type,
        state=State.READY,
        created_at=job.now,
    )
    finished = (job.book.finished.get(need) for need in step.needs)
    record = msgspec.structs.replace(
        record,
        plan=job.plan.number,
        requires=tuple(sorted(incarnation.ref for incarnation in finished if incarnation is not None)),
        updated_at=job.now,
    )
    event = job.event(step.path, step.type, "CREATE", "COMPLETE")
    await job.book.write(Write(incarnations=(record,), events=() if standing else (event,)))
