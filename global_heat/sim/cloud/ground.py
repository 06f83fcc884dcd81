"""What the services of one region stand on: time, chance, the things there are, what is due."""

from __future__ import annotations

import heapq
import random
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from global_heat.sim.cloud.faults import Faults
from global_heat.sim.cloud.settings import Settings, Span
from global_heat.sim.cloud.things import Thing, Things

Due = Callable[[float], None]
"""What happens later; it is told the time at which it was due."""


@dataclass
class Ground:
    """No background task exists: what is due is done before anything is read or changed (`settle`)."""

    region: str
    clock: Callable[[], float]
    rng: random.Random
    settings: Settings
    faults: Faults
    things: Things = field(default_factory=Things)
    quotas: dict[tuple[str, str], int] = field(default_factory=dict)
    """By (project, kind); beats the settings' figure for all projects."""
    busy_until: float | None = None
    """When the last of what was set going since this was cleared will have happened."""
    _agenda: list[tuple[float, int, Due]] = field(default_factory=list)
    _serial: int = 0
    _acting_at: float | None = None

    def now(self) -> float:
        """The moment being lived: what was due earlier happens at its own time, however late one looks."""
        return self.clock() if self._acting_at is None else self._acting_at

    def new_id(self) -> str:
        return str(uuid.UUID(int=self.rng.getrandbits(128), version=4))

    def later(self, span: Span, due: Due) -> None:
        """Have something happen after a time drawn from the span."""
        self._serial += 1
        at = self.now() + self.rng.uniform(*span)
        self.busy_until = max(at, self.busy_until or at)
        heapq.heappush(self._agenda, (at, self._serial, due))

    def settle(self) -> float:
        """Do what is due by now and return now."""
        now = self.clock()
        if self._acting_at is None:
            try:
                while self._agenda and self._agenda[0][0] <= now:
                    self._acting_at, _, due = heapq.heappop(self._agenda)
                    due(self._acting_at)
            finally:
                self._acting_at = None
        return now

    def next_due(self) -> float | None:
        """When the next change of state comes by itself."""
        return self._agenda[0][0] if self._agenda else None

    def listed(self, kind: str) -> list[Thing]:
        """What a list of that kind shows now, the oldest first: it may lag."""
        now, faults = self.now(), self.faults
        found: Iterable[Thing] = self.things.of(kind).values()
        if faults.list_lag_seconds > 0:
            found = (thing for thing in found if now - thing.created_at >= faults.list_lag_seconds)
        if faults.list_ghost_seconds > 0:
            return [*self.things.deleted_since(kind, now - faults.list_ghost_seconds), *found]
        return list(found)

    def room(self, kind: str, project_id: str) -> tuple[bool, int]:
        """Tell whether the project may have one more, and its limit (-1: none)."""
        limit = self.quotas.get((project_id, kind), self.settings.quotas.get(kind, -1))
        return limit < 0 or self.things.count(kind, project_id) < limit, limit
