"""Batches: the members of a group that are made or changed, some at a time, where its policy says so.

A batch waits for the one before it: more needs of its steps, and a pause. What stays as it is waits for
nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from graphlib import CycleError, TopologicalSorter

import msgspec

from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Path
from global_heat.model.plan import Forecast, Kind, Step
from global_heat.template.batching import Batching
from global_heat.template.tree import Tree

_CHANGED = (Forecast.CHANGE, Forecast.REPLACE)


def in_batches(steps: Sequence[Step], tree: Tree) -> list[Step]:
    """The same steps, those of groups with a policy in batches. Raises `Invalid`: they go in circles."""
    groups = tree.groups.in_order()
    if not groups:
        return list(steps)
    by_path = {step.path: step for step in steps}
    for group in groups:
        members = _members(group, tree.groups.names(group), by_path)
        new = [member for member in members if all(step.forecast is Forecast.ADD for step in member)]
        changed = [member for member in members if any(step.forecast in _CHANGED for step in member)]
        rolling, first = tree.groups.rolling(group), tree.groups.batch_create(group)
        if changed and rolling is not None:
            # Heat makes the new ones first (heat/scaling/template.py): they take the load of the others.
            _chain(new + changed, _batch_size(rolling, len(members)), rolling.pause_seconds, by_path)
        elif first is not None and len(new) == len(members):
            _chain(new, first.size_max, first.pause_seconds, by_path)
    _refuse_circles(by_path)
    return list(by_path.values())


def _batch_size(rolling: Batching, members: int) -> int:
    """As many as leave enough in service, but one at least."""
    return max(1, min(rolling.size_max, members - rolling.in_service_min))


def _members(group: Path, names: Sequence[str], by_path: Mapping[Path, Step]) -> list[list[Step]]:
    """The steps of each member, in the members' order."""
    found: dict[str, list[Step]] = {name: [] for name in names}
    inside = f"{group}/"
    for path, step in by_path.items():
        if path.startswith(inside):
            found[path.removeprefix(inside).partition("/")[0]].append(step)
    return [steps for steps in found.values() if steps]


def _chain(members: Sequence[list[Step]], size: int, pause: float, by_path: dict[Path, Step]) -> None:
    before: list[Path] = []
    for at in range(0, len(members), size):
        batch = [step for member in members[at : at + size] for step in member]
        for step in batch if before else ():
            if step.kind is Kind.APPLY:
                needs = tuple(sorted({*step.needs, *before}))
                by_path[step.path] = msgspec.structs.replace(step, needs=needs, pause_seconds=pause)
        needed = {need for step in batch for need in step.needs}
        before = [step.path for step in batch if step.path not in needed]


def _refuse_circles(by_path: Mapping[Path, Step]) -> None:
    try:
        TopologicalSorter({path: step.needs for path, step in by_path.items()}).prepare()
    except CycleError as error:
        circle = error.args[1]
        message = f"its members need each other in another order than its batches: {' → '.join(circle)}"
        raise Invalid(
            "a group cannot be carried out in batches", Fault(f"resources.{circle[0]}", message)
        ) from None
