"""Follow a stack's records from any place in the store's history, on any replica.

A place is a resume token: `REVISION.COUNT`, all up to that revision of the store and the first so many items
of the next. The store keeps the order of a commit's changes, so that a token means the same everywhere.
"""

from __future__ import annotations

import re
from collections.abc import AsyncGenerator
from contextlib import aclosing

import msgspec

from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Path, Region
from global_heat.model.records import EventBatch, Header, Incarnation, ShardRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import Change, Store
from global_heat.store.reading import StackView


class Place(msgspec.Struct, frozen=True):
    revision: int
    count: int = 0

    def __str__(self) -> str:
        return f"{self.revision}.{self.count}"

    @classmethod
    def parse(cls, token: str) -> Place:
        found = re.fullmatch(r"(\d{1,18})\.(\d{1,9})", token)
        if found is None:
            message = "must be the last resume token received"
            raise Invalid("the resume token cannot be used", Fault("resume_token", message))
        return cls(int(found[1]), int(found[2]))


class Happened(msgspec.Struct, frozen=True):
    """An event: the batch it was recorded in, and which of them it is."""

    batch: EventBatch
    index: int


class Item(msgspec.Struct, frozen=True):
    """Something changed. `place` goes on after it. Without `event` the stack itself or a region did."""

    place: Place
    event: Happened | None = None


class Mirror:
    """A stack as its records say it, kept up to date by its changes."""

    def __init__(self, view: StackView) -> None:
        self.header: Header | None = view.header
        self.etag = view.etag
        self.shards: dict[Region, ShardRecord] = dict(view.shards)
        self._incarnations = {(i.path, i.region, i.n): i for i in view.incarnations}
        self._revision = view.revision
        self._below = len(keys.stack(view.header.project, view.header.id))

    @property
    def incarnations(self) -> list[Incarnation]:
        return list(self._incarnations.values())

    def apply(self, change: Change) -> list[Happened | None]:
        """Take a change in; its items, None for one of the stack itself. What the view knew is not undone."""
        part, _, rest = change.key[self._below :].partition("/")
        new = change.revision > self._revision
        match part:
            case "events":
                batch = decode(EventBatch, change.value) if change.value is not None else None
                return [Happened(batch, i) for i in range(len(batch.events))] if batch else []
            case "header":
                if new:
                    self.header = decode(Header, change.value) if change.value is not None else None
                    self.etag = str(change.revision)
                return [None]
            case "shards":
                if new and change.value is not None:
                    self.shards[Region(rest)] = decode(ShardRecord, change.value)
                return [None]
            case "resources":
                if new:
                    self._take_resource(rest, change)
        return []

    def _take_resource(self, rest: str, change: Change) -> None:
        if change.value is not None:
            incarnation = decode(Incarnation, change.value)
            self._incarnations[(incarnation.path, incarnation.region, incarnation.n)] = incarnation
            return
        path, region, n = rest.rsplit("/", 2)
        self._incarnations.pop((Path(path), Region(region), int(n)), None)


class Follower:
    """Yields what happens to a stack after a place, without end unless told. Raises `Compacted`."""

    def __init__(self, store: Store, view: StackView) -> None:
        self._store = store
        self._prefix = keys.stack(view.header.project, view.header.id)
        self.mirror = Mirror(view)

    async def items(self, after: Place, *, until_done: bool = False) -> AsyncGenerator[Item, None]:
        """`until_done`: end when the stack's plan is over and all that was recorded of it has been told."""
        last = await self._last() if until_done and self._over() else None
        if last is not None and last.revision <= after.revision:
            return
        revision, count, read = after.revision + 1, 0, 0
        async with aclosing(changes(self._store, self._prefix, after.revision)) as stream:
            async for change in stream:
                if change.revision != revision:
                    revision, count, read = change.revision, 0, 0
                read += 1
                was_over = self._over()
                for happened in self.mirror.apply(change):
                    count += 1
                    if revision > after.revision + 1 or count > after.count:
                        yield Item(Place(revision - 1, count), happened)
                if until_done and self._over() and not was_over:
                    last = await self._last()
                if last is not None and (revision, read) >= (last.revision, last.count):
                    return

    def _over(self) -> bool:
        return self.mirror.header is None or self.mirror.header.ended

    async def _last(self) -> Place:
        """The last commit that wrote something which still stands, and how many keys of it still do."""
        found = await self._store.scan(self._prefix, keys_only=True)
        revision = max((entry.mod_revision for entry in found.entries), default=0)
        return Place(revision, sum(entry.mod_revision == revision for entry in found.entries))


async def changes(store: Store, prefix: str, after: int) -> AsyncGenerator[Change, None]:
    """The changes below a prefix after a revision of the store. Raises `Compacted`."""
    stream = store.watch(prefix, after=after)
    try:
        async for change in stream:
            if isinstance(change, Change):
                yield change
    finally:
        if isinstance(stream, AsyncGenerator):
            await stream.aclose()
