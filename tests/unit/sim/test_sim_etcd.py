"""The simulated etcd: what etcd guarantees holds, and its faults are those that were asked for."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.loop import run
from global_heat.store.protocol import (
    MAX_GUARDS,
    MAX_WRITES,
    Change,
    Committed,
    Compacted,
    Entry,
    Refused,
    absent,
    at_mod,
    created_at,
    unchanged,
    with_value,
)


def store_of(cluster: SimCluster, name: str = "one", chance: float = 0.0) -> SimStore:
    return SimStore(cluster, name, Link(lambda: 0.01, lambda: chance))


def now() -> float:
    return asyncio.get_running_loop().time()


def test_a_commit_writes_all_at_one_revision():
    async def story() -> None:
        store = store_of(SimCluster())
        outcome = await store.commit(put={"a": b"1", "b": b"2"})
        assert outcome == Committed(2)
        assert await store.get("a") == Entry("a", b"1", 2, 2)
        await store.commit(put={"a": b"3"}, delete=["b"])
        assert await store.get("a") == Entry("a", b"3", 2, 3)
        assert await store.get("b") is None

    run(story())


def test_a_key_that_was_deleted_and_put_again_is_another_one():
    async def story() -> None:
        store = store_of(SimCluster())
        await store.commit(put={"a": b"1"})
        await store.commit(delete=["a"])
        await store.commit(put={"a": b"1"})
        assert await store.get("a") == Entry("a", b"1", 4, 4)

    run(story())


def test_a_delete_of_what_is_not_there_makes_no_revision():
    async def story() -> None:
        cluster = SimCluster()
        assert await store_of(cluster).commit(delete=["a"]) == Committed(1)
        assert cluster.history == []

    run(story())


@pytest.mark.parametrize(
    ("guard", "holds"),
    [
        (lambda entry: absent("a"), False),
        (lambda entry: absent("b"), True),
        (lambda entry: unchanged(entry), True),
        (lambda entry: at_mod("a", entry.mod_revision - 1), False),
        (lambda entry: created_at("a", entry.create_revision), True),
        (lambda entry: created_at("a", entry.mod_revision), False),
        (lambda entry: at_mod("b", 0), True),
        (lambda entry: at_mod("b", 1), False),
        (lambda entry: with_value("a", b"1"), True),
        (lambda entry: with_value("a", b"0"), False),
        (lambda entry: with_value("b", b""), False),
    ],
)
def test_a_guard_holds_or_refuses_the_whole_commit_and_shows_what_it_found(guard, holds):
    async def story() -> None:
        store = store_of(SimCluster())
        await store.commit(put={"a": b"0"})
        await store.commit(put={"a": b"1"})
        entry = await store.get("a")
        made = guard(entry)
        outcome = await store.commit(unchanged(entry), made, put={"new": b"x"})
        assert isinstance(outcome, Committed) is holds
        assert (await store.get("new") is not None) is holds
        if isinstance(outcome, Refused):
            assert outcome.entries == {"a": entry, made.key: await store.get(made.key)}
            assert outcome.holds(unchanged(entry)) and not outcome.holds(made)

    run(story())


def test_a_scan_is_in_order_below_its_prefix_from_its_start_at_one_revision():
    async def story() -> None:
        store = store_of(SimCluster())
        await store.commit(put={"p/c": b"", "p/a": b"", "p/b": b"", "pq": b"", "o": b""})
        assert [entry.key for entry in (await store.scan("p/")).entries] == ["p/a", "p/b", "p/c"]
        found = await store.scan("p/", start="p/b")
        assert ([entry.key for entry in found.entries], found.revision) == (["p/b", "p/c"], 2)

    run(story())


def test_a_member_that_lags_shows_an_old_state_to_local_reads_only_and_never_older_than_asked():
    async def story() -> None:
        store = store_of(SimCluster())
        await store.commit(put={"a": b"old"})
        await asyncio.sleep(60.0)
        store.link.member_lag = 30.0
        await store.commit(put={"a": b"new"})
        assert (await store.get("a", local=True)).value == b"old"
        assert (await store.get("a")).value == b"new"
        assert [e.value for e in (await store.scan("a", local=True)).entries] == [b"old"]
        assert [e.value for e in (await store.scan("a", local=True, at_least=3)).entries] == [b"new"]
        await asyncio.sleep(30.0)
        assert (await store.get("a", local=True)).value == b"new"

    run(story())


def test_a_lease_that_is_not_renewed_takes_its_keys_with_it_in_one_revision():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        lease = await store.grant(10.0)
        await store.commit(put={"a": b"", "b": b""}, lease=lease)
        await store.commit(put={"c": b""})
        await asyncio.sleep(8.0)
        await store.keep_alive(lease)
        await asyncio.sleep(9.9)
        assert await store.get("a") is not None
        await asyncio.sleep(0.2)
        assert [e.key for e in (await store.scan("")).entries] == ["c"]
        assert dict(cluster.history[-1].changes) == {"a": None, "b": None}
        for late in (store.keep_alive(lease), store.commit(put={"d": b""}, lease=lease)):
            with pytest.raises(Fenced):
                await late

    run(story())


def test_a_lease_that_is_revoked_ends_at_once_and_a_second_time_is_no_harm():
    async def story() -> None:
        store = store_of(SimCluster())
        lease = await store.grant(10.0)
        await store.commit(put={"a": b""}, lease=lease)
        await store.revoke(lease)
        assert await store.get("a") is None
        await store.revoke(lease)

    run(story())


@pytest.mark.parametrize("renewed_under", ["another lease", "no lease"])
def test_a_key_that_was_put_again_is_not_its_old_leases_any_more(renewed_under):
    async def story() -> None:
        store = store_of(SimCluster())
        first, second = await store.grant(10.0), await store.grant(100.0)
        await store.commit(put={"a": b"1"}, lease=first)
        await store.commit(delete=["a"])
        await store.commit(put={"a": b"2"}, lease=second if renewed_under == "another lease" else None)
        await store.revoke(first)
        assert (await store.get("a")).value == b"2"

    run(story())


def test_a_refused_commit_is_refused_although_its_lease_is_gone():
    async def story() -> None:
        store = store_of(SimCluster())
        lease = await store.grant(10.0)
        await store.commit(put={"a": b""})
        await store.revoke(lease)
        assert isinstance(await store.commit(absent("a"), put={"a": b"2"}, lease=lease), Refused)

    run(story())


def test_without_quorum_no_lease_ends_and_a_new_leader_gives_each_its_full_time():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        lease = await store.grant(10.0)
        cluster.quorum = False
        await asyncio.sleep(100.0)
        assert cluster.leases() == [lease.id]
        cluster.quorum = True
        cluster.change_leader()
        await asyncio.sleep(9.9)
        assert cluster.leases() == [lease.id]
        await asyncio.sleep(0.2)
        assert cluster.leases() == []

    run(story())


def test_a_lost_answer_is_ambiguous_for_a_commit_and_transient_for_a_read():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        store.link.lose_answers = 1.0
        with pytest.raises(Ambiguous):
            await store.commit(put={"a": b""})
        assert cluster.revision == 2 and now() > store.timeout_seconds
        with pytest.raises(Transient):
            await store.get("a")

    run(story())


def test_a_lost_request_did_not_happen():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        store.link.lose_requests = 1.0
        with pytest.raises(Ambiguous):
            await store.commit(put={"a": b""})
        await asyncio.sleep(60.0)
        assert cluster.revision == 1

    run(story())


def test_a_late_request_happens_after_its_sender_gave_it_up():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        store.link.late_requests = 1.0
        with pytest.raises(Ambiguous):
            await store.commit(put={"a": b""})
        assert cluster.revision == 1
        await asyncio.sleep(1.0)
        assert cluster.revision == 2

    run(story())


def test_a_request_is_carried_out_although_its_sender_has_died():
    async def story() -> None:
        cluster = SimCluster()
        sending = asyncio.ensure_future(store_of(cluster).commit(put={"a": b""}))
        await asyncio.sleep(0.001)
        sending.cancel()
        await asyncio.sleep(0.1)
        assert cluster.revision == 2

    run(story())


@pytest.mark.parametrize(("chance", "applied"), [(0.0, True), (0.9, False)])
def test_what_a_leader_without_quorum_was_told_may_be_applied_once_it_has_one(chance, applied):
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster, chance=chance)
        cluster.quorum = False
        with pytest.raises(Ambiguous):
            await store.commit(put={"a": b""})
        assert cluster.revision == 1
        cluster.quorum = True
        assert (cluster.revision == 2) is applied

    run(story())


def test_without_quorum_local_reads_go_on_and_others_do_not():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        await store.commit(put={"a": b"1"})
        cluster.quorum = False
        assert (await store.get("a", local=True)).value == b"1"
        with pytest.raises(Transient):
            await store.get("a")

    run(story())


def test_without_space_nothing_is_put_and_deletes_go_on():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        await store.commit(put={"a": b"1"})
        cluster.space = False
        for refused in (store.commit(put={"b": b""}), store.grant(10.0)):
            with pytest.raises(Transient):
                await refused
        assert isinstance(await store.commit(delete=["a"]), Committed)

    run(story())


@pytest.mark.parametrize(
    "beyond",
    [
        {"put": {f"k{n}": b"" for n in range(MAX_WRITES + 1)}},
        {"put": {"a": b""}, "delete": ["a"]},
        {"guards": MAX_GUARDS + 1},
    ],
    ids=["writes", "one key twice", "guards"],
)
def test_what_the_real_store_would_not_take_is_not_taken(beyond):
    async def story() -> None:
        guards = [absent(f"k{n}") for n in range(beyond.pop("guards", 0))]
        with pytest.raises(AssertionError):
            await store_of(SimCluster()).commit(*guards, **beyond)

    run(story())


async def followed(store: SimStore, prefix: str, after: int, count: int) -> list[Change]:
    found: list[Change] = []
    async for change in store.watch(prefix, after=after):
        assert isinstance(change, Change)
        found.append(change)
        if len(found) == count:
            return found
    raise AssertionError("a watch has no end")


def test_a_watch_shows_every_change_below_its_prefix_in_order_also_those_before_it_began():
    async def story() -> None:
        store = store_of(SimCluster())
        await store.commit(put={"p/a": b"0"})
        await store.commit(put={"p/a": b"1", "o": b"", "p/b": b"1"})
        watching = asyncio.ensure_future(followed(store, "p/", 2, 4))
        await asyncio.sleep(1.0)
        await store.commit(put={"p/b": b"2"})
        await store.commit(put={"o": b""}, delete=["p/a"])
        assert await watching == [
            Change("p/a", b"1", 3, 2),
            Change("p/b", b"1", 3, 3),
            Change("p/b", b"2", 4, 3),
            Change("p/a", None, 5, 0),
        ]

    run(story())


def test_a_watch_leaves_nothing_out_over_a_cut():
    async def story() -> None:
        cluster = SimCluster()
        watcher, writer = store_of(cluster), store_of(cluster, "two")
        watching = asyncio.ensure_future(followed(watcher, "k", 1, 3))
        await writer.commit(put={"k1": b""})
        await asyncio.sleep(1.0)
        watcher.link.cut = True
        await writer.commit(put={"k2": b""})
        await asyncio.sleep(60.0)
        assert not watching.done()
        watcher.link.cut = False
        await writer.commit(put={"k3": b""})
        assert [change.key for change in await watching] == ["k1", "k2", "k3"]

    run(story())


def test_a_watch_from_before_a_compaction_says_so():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster)
        for value in (b"1", b"2"):
            await store.commit(put={"a": value})
        cluster.compact()
        with pytest.raises(Compacted) as caught:
            await followed(store, "a", 2, 1)
        assert caught.value.revision == 3
        watching = asyncio.ensure_future(followed(store, "a", 3, 1))
        await store.commit(put={"a": b"3"})
        assert (await watching)[0].value == b"3"

    run(story())


def test_the_history_says_who_wrote_what_when_and_what_was_compared():
    async def story() -> None:
        cluster = SimCluster()
        store = store_of(cluster, "r1")
        lease = await store.grant(5.0)
        await store.commit(absent("a"), put={"a": b"1"}, lease=lease)
        await asyncio.sleep(60.0)
        first, second = cluster.history
        assert (first.client, first.guards, first.changes) == ("r1", (absent("a"),), (("a", b"1"),))
        assert (second.client, second.changes) == ("expiry", (("a", None),))
        assert second.at == 5.005 and cluster.since(first.revision) == [second]

    run(story())
