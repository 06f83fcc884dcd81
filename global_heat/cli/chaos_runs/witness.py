"""A witness of the store: every revision from the first on, with what is known of when it was written."""

from __future__ import annotations

import asyncio
import bisect
import time
from collections.abc import Callable
from contextlib import suppress

from global_heat.model.errors import Ambiguous, Transient
from global_heat.sim.etcd import Written
from global_heat.store.protocol import Change, Progress, Store

_NOTHING = "~/"
"""A prefix below which no record stands: reading it tells the store's revision and nothing else."""
_ASK_SECONDS = 0.1
_SLACK_SECONDS = 0.05
"""Between the clock of the clouds' process and ours."""


class Tee:
    """What a watch told, put together again by revision. Pure: it is handed what was heard, and when."""

    def __init__(self) -> None:
        self._changes: dict[int, list[tuple[str, bytes | None]]] = {}
        self._heard_at: dict[int, float] = {}
        self._asked_at: list[float] = []
        self._answers: list[int] = []
        self.revision = 0
        """Up to here nothing is missing."""

    def take(self, news: Change | Progress, now: float) -> None:
        """What the watch said. A commit's changes come one after the other."""
        if isinstance(news, Change):
            self._changes.setdefault(news.revision, []).append((news.key, news.value))
            self._heard_at.setdefault(news.revision, now)
        self.revision = max(self.revision, news.revision)

    def bound(self, asked_at: float, revision: int) -> None:
        """A linearizable read that was sent at `asked_at` saw `revision`: what follows is younger."""
        if not self._answers or revision >= self._answers[-1]:
            self._asked_at.append(asked_at)
            self._answers.append(revision)

    def history(self) -> list[Written]:
        """Who wrote and what was compared, a watch does not tell."""
        return [
            Written(revision, self._heard_at[revision], "", (), tuple(changes))
            for revision, changes in sorted(self._changes.items())
        ]

    def earliest(self) -> dict[int, float]:
        """By revision, the moment before which it was certainly not written."""
        found = {}
        for revision in self._changes:
            younger = bisect.bisect_left(self._answers, revision)
            found[revision] = self._asked_at[younger - 1] - _SLACK_SECONDS if younger else -1.0
        return found

    def entries(self) -> dict[str, bytes]:
        """The store as it is if all of that happened."""
        found: dict[str, bytes] = {}
        for _, changes in sorted(self._changes.items()):
            for key, value in changes:
                if value is None:
                    found.pop(key, None)
                else:
                    found[key] = value
        return found


class Witness:
    """Follows a store while `run` runs, whatever happens to its members."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.time) -> None:
        self._store = store
        self._clock = clock
        self._news = asyncio.Event()
        self.tee = Tee()

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._follow())
            group.create_task(self._ask())

    async def caught_up(self, revision: int = 0) -> None:
        """Wait until all is told up to that revision, or to the present one."""
        while not revision:
            with suppress(Transient, Ambiguous):
                revision = (await self._store.scan(_NOTHING, keys_only=True)).revision
        while self.tee.revision < revision:
            self._news.clear()
            await self._news.wait()

    async def differing(self) -> list[str]:
        """Keys that the store and the story of its changes do not agree about. Nobody may write meanwhile."""
        found = await self._store.scan("")
        stored = {entry.key: entry.value for entry in found.entries}
        await self.caught_up(found.revision)
        told = self.tee.entries()
        return sorted(key for key in stored.keys() | told.keys() if stored.get(key) != told.get(key))

    async def _follow(self) -> None:
        async for news in self._store.watch("", after=0):
            self.tee.take(news, self._clock())
            self._news.set()

    async def _ask(self) -> None:
        while True:
            asked_at = self._clock()
            with suppress(Transient, Ambiguous):
                self.tee.bound(asked_at, (await self._store.scan(_NOTHING, keys_only=True)).revision)
            await asyncio.sleep(_ASK_SECONDS)
