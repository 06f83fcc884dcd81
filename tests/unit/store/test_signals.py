"""Signals as they are recorded: once each, for the right incarnation, readable by nobody without the key."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Path, PhysicalId, StackId
from global_heat.model.records import Header, Incarnation, State
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.reading import read_signals
from global_heat.store.scaling import Scaling
from global_heat.store.signals import SIGNALS_MAX, Signals
from tests.unit.store.desk import ANN, EAST, RED, Client, Desk, losing

HANDLE = "heat_template_version: 2021-04-16\nresources: {h: {type: OS::Heat::WaitConditionHandle}}\n"
HOOK = Path("h")


def signals_at(door: Client, desk: Desk) -> Signals:
    return Signals(door.documents, desk.clock, Scaling(door.documents, door.wishes))


class Told:
    """A stack with one handle, and a door to signal it at."""

    def __init__(self, desk: Desk, door: Client, stack: StackId) -> None:
        self.desk, self.door, self.stack = desk, door, stack
        self.signals = signals_at(door, desk)

    async def say(self, said: Any = None, request: str = "", only: str = "") -> str:
        return await self.signals.send(ANN, self.stack, HOOK, said, request, only)

    async def heard(self, n: int = 1) -> dict[str, Any]:
        found = await read_signals(self.desk.hand.documents, RED, self.stack, f"h@east#{n}")
        return {signal.id: signal.data["data"] for signal in found}

    async def record(self, n: int = 1, **changes: Any) -> None:
        """The handle's incarnation, as its owner would write it."""
        incarnation = Incarnation(
            path=HOOK,
            region=EAST,
            n=n,
            type="OS::Heat::WaitConditionHandle",
            state=State.READY,
            id=PhysicalId(f"handle-{n}"),
        )
        key = keys.resource(RED, self.stack, HOOK, EAST, n)
        await self.desk.put({key: msgspec.structs.replace(incarnation, **changes)})

    def work(self) -> int:
        key = keys.work(keys.Shard(EAST, RED, self.stack))
        entry = self.desk.cluster.entry(key, self.desk.cluster.revision)
        return entry.mod_revision if entry else 0


async def told(door: Client | None = None) -> Told:
    desk = Desk()
    operation = await desk.hand.create(template=HANDLE)
    made = Told(desk, door or desk.client("door"), operation.stack)
    await made.record()
    return made


def test_a_signal_wakes_the_shards_that_are_open_and_no_others() -> None:
    async def story() -> None:
        stage = await told()
        before = stage.work()
        assert await stage.say({"data": 1}) == "1"
        assert stage.work() > before
        await stage.desk.end()
        await stage.desk.hand.store.commit(delete=[keys.work(keys.Shard(EAST, RED, stage.stack))])
        await stage.say({"data": 2})
        assert stage.work() == 0 and await stage.heard() == {"1": 1, "2": 2}

    run(story())


def test_a_request_counts_once_and_an_id_takes_the_place_of_its_like() -> None:
    async def story() -> None:
        stage = await told()
        assert [await stage.say(request=request) for request in ("a", "a", "b", "")] == ["1", "1", "2", "3"]
        assert await stage.say({"id": "5", "data": "x"}) == "5"
        assert await stage.say({"id": "5", "data": "y"}) == "5"
        assert await stage.say() == "6"
        assert await stage.heard() == {"1": None, "2": None, "3": None, "5": "y", "6": None}

    run(story())


def test_a_number_that_somebody_took_for_an_id_is_left_out() -> None:
    async def story() -> None:
        stage = await told()
        await stage.say({"id": "2"})
        assert await stage.say() == "3"

    run(story())


def test_signals_at_the_same_moment_are_all_counted() -> None:
    async def story() -> None:
        stage = await told()
        others = [signals_at(stage.desk.client(f"door{n}"), stage.desk) for n in range(4)]
        asked = (door.send(ANN, stage.stack, HOOK, None, f"r{n}") for n, door in enumerate(others))
        assert sorted(await asyncio.gather(*asked)) == ["1", "2", "3", "4"]

    run(story())


def test_a_signal_whose_answer_was_lost_counts_once() -> None:
    async def story() -> None:
        desk = Desk()
        operation = await desk.hand.create(template=HANDLE)
        for lost in range(1, 6):
            stage = Told(desk, desk.client(f"door{lost}", losing(lost)), operation.stack)
            await stage.record(n=lost)
            try:
                await stage.say(request=f"r{lost}")
            except Exception:
                await stage.say(request=f"r{lost}")
            assert await stage.heard(lost) == {"1": None}

    run(story())


