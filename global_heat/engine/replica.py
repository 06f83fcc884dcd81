"""One replica's engine, for as long as it lives: a lease, and under it claims, work and sweeping.

When the lease is lost, everything done under it is dropped, and the engine starts afresh with a new one.
"""

from __future__ import annotations

import asyncio

import structlog

from global_heat.engine.backoff import Backoff
from global_heat.engine.claims import Claims
from global_heat.engine.lease import LeaseKeeper, OnRenewal
from global_heat.engine.means import Means
from global_heat.engine.observing import Observer
from global_heat.engine.orphan_finder import OrphanFinder
from global_heat.engine.ports import World
from global_heat.engine.reaper import Reaper
from global_heat.engine.sweeper import Sweeper
from global_heat.engine.trust_sweeper import TrustSweeper
from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.model.names import ReplicaId
from global_heat.model.records import ReplicaRecord
from global_heat.store import keys
from global_heat.store.codec import encode
from global_heat.store.wishes import Wishes

log = structlog.get_logger()


class Replica:
    """The engine of one process. `on_renewal` arms what cuts calls, and the alarm."""

    def __init__(
        self, world: World, version: str = "", on_renewal: OnRenewal = lambda soft, hard: None
    ) -> None:
        self._world = world
        self._version = version
        self._on_renewal = on_renewal
        self._lives = 0
        self.lease: LeaseKeeper | None = None
        self.claims: Claims | None = None
        self.sweeper: Sweeper | None = None

    async def run(self) -> None:
        """Live, again and again, until cancelled."""
        backoff = Backoff(self._world.settings)
        while True:
            try:
                lease = await LeaseKeeper.grant(
                    self._world.store, self._world.settings.lease_seconds, self._on_renewal
                )
                await self._live(lease)
                backoff = Backoff(self._world.settings)
            except (Transient, Ambiguous, Fenced) as error:
                log.warning("the store does not answer", error=str(error))
            await asyncio.sleep(backoff.next())

    async def stop(self) -> None:
        """Claim nothing more, let calls end, give claims and lease back."""
        if self.claims is not None:
            await self.claims.drain()
        if self.lease is not None:
            await self._world.store.revoke(self.lease.lease)

    async def _live(self, lease: LeaseKeeper) -> None:
        """Work under one lease; return when it is lost."""
        self._lives += 1
        id = ReplicaId(f"{self._world.replica}.{self._lives}")
        keeping = asyncio.ensure_future(lease.keep())
        working: asyncio.Task[None] | None = None
        try:
            await self._register(id, lease)
            sweeper = Sweeper(self._world, id, lease, lambda: claims.replicas())
            wishes = Wishes(self._world.documents, self._world.clock, self._new_id)
            claims = Claims(Means(self._world, id, lease, Observer(), wishes, sweeper.ask))
            self.lease, self.claims, self.sweeper = lease, claims, sweeper
            working = asyncio.ensure_future(self._work(id, lease, claims, sweeper))
            await asyncio.wait({keeping, working}, return_when=asyncio.FIRST_COMPLETED)
            if working.done():
                working.result()
            log.warning("the lease is lost: all claims are dropped", replica=id)
        finally:
            self.lease = self.claims = self.sweeper = None
            for task in (keeping, working):
                if task is not None:
                    task.cancel()
            await asyncio.gather(*(t for t in (keeping, working) if t is not None), return_exceptions=True)

    async def _work(self, id: ReplicaId, lease: LeaseKeeper, claims: Claims, sweeper: Sweeper) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(claims.run())
            group.create_task(sweeper.run())
            group.create_task(TrustSweeper(self._world, id, lease, claims.replicas).run())
            group.create_task(OrphanFinder(self._world, id, lease, claims.replicas).run())
            group.create_task(Reaper(self._world, id, claims.replicas).run())

    async def _register(self, id: ReplicaId, lease: LeaseKeeper) -> None:
        record = ReplicaRecord(
            id=id,
            region=self._world.region,
            address=self._world.address,
            version=self._version,
            started_at=self._world.clock(),
        )
        key = keys.replica(self._world.region, id)
        await self._world.store.commit(put={key: encode(record)}, lease=lease.lease)

    def _new_id(self) -> str:
        raw = self._world.random_bytes(16).hex()
        return f"{raw[:8]}-{raw[8:12]}-{raw[12:16]}-{raw[16:20]}-{raw[20:]}"
