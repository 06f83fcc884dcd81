"""Calls that are cut, that come too late, and what is told of them."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.calls import Cut, Outcome
from global_heat.regions.transport import Request


def request(method="POST", url="http://east.test/network/v2.0/networks?secret=1"):
    return Request(method, url, "east", {"X-Auth-Token": "very-secret"}, b"{}")


async def hang(_):
    await asyncio.Event().wait()


def test_when_the_deadline_passes_changes_in_flight_are_cut_and_reads_go_on(kit, virtual):
    async def work():
        rig = kit.Rig()
        loop = asyncio.get_running_loop()
        rig.cloud.handle = hang
        rig.calls.change_until(loop.time() + 10)
        change = asyncio.create_task(rig.calls.send(request(), "network", changes=True))
        read = asyncio.create_task(rig.calls.send(request("GET"), "network", changes=False))
        with pytest.raises(Cut):
            await change
        at = loop.time()
        await asyncio.sleep(100)
        assert not read.done()
        read.cancel()
        return at, rig

    at, rig = virtual(work())
    assert at == 10.0
    assert issubclass(Cut, Ambiguous)
    assert rig.records[0].outcome is Outcome.CUT


def test_a_renewed_deadline_cuts_nothing(kit, virtual):
    async def work():
        rig = kit.Rig()

        async def slow(_):
            await asyncio.sleep(25)
            return kit.reply(201, {})

        rig.cloud.handle = slow
        loop = asyncio.get_running_loop()
        rig.calls.change_until(10)
        call = asyncio.create_task(rig.calls.send(request(), "network", changes=True))
        while not call.done():
            await asyncio.sleep(5)
            rig.calls.change_until(loop.time() + 10)
        return (await call).status

    assert virtual(work()) == 201


def test_after_the_deadline_no_change_is_sent_until_it_moves_on(kit, virtual):
    async def work():
        rig = kit.Rig()
        rig.calls.change_until(10)
        await asyncio.sleep(10)
        with pytest.raises(Transient, match="lease"):
            await rig.calls.send(request(), "network", changes=True)
        assert rig.cloud.requests == []
        await rig.calls.send(request("GET"), "network", changes=False)
        rig.calls.change_until(100)
        await rig.calls.send(request(), "network", changes=True)
        return [sent.method for sent in rig.cloud.requests]

    assert virtual(work()) == ["GET", "POST"]


def test_a_call_that_waited_past_the_deadline_for_its_turn_is_not_sent(kit, virtual):
    async def work():
        rig = kit.Rig()
        rig.limits.of(Region("east"), "network").pause(20.0)
        rig.calls.change_until(10)
        with pytest.raises(Transient):
            await rig.calls.send(request(), "network", changes=True)
        return rig.cloud.requests

    assert virtual(work()) == []


def test_cutting_twice_is_harmless_and_a_cut_says_nothing_of_the_region(kit, virtual):
    async def work():
        rig = kit.Rig()
        await rig.open()
        rig.cloud.handle = hang
        calls = [asyncio.create_task(rig.calls.send(request(), "network", changes=True)) for _ in range(5)]
        await asyncio.sleep(1)
        rig.calls.cut()
        rig.calls.cut()
        await asyncio.sleep(0)
        rig.calls.cut()
        outcomes = await asyncio.gather(*calls, return_exceptions=True)
        assert [type(outcome) for outcome in outcomes] == [Cut] * 5
        return rig.changes

    assert virtual(work()) == []


def test_the_caller_who_gives_up_is_not_told_of_a_cut(kit, virtual):
    async def work():
        rig = kit.Rig()
        rig.cloud.handle = hang
        call = asyncio.create_task(rig.calls.send(request(), "network", changes=True))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return rig.records

    assert [record.outcome for record in virtual(work())] == [Outcome.ABANDONED]


def test_every_call_is_told_of_without_secrets(kit, virtual):
    async def work():
        rig = kit.Rig()

        async def answer(_):
            await asyncio.sleep(2)
            return kit.reply(503)

        rig.cloud.handle = answer
        await rig.calls.send(request(), "network", changes=True)
        for failure in (Transient("refused"), Ambiguous("no answer")):
            rig.cloud.handle = lambda _, failure=failure: failure
            with pytest.raises(type(failure)):
                await rig.calls.send(request(), "network", changes=True)
        return rig.records

    records = virtual(work())
    assert [(r.outcome, r.status, r.seconds, r.request_id) for r in records] == [
        (Outcome.ANSWERED, 503, 2.0, "req-1"),
        (Outcome.REFUSED, 0, 0.0, ""),
        (Outcome.UNANSWERED, 0, 0.0, ""),
    ]
    assert {r.path for r in records} == {"/network/v2.0/networks"}
    assert "secret" not in repr(records)


@pytest.mark.parametrize("status", [429, 503])
def test_a_service_that_has_too_much_to_do_is_left_alone_for_as_long_as_it_wishes(kit, virtual, status):
    async def work():
        rig = kit.Rig()
        replies = [kit.reply(status, {}, retry_after="7"), kit.reply(200, {})]
        rig.cloud.handle = lambda _: replies.pop(0)
        loop = asyncio.get_running_loop()
        await rig.calls.send(request("GET"), "network", changes=False)
        await rig.calls.send(Request("GET", "http://east.test/image", "east"), "image", changes=False)
        replies.append(kit.reply(200, {}))
        other = loop.time()
        await rig.calls.send(request("GET"), "network", changes=False)
        return other, loop.time()

    assert virtual(work()) == (0.0, 7.0)
