"""The owner of one claimed shard, with its book open, over a simulated store."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from global_heat.engine.book import Book
from global_heat.model.names import Path, PhysicalId, Region, ReplicaId, Token
from global_heat.model.records import Attempt, AttemptState, Claim, Incarnation, State
from global_heat.sim.etcd import Written
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Committed, Lease, absent
from tests.unit.store.desk import EAST, RED, TWO, Desk

NET = "OS::Neutron::Net"


class Owner:
    """Who has claimed a shard. `desk` plays everybody else."""

    def __init__(self, desk: Desk, chance: Callable[[], float]) -> None:
        self.desk = desk
        self.client = desk.client("owner", chance)
        self.client.link.lose_answers = 0.0
        self.book: Book
        self.shard: Shard
        self.lease: Lease
        self.running: asyncio.Task[None]
        self.opened_at = 0

    async def open(self, region: Region = EAST) -> None:
        view = await self.client.view()
        self.shard = Shard(region, RED, view.header.id)
        store = self.client.store
        self.lease = await store.grant(3600.0)
        claim = keys.claim(self.shard)
        outcome = await store.commit(
            absent(claim), put={claim: encode(Claim(replica=ReplicaId("r1")))}, lease=self.lease
        )
        assert isinstance(outcome, Committed)
        work = await store.get(keys.work(self.shard))
        assert work is not None
        numbers = itertools.count(1)
        self.book = Book(
            store, self.shard, view, outcome.revision, work.mod_revision, lambda: f"txn-{next(numbers)}"
        )
        self.opened_at = self.desk.cluster.revision
        self.running = asyncio.ensure_future(self.book.run())

    def commits(self) -> list[Written]:
        """What this owner has written with its book."""
        since = self.desk.cluster.since(self.opened_at)
        return [written for written in since if written.client == "owner"]

    def stored(self, path: str, region: Region = EAST, n: int = 1) -> Incarnation | None:
        key = keys.resource(RED, self.shard.stack, Path(path), region, n)
        entry = self.desk.cluster.entry(key, self.desk.cluster.revision)
        return decode(Incarnation, entry.value) if entry else None

    def attempt(self, token: str) -> Attempt | None:
        key = keys.attempt(self.shard, Token(token))
        entry = self.desk.cluster.entry(key, self.desk.cluster.revision)
        return decode(Attempt, entry.value) if entry else None


@asynccontextmanager
async def owner(template: str = TWO, chance: Callable[[], float] = lambda: 1.0) -> AsyncIterator[Owner]:
    """The owner of the first region's shard of a new stack."""
    desk = Desk()
    await desk.hand.create(template=template)
    made = Owner(desk, chance)
    await made.open()
    try:
        yield made
    finally:
        made.running.cancel()
        await asyncio.gather(made.running, return_exceptions=True)


def thing(
    path: str, state: str = "READY", *, region: Region = EAST, n: int = 1, **fields: object
) -> Incarnation:
    """An incarnation that is finished for the first plan unless said otherwise."""
    fields = {"plan": 1, "id": PhysicalId(f"id-{path}"), **fields}
    return Incarnation(path=Path(path), region=region, n=n, type=NET, state=State(state), **fields)  # type: ignore[arg-type]


def begun(owner: Owner, token: str, state: AttemptState = AttemptState.INTENT, **fields: object) -> Attempt:
    return Attempt(
        token=Token(token),
        project=RED,
        stack=owner.shard.stack,
        region=EAST,
        path=Path("net"),
        n=1,
        type=NET,
        kind="network.network",
        state=state,
        **fields,  # type: ignore[arg-type]
    )
