"""A part of the store, followed by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from global_heat.engine.mirror import Mirror
from global_heat.engine.ports import Settings
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.loop import run


class Followed:
    """A mirror of `work/` that follows, and somebody else who writes."""

    def __init__(self) -> None:
        self.cluster = SimCluster()
        self.link = Link(lambda: 0.002, lambda: 1.0)
        self.other = SimStore(self.cluster, "other", Link(lambda: 0.002, lambda: 1.0))
        self.told: list[str] = []
        self.mirror = Mirror(SimStore(self.cluster, "own", self.link), "work/", self.told.append)

    async def write(self, put: dict[str, bytes] | None = None, delete: tuple[str, ...] = ()) -> None:
        await self.other.commit(put=put or {}, delete=delete)

    async def agrees(self) -> None:
        """Give it a moment; then it must be as the store is."""
        await asyncio.sleep(60.0)
        now = {entry.key: entry for entry in self.cluster.scan("work/", "", self.cluster.revision)}
        assert self.mirror.entries == now


@asynccontextmanager
async def followed() -> AsyncIterator[Followed]:
    made = Followed()
    await made.write({"work/a": b"1", "claims/a": b"1"})
    following = asyncio.ensure_future(made.mirror.follow(Settings()))
    await made.mirror.loaded.wait()
    try:
        yield made
    finally:
        following.cancel()


def test_what_is_there_already_is_loaded_and_told():
    async def story() -> None:
        async with followed() as own:
            assert set(own.mirror.entries) == {"work/a"} and own.told == ["work/a"]

    run(story())


def test_changes_are_taken_and_told_as_they_come_and_those_beside_are_not():
    async def story() -> None:
        async with followed() as own:
            await own.write({"work/b": b"1", "claims/b": b"1"})
            await own.write({"work/a": b"2"})
            await own.write(delete=("work/b",))
            await own.agrees()
            assert own.told == ["work/a", "work/b", "work/a", "work/b"]
            entry = own.mirror.entries["work/a"]
            assert (entry.value, entry.create_revision < entry.mod_revision) == (b"2", True)

    run(story())


def test_after_a_compaction_that_it_missed_it_begins_again_from_a_scan():
    async def story() -> None:
        async with followed() as own:
            own.link.cut = True
            await own.write({"work/b": b"1"})
            await own.write({"work/c": b"1"}, ("work/a",))
            own.cluster.compact()
            await asyncio.sleep(5.0)
            assert set(own.mirror.entries) == {"work/a"}
            own.link.cut = False
            await own.agrees()
            assert sorted(own.told[1:]) == ["work/a", "work/b", "work/c"]

    run(story())


def test_a_mirror_that_cannot_load_tries_until_it_can():
    async def story() -> None:
        own = Followed()
        await own.write({"work/a": b"1"})
        own.link.cut = True
        following = asyncio.ensure_future(own.mirror.follow(Settings()))
        await asyncio.sleep(120.0)
        assert not own.mirror.loaded.is_set()
        own.link.cut = False
        await own.agrees()
        assert own.told == ["work/a"]
        following.cancel()

    run(story())


def test_a_refresh_shows_at_once_what_a_slow_watch_has_not_brought_and_tells_of_it_once():
    async def story() -> None:
        async with followed() as own:
            own.link.member_lag = 30.0
            await own.write({"work/b": b"1"}, ("work/a",))
            await own.mirror.refresh()
            assert set(own.mirror.entries) == {"work/b"}
            assert own.told == ["work/a", "work/a", "work/b"]
            await own.agrees()
            assert own.told.count("work/b") == 1

    run(story())


def test_what_the_watch_brings_while_all_is_read_again_is_not_lost():
    async def story() -> None:
        async with followed() as own:
            own.link.latency = lambda: 0.01
            reading = asyncio.ensure_future(own.mirror.refresh())
            await asyncio.sleep(0.006)
            own.link.latency = lambda: 0.0
            await own.write({"work/b": b"1"})
            await reading
            assert "work/b" in own.mirror.entries
            await own.agrees()

    run(story())
