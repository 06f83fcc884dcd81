"""A plan for people: the sums by region, what is done with each resource, and the longest chain."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from global_heat.api.names import region_name, stack_name
from global_heat.model.errors import Fault
from global_heat.model.names import Path, Region
from global_heat.model.plan import Forecast, Kind, Plan, Step
from global_heat.model.records import Header
from global_heat.proto.v1 import plan_pb2

_ACTIONS: Final = {
    Forecast.ADD: plan_pb2.PLANNED_ACTION_ADD,
    Forecast.CHANGE: plan_pb2.PLANNED_ACTION_CHANGE,
    Forecast.REPLACE: plan_pb2.PLANNED_ACTION_REPLACE,
    Forecast.DELETE: plan_pb2.PLANNED_ACTION_DELETE,
    Forecast.KEEP: plan_pb2.PLANNED_ACTION_KEEP,
    Forecast.RETAIN: plan_pb2.PLANNED_ACTION_RETAIN,
}


def plan_of(
    header: Header, etag: str, plan: Plan, not_checked: Iterable[Fault], noted: Iterable[Fault] = ()
) -> plan_pb2.Plan:
    """`etag` is empty when there is no such stack yet; `noted` is what was found of the template itself."""
    steps = told_steps(plan)
    return plan_pb2.Plan(
        stack=stack_name(header.project, header.name),
        etag=etag,
        regions=_summaries(steps),
        resources=[
            _resource(step, forecast, plan) for step, forecast in steps if forecast is not Forecast.KEEP
        ],
        warnings=[*warnings_of(not_checked, noted), *_openings(plan)],
        critical_path=[_place(step) for step in critical_path(plan)],
        empty=all(step.forecast is Forecast.KEEP for step in plan.applies.values())
        and all(forecast is Forecast.KEEP for _, forecast in steps),
    )


def warnings_of(not_checked: Iterable[Fault], noted: Iterable[Fault]) -> list[plan_pb2.PlanWarning]:
    told = [(fault, fault.reason) for fault in noted] + [(fault, "NOT_CHECKED") for fault in not_checked]
    return [
        plan_pb2.PlanWarning(path=fault.path, message=fault.message, reason=reason) for fault, reason in told
    ]


def _openings(plan: Plan) -> list[plan_pb2.PlanWarning]:
    """What nobody can tell yet: how many members some groups will have."""
    return [
        plan_pb2.PlanWarning(
            path=f"resources.{step.path}",
            message=f"its members are known once {', '.join(step.needs) or 'the stack runs'} is there;"
            " the plan counts those that it has now",
            reason="NOT_KNOWN_YET",
        )
        for step in plan.applies.values()
        if step.kind is Kind.EXPAND and step.forecast is not Forecast.KEEP
    ]


def told_steps(plan: Plan) -> list[tuple[Step, Forecast]]:
    """One line a resource and region, by region and path.

    A resource that stays has an apply and a clean step, which together are one "keep"; one that moves to
    another region is made anew there and deleted here.
    """
    told = [(step, step.forecast) for step in plan.applies.values() if step.kind is Kind.APPLY]
    for step in plan.cleans.values():
        wished = plan.applies.get(step.path)
        if step.forecast is not Forecast.KEEP:
            told.append((step, step.forecast))
        elif wished is None or wished.region != step.region:
            told.append((step, Forecast.DELETE))
    return sorted(told, key=lambda pair: (pair[0].region, pair[0].path, pair[0].kind))


def critical_path(plan: Plan) -> tuple[Step, ...]:
    """The longest chain of steps that do something, first to last. What stays costs nothing."""
    deleting = not plan.applies
    steps = _by_path(plan.cleans.values() if deleting else plan.applies.values())
    chains: dict[Path, tuple[Step, ...]] = {}

    def chain(path: Path) -> tuple[Step, ...]:
        # Plans are acyclic and their steps come in an order in which needs come first, cleans excepted.
        pending = [path]
        while pending:
            top = pending[-1]
            needs = {need for step in steps[top] for need in step.needs if need in steps}
            missing = [need for need in needs if need not in chains]
            if missing:
                pending.extend(missing)
                continue
            pending.pop()
            longest = max((chains[need] for need in sorted(needs)), key=len, default=())
            busy = tuple(step for step in steps[top][:1] if step.forecast is not Forecast.KEEP)
            chains[top] = longest + busy
        return chains[path]

    return max((chain(path) for path in steps), key=len, default=())


def _by_path(steps: Iterable[Step]) -> dict[Path, tuple[Step, ...]]:
    found: dict[Path, tuple[Step, ...]] = {}
    for step in steps:
        found[step.path] = (*found.get(step.path, ()), step)
    return found


def _summaries(steps: Iterable[tuple[Step, Forecast]]) -> list[plan_pb2.RegionSummary]:
    counts: dict[Region, dict[Forecast, int]] = {}
    for step, forecast in steps:
        row = counts.setdefault(step.region, dict.fromkeys(Forecast, 0))
        row[forecast] += 1
    return [
        plan_pb2.RegionSummary(
            region=region_name(region),
            add=row[Forecast.ADD],
            change=row[Forecast.CHANGE],
            replace=row[Forecast.REPLACE],
            delete=row[Forecast.DELETE],
            keep=row[Forecast.KEEP],
            retain=row[Forecast.RETAIN],
        )
        for region, row in sorted(counts.items())
    ]


def _resource(step: Step, forecast: Forecast, plan: Plan) -> plan_pb2.PlannedResource:
    regions = {need: plan.applies[need].region for need in step.needs if need in plan.applies}
    here = step.region
    return plan_pb2.PlannedResource(
        path=step.path,
        region=region_name(here),
        type=step.type,
        action=_ACTIONS[forecast],
        refused=step.refused,
        changes=[
            plan_pb2.PropertyChange(path=name, forces_replacement=name in step.forcing)
            for name in sorted({*step.changed, *step.forcing})
        ],
        needs=[f"{regions.get(need, here)}: {need}" for need in step.needs]
        if step.kind is Kind.APPLY
        else [],
    )


def _place(step: Step) -> str:
    return f"{step.region}: {step.path}"
