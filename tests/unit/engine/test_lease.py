"""A replica's lease: until when it may act, and what ends it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from global_heat.engine.lease import SOFT_MARGIN_SECONDS, LeaseKeeper
from global_heat.model.errors import Fenced
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.loop import run

TTL = 12.0


class Renewals(list):
    """The deadlines that were told."""

    def __call__(self, soft: float, hard: float) -> None:
        self.append((soft, hard))


class Replica:
    def __init__(self, latency: float, ttl: float) -> None:
        self.cluster = SimCluster()
        self.latency = latency
        self.link = Link(lambda: self.latency, lambda: 1.0)
        self.store = SimStore(self.cluster, "r1", self.link)
        self.renewals = Renewals()
        self._ttl = ttl
        self.keeper: LeaseKeeper
        self.keeping: asyncio.Task[None]

    async def begin(self) -> None:
        self.keeper = await LeaseKeeper.grant(self.store, self._ttl, self.renewals)
        self.keeping = asyncio.ensure_future(self.keeper.keep())


@asynccontextmanager
async def replica(latency: float = 0.002, ttl: float = TTL) -> AsyncIterator[Replica]:
    made = Replica(latency, ttl)
    await made.begin()
    try:
        yield made
    finally:
        made.keeping.cancel()


def now() -> float:
    return asyncio.get_running_loop().time()


def test_the_deadline_counts_from_the_sending_however_long_the_answer_takes():
    async def story() -> None:
        async with replica(latency=3.0) as own:
            assert own.renewals == [(TTL - SOFT_MARGIN_SECONDS, TTL)]
            assert now() == 3.0 and own.keeper.margin_seconds == TTL - SOFT_MARGIN_SECONDS - 3.0

    run(story())


def test_every_renewal_counts_from_its_own_sending():
    async def story() -> None:
        async with replica(latency=1.0) as own:
            await asyncio.sleep(20.0)
            sent = [hard - TTL for _, hard in own.renewals]
            assert sent == [0.0, 5.0, 10.0, 15.0], "a third of its time after every answer"
            assert {hard - soft for soft, hard in own.renewals} == {SOFT_MARGIN_SECONDS}

    run(story())


def test_a_short_lease_keeps_a_quarter_as_its_margin():
    async def story() -> None:
        async with replica(ttl=4.0) as own:
            assert own.renewals == [(3.0, 4.0)]

    run(story())


def test_who_renews_may_act_for_ever():
    async def story() -> None:
        async with replica() as own:
            for _ in range(100):
                await asyncio.sleep(7.0)
                assert own.keeper.may_act and not own.keeper.lost.is_set()
            assert own.cluster.leases() == [own.keeper.lease.id]

    run(story())


def test_who_cannot_renew_stops_acting_before_the_lease_can_end_and_goes_on_after_a_renewal():
    async def story() -> None:
        async with replica() as own:
            own.link.cut = True
            await asyncio.sleep(TTL - SOFT_MARGIN_SECONDS - 0.01)
            assert own.keeper.may_act and own.cluster.leases()
            await asyncio.sleep(0.02)
            assert not own.keeper.may_act and own.cluster.leases()
            own.link.cut = False
            own.cluster.change_leader()
            await own.keeper.until_may_act()
            assert own.keeper.may_act and own.keeper.margin_seconds > TTL / 2

    run(story())


def test_a_store_without_quorum_kills_nothing_however_long():
    async def story() -> None:
        async with replica() as own:
            own.cluster.quorum = False
            waiting = asyncio.ensure_future(own.keeper.until_may_act())
            await asyncio.sleep(3600.0)
            assert not own.keeper.may_act and not own.keeper.lost.is_set()
            own.cluster.quorum = True
            own.cluster.change_leader()
            await own.keeper.until_may_act()
            await waiting
            assert own.keeper.may_act

    run(story())


def test_a_renewal_whose_answer_gets_lost_does_not_count():
    async def story() -> None:
        async with replica() as own:
            own.link.lose_answers = 2.0
            await asyncio.sleep(TTL)
            assert len(own.renewals) == 1 and not own.keeper.may_act
            assert own.cluster.leases(), "the store did renew it"

    run(story())


def test_who_waits_to_act_is_told_when_the_lease_is_lost():
    async def story() -> None:
        async with replica() as own:
            own.link.cut = True
            await asyncio.sleep(TTL + 1.0)
            waiting = asyncio.ensure_future(own.keeper.until_may_act())
            await asyncio.sleep(5.0)
            assert own.cluster.leases() == [] and not waiting.done()
            own.link.cut = False
            with pytest.raises(Fenced):
                await waiting
            await own.keeping
            assert own.keeper.lost.is_set() and not own.keeper.may_act

    run(story())


def test_a_lease_that_somebody_ended_is_lost_at_the_next_renewal_although_its_deadline_is_far():
    async def story() -> None:
        async with replica() as own:
            own.cluster.expire(own.keeper.lease.id)
            await own.keeper.lost.wait()
            assert own.keeper.margin_seconds > 0 and not own.keeper.may_act
            with pytest.raises(Fenced):
                await own.keeper.until_may_act()

    run(story())


def test_who_may_act_does_not_wait():
    async def story() -> None:
        async with replica() as own:
            before = now()
            await own.keeper.until_may_act()
            assert now() == before

    run(story())


def test_one_lost_renewal_does_not_end_the_lease():
    async def story() -> None:
        async with replica() as own:
            await asyncio.sleep(3.9)
            own.link.cut = True
            await asyncio.sleep(0.2)
            own.link.cut = False
            await asyncio.sleep(30.0)
            assert not own.keeper.lost.is_set() and own.keeper.may_act

    run(story())
