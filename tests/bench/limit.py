"""T_min: how long a stack would take if whoever orchestrates it took no time at all.

It is the longest way through the stack's own graph, where a resource takes as long as its region's services
took for it, and each level that calls a cloud one commit, with one commit more at the end:
Σ (call + time to become ready + c) + c. Polling, queueing and reading count nothing: they are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cache

from global_heat.model.names import Path
from global_heat.model.records import Attempt
from global_heat.sim.cloud.journal import Entry
from tests.bench.history import Course


def service_seconds(attempts: Iterable[Attempt], journal: Sequence[Entry]) -> dict[Path, float]:
    """What the services took for each resource: the way there, the effect, becoming ready, the way back."""
    effective = [entry for entry in journal if entry.effective]
    taken: set[int] = set()
    found: dict[Path, float] = {}
    for attempt in attempts:
        for n, entry in enumerate(effective):
            if n not in taken and _is_of(entry, attempt):
                taken.add(n)
                found[attempt.path] = _seconds(entry)
                break
    return found


def _is_of(entry: Entry, attempt: Attempt) -> bool:
    if entry.token:
        return entry.token == attempt.token
    # A relation carries no token: it is made below the first of the two that it joins.
    first = str(attempt.id).partition(":")[0]
    return attempt.natural and entry.region == attempt.region and f"/{first}/" in entry.path


def _seconds(entry: Entry) -> float:
    assert entry.effected_at is not None, entry
    way = entry.arrived_at - entry.sent_at
    work = max(entry.busy_until or 0.0, entry.effected_at) - entry.arrived_at
    return 2 * way + work


def limit_seconds(course: Course, service: Mapping[Path, float], commit_seconds: float) -> float:
    """T_min; with `commit_seconds` 0 what the clouds alone take."""

    @cache
    def until_done(path: Path) -> float:
        before = max(map(until_done, course.lives[path].needs), default=0.0)
        return before + (service[path] + commit_seconds if path in service else 0.0)

    return max(map(until_done, course.lives), default=0.0) + commit_seconds
