"""Virtual time: counted, not waited for; a program that hangs is told so."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.sim.loop import Deadlock, run


def now() -> float:
    return asyncio.get_running_loop().time()


def test_time_begins_at_zero_and_goes_on_by_what_is_waited_for():
    async def story() -> None:
        assert now() == 0.0
        await asyncio.sleep(1.5)
        assert now() == 1.5
        await asyncio.sleep(7 * 86400.0)
        assert now() == 1.5 + 7 * 86400.0

    run(story())


def test_time_stands_still_while_something_is_ready():
    async def story() -> None:
        for _ in range(100):
            await asyncio.sleep(0)
        assert now() == 0.0

    run(story())


def test_timers_go_off_in_order_each_at_its_time():
    async def story() -> list[tuple[str, float]]:
        seen: list[tuple[str, float]] = []

        async def wait(name: str, seconds: float) -> None:
            await asyncio.sleep(seconds)
            seen.append((name, now()))

        await asyncio.gather(wait("c", 3.0), wait("a", 1.0), wait("b", 2.0), wait("b2", 2.0))
        return seen

    assert run(story()) == [("a", 1.0), ("b", 2.0), ("b2", 2.0), ("c", 3.0)]


def test_a_timeout_cuts_at_its_time():
    async def story() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await asyncio.sleep(3.0)
        assert now() == 2.0

    run(story())


def test_a_program_in_which_nobody_can_go_on_is_a_deadlock():
    async def story() -> None:
        await asyncio.sleep(4.0)
        await asyncio.Event().wait()

    with pytest.raises(Deadlock, match=r"4\.000"):
        run(story())


def test_two_that_wait_for_each_other_are_a_deadlock():
    async def story() -> None:
        first, second = asyncio.Lock(), asyncio.Lock()

        async def take(one: asyncio.Lock, other: asyncio.Lock) -> None:
            async with one:
                await asyncio.sleep(1.0)
                async with other:
                    pass

        await asyncio.gather(take(first, second), take(second, first))

    with pytest.raises(Deadlock):
        run(story())


def test_a_result_and_an_error_come_out():
    async def right() -> int:
        return 7

    async def wrong() -> None:
        raise LookupError("x")

    assert run(right()) == 7
    with pytest.raises(LookupError):
        run(wrong())


def test_every_run_has_a_time_of_its_own():
    async def story() -> float:
        await asyncio.sleep(1.0)
        return now()

    assert [run(story()) for _ in range(2)] == [1.0, 1.0]
