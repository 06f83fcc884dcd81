"""What the steps of one shard work with, under one plan: records, the region's cloud, the lease."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, TypeVar

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import Book, Write
from global_heat.engine.in_flight import InFlight
from global_heat.engine.means import Means
from global_heat.engine.ports import World
from global_heat.model.errors import Invalid, Transient
from global_heat.model.names import Path, Region
from global_heat.model.plan import Plan
from global_heat.model.records import Action, Event, Incarnation, ShardRecord, Waiting
from global_heat.model.values import Json
from global_heat.regions.cloud import Cloud
from global_heat.store.documents import RecordedView
from global_heat.store.keys import Shard
from global_heat.template.tree import Tree

T = TypeVar("T")
_PARKED_AFTER_TRIES = 3
_SOUND_SECONDS = 30.0


class StepFailed(Exception):
    """A step cannot be done under this plan. `incarnation` is what the records shall say of it; `action` is
    what events call it, where that does not follow from the records."""

    def __init__(self, reason: str, incarnation: Incarnation | None = None, action: str = "") -> None:
        super().__init__(reason)
        self.incarnation = incarnation
        self.action = action


class StepLeft(Exception):
    """The step is left as it is: the stack stops, and the region does not answer."""


class Job:
    """One shard under one plan."""

    def __init__(self, means: Means, book: Book, plan: Plan, tree: Tree | None) -> None:
        self.world = means.world
        self.replica = means.id
        self.in_flight = InFlight(means.lease)
        self.observer = means.observer
        self.ask_sweeper = partial(means.ask_sweeper, book.shard.region)
        """What is in the way of a step may be what nobody adopted."""
        self.wishes = means.wishes
        self.book = book
        self.plan = plan
        self._tree = tree
        self.stopping = asyncio.Event()
        self.news = asyncio.Event()
        """Set, and replaced, when others have written something that concerns this shard."""
        self.on_cut_off: Callable[[], None] = lambda: None
        """Told that a step has begun to wait for the region, which is down."""
        self._parked = 0
        self._sounding = _Sounding(means.world, book.shard)

    @property
    def tree(self) -> Tree:
        assert self._tree is not None, "a plan with apply steps has a tree"
        return self._tree

    @property
    def now(self) -> float:
        return self.world.clock()

    @property
    def clock(self) -> float:
        """Unix seconds, less those for which the shard was parked: nothing that it awaits gets late then."""
        record = self.book.record
        now = self.now if record.parked is None else record.parked.since
        return now - record.parked_seconds

    def others(self) -> tuple[Region, ...]:
        """The other regions that the stack waits for."""
        return tuple(region for region in self.book.header.open if region != self.book.shard.region)

    @property
    def cut_off(self) -> bool:
        """Whether steps wait here because the region is down."""
        return self._parked > 0 and self.world.health.trouble(self.book.shard.region) is not None

    def tell(self) -> None:
        """Let those that wait look again."""
        self.news.set()
        self.news = asyncio.Event()

    def view(self) -> RecordedView:
        return RecordedView(self.world.documents, self.book.header, self.book.finished)

    def hash_property(self) -> Callable[[str, Json], str]:
        return self.world.documents.hash_property(self.book.header)

    def opened(self, incarnation: Incarnation) -> Mapping[str, dict[str, Json]]:
        return self.world.documents.open_incarnation(self.book.header, incarnation)

    def event(self, path: Path, type: str, action: str, status: str, reason: str = "", id: str = "") -> Event:
        return Event(at=self.now, path=path, type=type, action=action, status=status, reason=reason, id=id)

    async def read(self, call: Callable[[Cloud], Awaitable[T]]) -> T:
        """Ask the cloud. What is transient is waited out, however long it takes."""
        backoff = Backoff(self.world.settings)
        while True:
            try:
                opened = await self.world.clouds.open(self.book.shard)
                answer = await call(opened.cloud)
            except Transient as error:
                await self.wait_out(error, backoff)
            else:
                await self._unpark()
                return answer

    async def seek(self, call: Callable[[Cloud], Awaitable[T | None]]) -> T | None:
        """Ask for something. That it is not there is believed once a second look says so too, begun when
        whatever there was at the first one must have shown."""
        found = await self.read(call)
        if found is None:
            await asyncio.sleep(self.lag_seconds)
            found = await self.read(call)
        return found

    @property
    def lag_seconds(self) -> float:
        """How far the region's answers may be behind what was done there."""
        return self.world.clouds.bounds(self.book.shard.region).lag_seconds

    async def wait_out(self, error: Transient, backoff: Backoff) -> None:
        """Wait until it makes sense to try again; say in the records what is waited for."""
        region = self.book.shard.region
        wait = backoff.next(error.retry_after_seconds)
        trouble = self.world.health.trouble(region)
        if trouble is None and backoff.count < _PARKED_AFTER_TRIES:
            await asyncio.sleep(wait)
            return
        if self.stopping.is_set():
            raise StepLeft(str(error))
        await self._park(f"region {region}: {trouble}" if trouble else str(error))
        try:
            if trouble is None:
                await _unless_stopping(self.stopping, asyncio.sleep(wait))
            else:
                await _unless_stopping(self.stopping, self.world.health.until_up(region))
        finally:
            self._parked -= 1
        await self._unpark()

    async def wait(self, seconds: float) -> None:
        """Wait, but not longer than the stack goes on. Raises `StepLeft`."""
        await _unless_stopping(self.stopping, asyncio.sleep(seconds))

    async def _unpark(self) -> None:
        """The region answers: say so, if the records, perhaps a former owner's, say otherwise."""
        if self.book.record.parked is not None and not self._parked:
            await self.book.write(Write(shard=self.unparked))

    def unparked(self, record: ShardRecord) -> ShardRecord:
        if record.parked is None:
            return record
        lost = max(0.0, self.now - record.parked.since)
        return msgspec.structs.replace(record, parked=None, parked_seconds=record.parked_seconds + lost)

    async def pause(self, seconds: float, news: asyncio.Event, *, parks: bool) -> None:
        """Wait so long, or until there is news. With `parks` the shard is parked while its region is down."""
        trouble = await self._sounding.trouble() if parks else None
        if trouble is None:
            if parks:
                await self._unpark()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await news.wait()
            return
        if self.stopping.is_set():
            raise StepLeft(trouble)
        region = self.book.shard.region
        await self._park(f"region {region}: {trouble}")
        known = self.world.health.trouble(region) is not None
        up = self.world.health.until_up(region) if known else asyncio.sleep(_SOUND_SECONDS)
        try:
            await _unless_stopping(self.stopping, _first(news.wait(), up))
        finally:
            self._parked -= 1

    async def _park(self, on: str) -> None:
        self._parked += 1
        down = self.cut_off
        if down:
            self.on_cut_off()
        parked = self.book.record.parked
        if parked is not None and (parked.down or not down):
            return
        waiting = Waiting(on=on, since=parked.since if parked else self.now, down=down)
        # Of a deleted stack whose regions are all down the name is given free: each must know of the others.
        wake = self.others() if down and self.plan.action is Action.DELETE else ()
        await self.book.write(
            Write(shard=lambda record: msgspec.structs.replace(record, parked=waiting), wake=wake)
        )


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Return as soon as one of them does."""
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _unless_stopping(stopping: asyncio.Event, wait: Awaitable[None]) -> None:
    """Await, but not longer than the stack goes on. Raises `StepLeft` when it stops."""
    waiting = asyncio.ensure_future(wait)
    stopped = asyncio.ensure_future(stopping.wait())
    try:
        await asyncio.wait({waiting, stopped}, return_when=asyncio.FIRST_COMPLETED)
        if not waiting.done():
            raise StepLeft("the stack stops")
        waiting.result()
    finally:
        waiting.cancel()
        stopped.cancel()


class _Sounding:
    """Finds out whether a region is down of which nothing is asked at the moment."""

    def __init__(self, world: World, shard: Shard) -> None:
        self._world = world
        self._shard = shard
        self._next_at = 0.0

    async def trouble(self) -> str | None:
        """Why the region is down, in words; None when it is not."""
        now = asyncio.get_running_loop().time()
        if now >= self._next_at:
            try:
                await self._world.clouds.open(self._shard)
            except Transient as error:
                return str(error)
            except Invalid:
                return None  # without a credential nothing can be asked
            self._next_at = now + _SOUND_SECONDS
            self._world.health.suspect(self._shard.region)
        return self._world.health.trouble(self._shard.region)