def test_what_takes_a_handles_place_has_heard_nothing() -> None:
    async def story() -> None:
        stage = await told()
        await stage.say()
        await stage.record(n=2)
        assert await stage.say() == "1" and await stage.heard(2) == {"1": None}
        await stage.say(only="handle-1")
        assert await stage.heard(1) == {"1": None, "2": None} and await stage.heard(2) == {"1": None}
        with pytest.raises(Invalid) as refused:
            await stage.say(only="handle-3")
        assert refused.value.reason is Reason.NOT_FOUND

    run(story())


def test_a_handle_that_is_not_made_yet_hears_nothing() -> None:
    async def story() -> None:
        stage = await told()
        await stage.record(state=State.INTENT)
        with pytest.raises(Invalid) as refused:
            await stage.say()
        assert refused.value.reason is Reason.PRECONDITION

    run(story())


def test_a_signal_that_comes_while_the_handle_goes_is_refused() -> None:
    async def story() -> None:
        stage = await told()
        key = keys.resource(RED, stage.stack, HOOK, EAST, 1)
        scan = stage.door.store.scan

        async def slow(prefix: str, **how: Any) -> Any:
            found = await scan(prefix, **how)
            if prefix.startswith("signals/"):
                await stage.desk.hand.store.commit(delete=[key])
            return found

        stage.door.store.scan = slow  # type: ignore[method-assign]
        with pytest.raises(Invalid) as refused:
            await stage.say()
        assert refused.value.reason is Reason.NOT_FOUND and stage.desk.present("signals/") == []

    run(story())


def test_what_is_said_is_sealed_for_its_place() -> None:
    async def story() -> None:
        stage = await told()
        await stage.say({"data": "a secret", "id": "a/b c"})
        [key] = stage.desk.present("signals/")
        assert key.endswith("/h@east#1/a%2Fb%20c")
        entry = stage.desk.cluster.entry(key, stage.desk.cluster.revision)
        assert entry is not None and b"secret" not in entry.value
        assert await stage.heard() == {"a/b c": "a secret"}
        moved = keys.signal(RED, stage.stack, "h@east#2", "a/b c")
        await stage.desk.hand.store.commit(put={moved: entry.value})
        with pytest.raises(Invalid):
            await stage.heard(2)

    run(story())


def test_no_resource_is_signalled_without_end() -> None:
    async def story() -> None:
        stage = await told()
        entry = stage.desk.present("signals/")
        assert entry == []
        await stage.say({"id": "first"})
        [key] = stage.desk.present("signals/")
        value = stage.desk.cluster.entry(key, stage.desk.cluster.revision)
        assert value is not None
        prefix = keys.signals_of(RED, stage.stack, "h@east#1")
        puts = {f"{prefix}{n:04d}": value.value for n in range(SIGNALS_MAX - 1)}
        for start in range(0, len(puts), 100):
            await stage.desk.hand.store.commit(put=dict(list(puts.items())[start : start + 100]))
        with pytest.raises(Invalid) as refused:
            await stage.say({"id": "another"})
        assert refused.value.reason is Reason.EXHAUSTED

    run(story())


@pytest.mark.parametrize(
    "said", [{"data": "x" * 65_536}, {"id": "x" * 256}, {"id": ""}, {"status": "OK"}, [1]]
)
def test_what_is_too_long_or_makes_no_sense_is_refused(said: Any) -> None:
    async def story() -> None:
        stage = await told()
        with pytest.raises(Invalid):
            await stage.say(said)
        assert stage.desk.present("signals/") == []

    run(story())


def test_a_network_takes_no_signals() -> None:
    async def story() -> None:
        stage = await told()
        await stage.record(type="OS::Neutron::Net")
        with pytest.raises(Invalid, match="takes no signals"):
            await stage.say()

    run(story())


def test_the_header_and_the_handle_stay_as_they_are() -> None:
    async def story() -> None:
        stage = await told()
        key = keys.header(RED, stage.stack)
        before = stage.desk.cluster.entry(key, stage.desk.cluster.revision)
        await stage.say()
        assert stage.desk.cluster.entry(key, stage.desk.cluster.revision) == before
        assert before is not None and encode(decode(Header, before.value), before.value) == before.value

    run(story())
