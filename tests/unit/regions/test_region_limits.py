"""How fast, and how many at once."""

from __future__ import annotations

import asyncio

from global_heat.model.names import Region
from global_heat.regions.limits import Limit, Limits, Pace


def test_calls_start_in_a_burst_and_then_at_the_rate(virtual):
    async def work():
        limit = Limit(Pace(per_second=10, burst=3, in_flight_max=100))
        started = []

        async def call():
            async with limit.slot():
                started.append(round(asyncio.get_running_loop().time(), 6))

        await asyncio.gather(*(call() for _ in range(6)))
        return started

    assert virtual(work()) == [0.0, 0.0, 0.0, 0.1, 0.2, 0.3]


def test_the_bucket_fills_again(virtual):
    async def work():
        limit = Limit(Pace(per_second=10, burst=2, in_flight_max=100))
        loop = asyncio.get_running_loop()
        for _ in range(2):
            async with limit.slot():
                pass
        await asyncio.sleep(10)
        started = loop.time()
        for _ in range(2):
            async with limit.slot():
                pass
        return loop.time() - started

    assert virtual(work()) == 0.0


def test_no_more_than_so_many_are_in_flight(virtual):
    async def work():
        limit = Limit(Pace(per_second=1000, burst=1000, in_flight_max=2))
        now = most = 0

        async def call():
            nonlocal now, most
            async with limit.slot():
                now += 1
                most = max(most, now)
                await asyncio.sleep(1)
                now -= 1

        await asyncio.gather(*(call() for _ in range(7)))
        return most, asyncio.get_running_loop().time()

    most, seconds = virtual(work())
    assert most == 2
    assert round(seconds) == 4


def test_a_pause_holds_all_back_and_holds_no_slot(virtual):
    async def work():
        limit = Limit(Pace(per_second=1000, burst=1000, in_flight_max=1))
        loop = asyncio.get_running_loop()
        started = []

        async def call():
            async with limit.slot():
                started.append(loop.time())

        async with limit.slot():
            waiting = [asyncio.create_task(call()) for _ in range(2)]
            await asyncio.sleep(1)
            limit.pause(5.0)
        await asyncio.sleep(0.1)
        free = not limit._slots.locked()
        await asyncio.gather(*waiting)
        return started, free

    started, free = virtual(work())
    assert started == [6.0, 6.0]
    assert free


def test_without_a_wish_pauses_grow_until_a_call_is_taken(virtual):
    async def work():
        limit = Limit(Pace())
        loop = asyncio.get_running_loop()
        waits = []
        for refused in (True, True, True, False, True):
            if refused:
                limit.pause(None)
            else:
                limit.ease()
            before = loop.time()
            async with limit.slot():
                waits.append(round(loop.time() - before, 6))
        return waits

    assert virtual(work()) == [1.0, 2.0, 4.0, 0.0, 1.0]


def test_one_waiting_call_that_is_given_up_takes_no_slot_with_it(virtual):
    async def work():
        limit = Limit(Pace(in_flight_max=1))
        limit.pause(10.0)

        async def call():
            async with limit.slot():
                return "done"

        lost = asyncio.create_task(call())
        await asyncio.sleep(1)
        lost.cancel()
        return await call()

    assert virtual(work()) == "done"


def test_every_service_of_every_region_has_its_own():
    limits = Limits()
    one = limits.of(Region("east"), "network")
    assert limits.of(Region("east"), "network") is one
    assert limits.of(Region("east"), "compute") is not one
    assert limits.of(Region("west"), "network") is not one
