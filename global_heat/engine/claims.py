"""Claim shards that have work: the best-ranked live replica at once, the others after a moment each."""

from __future__ import annotations

import asyncio

import structlog

from global_heat.engine.backoff import Backoff
from global_heat.engine.means import Means
from global_heat.engine.mirror import Mirror
from global_heat.engine.ranking import ranked
from global_heat.engine.shard import ShardRunner
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.records import Claim, ReplicaRecord
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Committed, absent, at_mod

log = structlog.get_logger()


class Claims:
    """The shards that this replica owns, under one lease."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._world = world = means.world
        self._id = means.id
        self._work = Mirror(world.store, keys.WORK, self._on_work)
        self._claims = Mirror(world.store, keys.CLAIMS, self._on_claim)
        self._replicas = Mirror(world.store, keys.REPLICAS, self._on_replica)
        self._changed = asyncio.Event()
        self._to_check: dict[Shard, None] = {}
        self._claiming: dict[Shard, asyncio.Task[None]] = {}
        self._runners: dict[Shard, ShardRunner] = {}
        self._tasks: dict[Shard, asyncio.Task[None]] = {}
        self._record = encode(Claim(replica=means.id))
        self._served: set[int] = set()
        """The revisions of claims that a runner has had."""
        self._broken: dict[Shard, Backoff] = {}
        self._draining = False

    @property
    def owned(self) -> int:
        return len(self._runners)

    @property
    def waiting(self) -> int:
        """Shards with work that nobody has claimed, as this replica knows it."""
        return sum(keys.claim(keys.shard_of(key)) not in self._claims.entries for key in self._work.entries)

    @property
    def parked(self) -> int:
        """Owned shards that wait for their region."""
        return sum(runner.parked for runner in self._runners.values())

    def replicas(self) -> list[ReplicaRecord]:
        return [decode(ReplicaRecord, entry.value) for entry in self._replicas.entries.values()]

    async def run(self) -> None:
        """Claim and work for as long as the lease lasts."""
        settings = self._world.settings
        try:
            async with asyncio.TaskGroup() as group:
                for mirror in (self._work, self._claims, self._replicas):
                    group.create_task(mirror.follow(settings))
                group.create_task(self._rescan())
                group.create_task(self._hand_back())
                for mirror in (self._work, self._claims, self._replicas):
                    await mirror.loaded.wait()
                await self._watch_work()
        finally:
            for task in (*self._claiming.values(), *self._tasks.values()):
                task.cancel()
            self._means.observer.close()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def drain(self) -> None:
        """Claim nothing more; return when all claims are given back."""
        self._draining = True
        for task in self._claiming.values():
            task.cancel()
        for runner in self._runners.values():
            runner.drain()
        if self._tasks:
            await asyncio.wait(set(self._tasks.values()))

    async def _watch_work(self) -> None:
        while True:
            self._changed.clear()
            while self._to_check:
                self._consider(self._to_check.popitem()[0])
            await self._changed.wait()

    async def _rescan(self) -> None:
        """The net under the watch: look through all work from time to time."""
        while True:
            await asyncio.sleep(self._world.settings.scan_seconds)
            try:
                await self._work.refresh()
                await self._claims.refresh()
            except (Transient, Ambiguous):
                continue
            self._check(*(keys.shard_of(key) for key in self._work.entries))

    def _check(self, *shards: Shard) -> None:
        self._to_check.update(dict.fromkeys(shards))
        self._changed.set()

    def _on_work(self, key: str) -> None:
        shard = keys.shard_of(key)
        entry = self._work.entries.get(key)
        runner = self._runners.get(shard)
        if runner is not None and entry is not None:
            runner.signal(entry.mod_revision)
        self._check(shard)

    def _on_claim(self, key: str) -> None:
        self._check(keys.shard_of(key))

    def _on_replica(self, key: str) -> None:
        self._check(*(keys.shard_of(key) for key in self._work.entries))

    def _free(self, shard: Shard) -> bool:
        return keys.work(shard) in self._work.entries and keys.claim(shard) not in self._claims.entries

    def _consider(self, shard: Shard) -> None:
        if shard in self._runners or shard in self._claiming or self._draining:
            return
        claim = self._claims.entries.get(keys.claim(shard))
        if claim is not None and claim.value == self._record and claim.create_revision not in self._served:
            # A commit of unknown outcome did claim it.
            self._start(shard, claim.create_revision)
            return
        if not self._free(shard):
            return
        if self.owned + len(self._claiming) >= self._world.settings.claims_max:
            return
        task = asyncio.ensure_future(self._claim(shard))
        self._claiming[shard] = task

        def ended(task: asyncio.Task[None]) -> None:
            self._claiming.pop(shard, None)
            if not task.cancelled() and task.exception() is None and shard not in self._runners:
                self._check(shard)

        task.add_done_callback(ended)

    def _rank(self, shard: Shard) -> int:
        order = ranked(str(shard), shard.region, self.replicas(), self._world.distances)
        return order.index(self._id) if self._id in order else len(order)

    async def _claim(self, shard: Shard) -> None:
        """Claim it, unless a better replica does while this one waits its turn."""
        await asyncio.sleep(self._rank(shard) * self._world.settings.claim_stagger_seconds)
        work = self._work.entries.get(keys.work(shard))
        if work is None or not self._free(shard):
            return
        await self._means.lease.until_may_act()
        claim = keys.claim(shard)
        try:
            outcome = await self._world.store.commit(
                absent(claim),
                at_mod(work.key, work.mod_revision),
                put={claim: self._record},
                lease=self._means.lease.lease,
            )
        except (Transient, Ambiguous):
            await asyncio.sleep(self._world.settings.backoff_seconds)
            revision, compared = await self._own_claim(claim), 0
        else:
            revision = outcome.revision if isinstance(outcome, Committed) else 0
            # Whatever signal came since, the mirror knows of it, or will tell the runner.
            seen = self._work.entries.get(work.key, work)
            compared = max(work.mod_revision, seen.mod_revision)
            if not revision:
                await asyncio.sleep(self._world.settings.claim_stagger_seconds)
        if revision and shard not in self._runners:
            self._start(shard, revision, compared)

    async def _own_claim(self, key: str) -> int:
        """The revision of our claim, if a commit of unknown outcome made it after all."""
        try:
            entry = await self._world.store.get(key)
        except (Transient, Ambiguous):
            return 0
        return entry.create_revision if entry is not None and entry.value == self._record else 0

    def _start(self, shard: Shard, revision: int, work_revision: int = 0) -> None:
        runner = ShardRunner(self._means, shard, revision, work_revision)
        runner.log.info("claimed", replica=self._id)
        self._runners[shard] = runner
        self._served.add(revision)
        task = asyncio.ensure_future(runner.run())
        self._tasks[shard] = task

        def ended(task: asyncio.Task[None]) -> None:
            self._runners.pop(shard, None)
            self._tasks.pop(shard, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                runner.log.error("a shard broke", error=repr(error))
                self._served.discard(revision)
                wait = self._broken.setdefault(shard, Backoff(self._world.settings)).next()
                asyncio.get_running_loop().call_later(wait, self._check, shard)
            else:
                self._broken.pop(shard, None)
                self._check(shard)

        task.add_done_callback(ended)

    async def _hand_back(self) -> None:
        """Give idle shards to replicas that are better placed, once those have lived a while."""
        settings = self._world.settings
        while True:
            await asyncio.sleep(settings.handover_seconds / 3)
            grown = [
                replica
                for replica in self.replicas()
                if replica.id == self._id
                or self._world.clock() - replica.started_at >= settings.handover_seconds
            ]
            for shard, runner in list(self._runners.items()):
                order = ranked(str(shard), shard.region, grown, self._world.distances)
                if runner.idle and order and order[0] != self._id:
                    runner.log.info("handed back", to=order[0])
                    runner.hand_back()
