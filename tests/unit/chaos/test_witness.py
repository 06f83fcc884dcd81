"""The story of a store's changes, put together again, and what is known of when each was written."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from global_heat.cli.chaos_runs.witness import Tee, Witness
from global_heat.sim import loop
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.store.protocol import Change, Progress, Store, absent


def change(key: str, value: bytes | None, revision: int) -> Change:
    return Change(key, value, revision)  # type: ignore[arg-type]


def test_changes_of_one_commit_become_one_revision():
    tee = Tee()
    tee.take(change("a", b"1", 2), 10.0)
    tee.take(change("b", b"2", 2), 10.5)
    tee.take(change("a", None, 3), 11.0)
    first, second = tee.history()
    assert (first.revision, first.at, first.changes) == (2, 10.0, (("a", b"1"), ("b", b"2")))
    assert (second.revision, second.at, second.changes) == (3, 11.0, (("a", None),))
    assert tee.entries() == {"b": b"2"}


def test_progress_says_that_nothing_is_missing():
    tee = Tee()
    tee.take(change("a", b"1", 2), 10.0)
    tee.take(Progress(9), 11.0)  # type: ignore[arg-type]
    tee.take(Progress(4), 12.0)  # type: ignore[arg-type]
    assert tee.revision == 9
    assert [written.revision for written in tee.history()] == [2]


def test_a_revision_is_younger_than_the_last_read_that_did_not_see_it():
    tee = Tee()
    for revision in (2, 3, 5):
        tee.take(change("a", b"", revision), 100.0 + revision)
    tee.bound(101.0, 2)
    tee.bound(102.5, 3)
    tee.bound(103.0, 3)
    tee.bound(104.0, 1)  # of a member that lags: it proves nothing
    earliest = tee.earliest()
    assert earliest[2] < 0
    assert 100.9 < earliest[3] < 101.0
    assert 102.9 < earliest[5] < 103.0


class Gapped(Store):
    """A store whose watch keeps one key to itself."""

    def __init__(self, store: SimStore, hidden: str) -> None:
        self.store = store
        self.hidden = hidden
        self.scan = store.scan  # type: ignore[method-assign]

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Change | Progress]:  # type: ignore[override]
        async for news in self.store.watch(prefix, after=after):
            if not (isinstance(news, Change) and news.key == self.hidden):
                yield news


def witnessed(hidden: str) -> tuple[list[str], list[int]]:
    async def run() -> tuple[list[str], list[int]]:
        store = SimStore(SimCluster(), "a client", Link(lambda: 0.01, lambda: 0.5))
        await store.commit(absent("before"), put={"before": b"1"})
        witness = Witness(Gapped(store, hidden), asyncio.get_running_loop().time)  # type: ignore[abstract]
        watching = asyncio.create_task(witness.run())
        await store.commit(absent("after"), put={"after": b"1", "too": b"2"})
        await store.commit(delete=("before",))
        await witness.caught_up()
        found = await witness.differing(), [written.revision for written in witness.tee.history()]
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
        return found

    return loop.run(run())


def test_it_hears_what_was_before_it_came():
    assert witnessed(hidden="") == ([], [2, 3, 4])


def test_it_knows_when_its_story_is_not_the_stores():
    assert witnessed(hidden="too")[0] == ["too"]
