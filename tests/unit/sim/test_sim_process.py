"""A process that is stopped, goes on, dies: what of its calls leaves it, and when."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.sim.loop import Deadlock, run
from global_heat.sim.process import Process


class Outside:
    """What arrives from a process, and when."""

    def __init__(self) -> None:
        self.arrived: list[tuple[str, float]] = []

    async def take(self, what: str) -> str:
        self.arrived.append((what, asyncio.get_running_loop().time()))
        await asyncio.sleep(0.5)
        return f"answer to {what}"


def test_a_process_that_runs_sends_at_once():
    async def story() -> None:
        process, outside = Process(), Outside()
        assert await process.send(lambda: outside.take("a")) == "answer to a"
        assert outside.arrived == [("a", 0.0)] and not process.stopped

    run(story())


def test_a_stopped_process_sends_when_it_goes_on():
    async def story() -> None:
        process, outside = Process(), Outside()
        process.stop()
        sending = asyncio.ensure_future(process.send(lambda: outside.take("a")))
        await asyncio.sleep(10.0)
        assert outside.arrived == [] and process.stopped
        process.go_on()
        assert await sending == "answer to a"
        assert outside.arrived == [("a", 10.0)]

    run(story())


def test_what_a_stopped_process_was_about_to_send_it_sends_although_its_caller_gave_up():
    async def story() -> None:
        process, outside = Process(), Outside()
        process.stop()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(2.0):
                await process.send(lambda: outside.take("late"))
        await asyncio.sleep(8.0)
        process.go_on()
        await asyncio.sleep(1.0)
        assert outside.arrived == [("late", 10.0)]

    run(story())


def test_a_dead_process_sends_nothing_any_more_also_not_what_it_was_about_to():
    async def story() -> None:
        process, outside = Process(), Outside()
        process.stop()
        sending = asyncio.ensure_future(process.send(lambda: outside.take("a")))
        await asyncio.sleep(1.0)
        process.die()
        process.go_on()
        await asyncio.gather(sending, return_exceptions=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60.0):
                await process.send(lambda: outside.take("b"))
        assert outside.arrived == []

    run(story())


def test_a_call_of_a_dead_process_never_returns():
    async def story() -> None:
        process = Process()
        process.die()
        await process.send(lambda: Outside().take("a"))

    with pytest.raises(Deadlock):
        run(story())


def test_what_was_sent_before_the_death_arrives():
    async def story() -> None:
        process, outside = Process(), Outside()
        sending = asyncio.ensure_future(process.send(lambda: outside.take("a")))
        await asyncio.sleep(0.1)
        process.die()
        assert await sending == "answer to a"

    run(story())


def test_an_error_of_the_call_comes_back_to_the_caller_also_late():
    async def fail() -> None:
        raise ConnectionError("reset")

    async def story() -> None:
        process = Process()
        with pytest.raises(ConnectionError):
            await process.send(fail)
        process.stop()
        sending = asyncio.ensure_future(process.send(fail))
        await asyncio.sleep(1.0)
        process.go_on()
        with pytest.raises(ConnectionError):
            await sending

    run(story())
