"""How a shard stands under one plan: which steps are open, what is to be removed, whether all is done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.engine.book import Book
from global_heat.model.names import Path, Region
from global_heat.model.plan import Plan, Step
from global_heat.model.records import Incarnation, ShardRecord, State
from global_heat.planner.decision import live, superseded

_BEGUN = (State.INTENT, State.CREATED, State.UPDATING)


class Standing:
    """Follows from the book alone, so that every owner of the shard finds the same."""

    def __init__(self, book: Book, plan: Plan) -> None:
        self._book = book
        self._plan = plan
        self.region = book.shard.region
        self.steps = {step.path: step for step in plan.applies.values() if step.region == self.region}
        self._open = {path for path in self.steps if path not in book.finished}
        self._cleans = sum(len(self.superseded(path)) for path in {i.path for i in book.here()})
        self._removed = 0

    def note(self, written: tuple[Incarnation, ...], removed: tuple[Incarnation, ...]) -> list[Path]:
        """Take in a write that the book shows; the steps that are done by it."""
        done = [i.path for i in written if i.path in self._book.finished and i.path in self._open]
        self._open.difference_update(done)
        self._removed += len(removed)
        return done

    def can_apply(self, path: Path, stopping: bool) -> Step | None:
        """The open step of a resource, if what it needs is there; of a stack that stops: if it was begun."""
        step = self.steps.get(path)
        if step is None or path not in self._open:
            return None
        if any(need not in self._book.finished for need in step.needs):
            return None
        return None if stopping and not self._begun(path) else step

    def can_clean(self, path: Path, stopping: bool) -> list[Incarnation]:
        """What of a resource is to be removed now; of a stack that stops: what is being removed."""
        return [
            incarnation
            for incarnation in self.superseded(path)
            if not self._book.holders(incarnation)
            if not stopping or (incarnation.state is State.LEAVING and incarnation.tried == self._plan.number)
        ]

    def superseded(self, path: Path) -> list[Incarnation]:
        """What of a resource is to be removed in this region, by and by."""
        goes = superseded(self._book.of(path), path in self._plan.applies, self._plan.number)
        return [i for i in goes or () if i.region == self.region]

    def complete(self) -> bool:
        """Whether nothing is left to do here."""
        if self._open:
            return False
        finished = self._book.finished
        return all(i.path in finished and finished[i.path].ref == i.ref for i in self._book.here())

    def only_replaced(self) -> bool:
        """Whether all that is left to do here is to remove what has been replaced."""
        return not self._open and all(i.path in self._book.finished for i in self._book.here())

    def all_down(self, shards: Mapping[Region, ShardRecord]) -> bool:
        """Whether all other regions that the stack waits for are down, as far as is recorded."""
        others = (shards.get(region) for region in self._book.header.open if region != self.region)
        return all(shard is not None and shard.parked is not None and shard.parked.down for shard in others)

    def progress(self, record: ShardRecord) -> ShardRecord:
        """How far it is. What a replacement leaves to clean is not foreseen."""
        steps = len(self.steps) + self._cleans
        done = min(len(self.steps) - len(self._open) + self._removed, steps)
        return msgspec.structs.replace(record, done=done, steps=steps)

    def _begun(self, path: Path) -> bool:
        """Whether this plan has begun it: what is under way is finished although the stack stops."""
        current = live(i for i in self._book.of(path) if i.region == self.region)
        return current is not None and current.state in _BEGUN and current.tried == self._plan.number
