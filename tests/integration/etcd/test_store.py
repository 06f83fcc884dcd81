"""The seven words on a healthy member."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.model.errors import Fenced, Invalid, Reason, Transient
from global_heat.store.etcd import client
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.server import Servers
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import (
    Change,
    Committed,
    Compacted,
    Entry,
    Guard,
    Lease,
    Progress,
    Refused,
    absent,
    at_mod,
    created_at,
    unchanged,
    with_value,
)
from tests.integration.etcd.gateway import compact
from tests.integration.etcd.member import LaggingMember
from tests.integration.etcd.proxy import Proxy

pytestmark = pytest.mark.integration


def store_on(cluster: Servers, prefix: str) -> EtcdStore:
    return EtcdStore(Settings(cluster.endpoints, prefix=prefix))


async def committed(store: EtcdStore, *guards: Guard, **writes: object) -> int:
    outcome = await store.commit(*guards, **writes)  # type: ignore[arg-type]
    assert isinstance(outcome, Committed)
    return outcome.revision


async def test_a_commit_is_read_back_with_its_revisions(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        assert await store.get("a") is None
        first = await committed(store, absent("a"), put={"a": b"1"})
        second = await committed(store, at_mod("a", first), created_at("a", first), put={"a": b"2"})
        expected = Entry("a", b"2", create_revision=first, mod_revision=second)  # type: ignore[arg-type]
        assert await store.get("a") == expected
        assert await store.get("a", local=True) == expected
        await committed(store, unchanged(expected), delete=["a"])
        assert await store.get("a") is None


async def test_a_refused_commit_writes_nothing_and_shows_every_guarded_key(
    cluster_of_1: Servers, prefix: str
) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        at = await committed(store, put={"a": b"1", "b": b"2"})
        guards = (
            *(created_at("a", at), at_mod("a", at), at_mod("b", at - 1), absent("c")),
            *(with_value("a", b"1"), with_value("b", b"1"), with_value("c", b"")),
        )
        refused = await store.commit(*guards, put={"a": b"lost", "d": b"lost"}, delete=["b"])
        assert isinstance(refused, Refused)
        assert refused.entries == {
            "a": Entry("a", b"1", at, at),  # type: ignore[arg-type]
            "b": Entry("b", b"2", at, at),  # type: ignore[arg-type]
            "c": None,
        }
        held = [refused.holds(guard) for guard in guards]
        assert held == [True, True, False, True, True, False, False]
        for guard, holds in zip(guards, held, strict=True):
            assert isinstance(await store.commit(guard), Committed) is holds
        found = await store.scan("")
        assert {entry.key: entry.value for entry in found.entries} == {"a": b"1", "b": b"2"}


async def test_the_greatest_commit_fits(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        names = [f"k{n:03}" for n in range(126)]
        value = b"x" * 8_000
        await committed(store, *(absent(name) for name in names), put=dict.fromkeys(names, value))
        refused = await store.commit(*(absent(name) for name in names), delete=names)
        assert isinstance(refused, Refused)
        assert {entry.value for entry in refused.entries.values() if entry} == {value}


async def test_what_etcd_cannot_take_is_invalid(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        with pytest.raises(Invalid, match="too large"):
            await store.commit(put={"a": b"x" * 1_600_000})
        with pytest.raises(Invalid, match="larger than max"):
            await store.commit(put={"a": b"x" * (3 << 20)})
        with pytest.raises(Invalid, match="duplicate key"):
            await store.commit(put={"a": b"x"}, delete=["a"])
        assert await store.get("a") is None


async def test_a_scan_of_many_pages_is_of_one_revision(cluster_of_1: Servers, prefix: str) -> None:
    async with Proxy(cluster_of_1.endpoints[0]) as proxy, store_on(cluster_of_1, prefix) as direct:
        names = [f"k{n:04}" for n in range(2 * client.FIRST_PAGE_KEYS)]
        for start in range(0, len(names), 100):
            at = await committed(direct, put=dict.fromkeys(names[start : start + 100], b"x" * 1000))
        await committed(direct, put={"unlike": b""})
        async with EtcdStore(Settings((proxy.address,), prefix=prefix)) as store:
            await store.get("k0000")
            proxy.hold_after(50_000)
            scanning = asyncio.create_task(store.scan("k"))
            await proxy.holding.wait()
            await committed(direct, put={"k0199": b"changed", "k9999": b"new"}, delete=["k0198"])
            proxy.release()
            found = await scanning
        assert [entry.key for entry in found.entries] == names
        assert found.entries[-1].value == b"x" * 1000
        assert found.revision == at + 1


async def test_a_scan_whose_revision_is_compacted_begins_again(cluster_of_1: Servers, prefix: str) -> None:
    async with Proxy(cluster_of_1.endpoints[0]) as proxy, store_on(cluster_of_1, prefix) as direct:
        names = [f"k{n:04}" for n in range(2 * client.FIRST_PAGE_KEYS)]
        for start in range(0, len(names), 100):
            await committed(direct, put=dict.fromkeys(names[start : start + 100], b"x" * 1000))
        async with EtcdStore(Settings((proxy.address,), prefix=prefix)) as store:
            await store.get("k0000")
            proxy.hold_after(50_000)
            scanning = asyncio.create_task(store.scan("k"))
            await proxy.holding.wait()
            at = await committed(direct, put={"k0000": b"changed"})
            await compact(cluster_of_1.members[0], at)
            proxy.release()
            found = await scanning
        assert found.revision == at
        assert [entry.key for entry in found.entries] == names
        assert found.entries[0].value == b"changed"


async def test_a_scan_begins_at_a_key_and_can_leave_values_out(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        await committed(store, put={"a": b"1", "k1": b"1", "k2": b"2", "k3": b"3", "z": b"1"})
        found = await store.scan("k", start="k2", keys_only=True, local=True)
        assert [(entry.key, entry.value) for entry in found.entries] == [("k2", b""), ("k3", b"")]
        assert [entry.key for entry in (await store.scan("k", start="a")).entries] == ["k1", "k2", "k3"]
        assert (await store.scan("k", start="z")).entries == []


async def test_a_member_that_lags_is_made_to_catch_up(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as direct:
        old = await committed(direct, put={"a": b"old"})
        new = await committed(direct, put={"a": b"new"})
        async with (
            LaggingMember(cluster_of_1.endpoints[0], revision=old) as lagging,
            EtcdStore(Settings((lagging.address,), prefix=prefix)) as store,
        ):
            stale = await store.scan("a", local=True)
            assert (stale.revision, stale.entries[0].value) == (old, b"old")
            assert lagging.linearizable_reads == 0
            fresh = await store.scan("a", local=True, at_least=new)
            assert (fresh.revision, fresh.entries[0].value) == (new, b"new")
            assert lagging.linearizable_reads == 1


async def test_a_page_at_a_revision_that_is_future_to_a_member_is_waited_for(
    cluster_of_1: Servers, prefix: str
) -> None:
    names = [f"k{n:04}" for n in range(2 * client.FIRST_PAGE_KEYS)]
    async with store_on(cluster_of_1, prefix) as direct:
        old = await committed(direct, put={"a": b""})
        for start in range(0, len(names), 100):
            await committed(direct, put=dict.fromkeys(names[start : start + 100], b""))
        async with (
            LaggingMember(cluster_of_1.endpoints[0], revision=old) as lagging,
            EtcdStore(Settings((lagging.address,), prefix=prefix)) as store,
        ):
            # The first page is linearizable, so its revision is ahead of what this member has.
            found = await store.scan("k")
            assert [entry.key for entry in found.entries] == names


async def test_a_revision_that_nobody_has_come_to_is_transient(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        now = (await store.scan("")).revision
        with pytest.raises(Transient, match=f"not yet at {now + 1000}"):
            await store.scan("", at_least=now + 1000, local=True)


async def test_a_watch_tells_every_change_in_order_and_then_progress(
    cluster_of_1: Servers, prefix: str
) -> None:
    async with EtcdStore(Settings(cluster_of_1.endpoints, prefix=prefix, silence_seconds=1)) as store:
        first = await committed(store, put={"w/a": b"1", "elsewhere": b""})
        second = await committed(store, put={"w/b": b"2", "w/a": b"3"})
        third = await committed(store, delete=["w/a"])
        heard = []
        async for each in store.watch("w/", after=first):
            heard.append(each)
            if isinstance(each, Progress):
                break
        changes = [each for each in heard if isinstance(each, Change)]
        assert [(c.key, c.value, c.revision) for c in changes[:2]] in (
            [("w/b", b"2", second), ("w/a", b"3", second)],
            [("w/a", b"3", second), ("w/b", b"2", second)],
        )
        assert changes[2:] == [Change("w/a", None, third)]  # type: ignore[arg-type]
        assert next(c for c in changes if c.key == "w/a").create_revision == first
        assert isinstance(heard[-1], Progress) and heard[-1].revision >= third


async def test_a_watch_from_a_compacted_revision_says_so(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        first = await committed(store, put={"a": b"1"})
        await committed(store, put={"a": b"2"})
        last = await committed(store, put={"a": b"3"})
        await compact(cluster_of_1.members[0], last)
        with pytest.raises(Compacted) as caught:
            await anext(store.watch("", after=first))
        assert caught.value.revision == last


async def test_keys_under_a_lease_go_when_it_runs_out_and_then_it_is_fenced(
    cluster_of_1: Servers, prefix: str
) -> None:
    async with store_on(cluster_of_1, prefix) as store:
        lease = await store.grant(0.5)
        assert lease.ttl_seconds >= 1
        at = await committed(store, put={"claim": b"mine"}, lease=lease)
        await store.keep_alive(lease)
        gone = await anext(store.watch("claim", after=at))
        while isinstance(gone, Progress):
            gone = await anext(store.watch("claim", after=gone.revision))
        assert (gone.key, gone.value) == ("claim", None)
        with pytest.raises(Fenced):
            await store.keep_alive(lease)
        with pytest.raises(Fenced):
            await store.commit(put={"claim": b"still mine?"}, lease=lease)
        assert await store.get("claim") is None


async def test_a_revoked_lease_frees_its_keys_at_once(cluster_of_1: Servers, prefix: str) -> None:
    async with store_on(cluster_of_1, prefix) as owner, store_on(cluster_of_1, prefix) as other:
        lease = await owner.grant(600)
        await committed(owner, put={"claim": b"mine"}, lease=lease)
        await other.revoke(lease)
        assert await owner.get("claim") is None
        with pytest.raises(Fenced):
            await owner.keep_alive(lease)
        await owner.revoke(lease)
        with pytest.raises(Fenced):
            await owner.keep_alive(Lease(4711, 5.0))


async def test_a_member_that_may_lose_records_is_refused_outside_development(
    cluster_of_1: Servers, prefix: str
) -> None:
    real = cluster_of_1.endpoints[0]
    async with EtcdStore(Settings((real,))) as store:
        await store.check_version()
    async with LaggingMember(real, version="3.5.1") as old:
        async with EtcdStore(Settings((real, old.address))) as store:
            with pytest.raises(Invalid) as caught:
                await store.check_version()
        assert [fault.path for fault in caught.value.faults] == ["etcd.endpoints[1]"]
        assert "upgrade it to 3.5.13" in caught.value.faults[0].message
        assert caught.value.reason is Reason.PRECONDITION
        async with EtcdStore(Settings((real, old.address), development=True)) as store:
            await store.check_version()


async def test_members_of_two_clusters_are_refused(cluster_of_1: Servers, cluster_of_3: Servers) -> None:
    settings = Settings((*cluster_of_1.endpoints, *cluster_of_3.endpoints), development=True)
    async with EtcdStore(settings) as store:
        with pytest.raises(Invalid, match="different clusters"):
            await store.check_version()
