"""What the store makes of members that die, hang, fall silent, lose their leader or lose answers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from global_heat.model.errors import Ambiguous, Transient
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.server import Servers
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import Change, Committed, Progress, Refused, absent, at_mod
from tests.integration.etcd.proxy import Proxy

pytestmark = pytest.mark.integration


def store_on(endpoints: tuple[str, ...], prefix: str, call_seconds: float = 5.0) -> EtcdStore:
    """A store that notices soon: the figures for tests on one machine."""
    settings = Settings(
        endpoints,
        prefix=prefix,
        call_seconds=call_seconds,
        attempt_seconds=0.5,
        silence_seconds=1.0,
        penalty_seconds=0.5,
    )
    return EtcdStore(settings)


async def next_change(watch: AsyncIterator[Change | Progress]) -> Change:
    async for each in watch:
        if isinstance(each, Change):
            return each
    raise AssertionError("a watch never ends by itself")


async def until_progress(watch: AsyncIterator[Change | Progress]) -> None:
    """Wait until the watch stands."""
    async for each in watch:
        if isinstance(each, Progress):
            return


async def commit_surely(store: EtcdStore, key: str, value: bytes, after: int) -> int:
    """Write a key last written at `after`, through whatever happens; look before trying again."""
    while True:
        try:
            outcome = await store.commit(at_mod(key, after), put={key: value})
        except (Ambiguous, Transient):
            try:
                found = await store.get(key)
            except Transient:
                continue
            if found is not None and found.value == value:
                return found.mod_revision
            continue
        if isinstance(outcome, Committed):
            return outcome.revision
        found = outcome.entries[key]
        assert found is not None and found.value == value, "somebody else wrote it"
        return found.mod_revision


async def test_a_commit_goes_to_the_next_member_when_the_first_refuses_connections(
    cluster_of_1: Servers, prefix: str, closed_address: str
) -> None:
    async with store_on((closed_address, *cluster_of_1.endpoints), prefix) as store:
        assert isinstance(await store.commit(absent("a"), put={"a": b"1"}), Committed)


async def test_a_commit_goes_to_the_next_member_when_the_first_takes_no_part_in_the_handshake(
    cluster_of_1: Servers, prefix: str, silent_address: str
) -> None:
    async with store_on((silent_address, *cluster_of_1.endpoints), prefix) as store:
        assert isinstance(await store.commit(absent("a"), put={"a": b"1"}), Committed)


async def test_a_commit_that_reaches_nobody_certainly_did_not_happen(closed_address: str) -> None:
    async with store_on((closed_address,), "/x/", call_seconds=0.5) as store:
        with pytest.raises(Transient, match="no connection"):
            await store.commit(put={"a": b"1"})
        with pytest.raises(Transient):
            await store.get("a")
        with pytest.raises(Transient):
            await store.check_version()


async def test_a_lost_answer_is_ambiguous_and_the_commit_is_not_sent_again(
    cluster_of_1: Servers, prefix: str
) -> None:
    real = cluster_of_1.endpoints[0]
    async with (
        store_on((real,), prefix) as direct,
        Proxy(real) as proxy,
        store_on((proxy.address, real), prefix) as store,
    ):
        now = (await store.scan("")).revision
        proxy.swallow_answers = True
        committing = asyncio.create_task(store.commit(put={"a": b"once"}))
        applied = await next_change(direct.watch("a", after=now))
        proxy.cut()
        with pytest.raises(Ambiguous):
            await committing
        found = await store.get("a")
        assert found is not None
        assert (found.create_revision, found.mod_revision) == (applied.revision, applied.revision)


async def test_an_answer_that_never_comes_is_ambiguous(cluster_of_1: Servers, prefix: str) -> None:
    real = cluster_of_1.endpoints[0]
    async with Proxy(real) as proxy, store_on((proxy.address,), prefix, call_seconds=1) as store:
        await store.get("a")
        proxy.swallow_answers = True
        with pytest.raises(Ambiguous):
            await store.commit(put={"a": b"1"})
        proxy.swallow_answers = False
        proxy.cut()
        assert await store.get("a") is not None


async def test_a_commit_that_writes_nothing_may_be_asked_again(cluster_of_1: Servers, prefix: str) -> None:
    real = cluster_of_1.endpoints[0]
    async with Proxy(real) as proxy, store_on((proxy.address, real), prefix) as store:
        await store.get("a")
        proxy.swallow_answers = True
        assert isinstance(await store.commit(absent("a")), Committed)
        assert isinstance(await store.commit(at_mod("a", 1)), Refused)


async def test_a_watch_cut_while_it_catches_up_loses_and_repeats_nothing(
    cluster_of_1: Servers, prefix: str
) -> None:
    real = cluster_of_1.endpoints[0]
    count, batch = 2500, 1000
    async with store_on((real,), prefix) as direct, Proxy(real) as proxy:
        first = (await direct.scan("")).revision
        limit = asyncio.Semaphore(64)

        async def write(n: int) -> int:
            async with limit:
                outcome = await direct.commit(put={f"k{n % 50}": b"x" * 1000})
                assert isinstance(outcome, Committed)
                return outcome.revision

        revisions = await asyncio.gather(*(write(n) for n in range(count)))
        async with store_on((proxy.address,), prefix) as store:
            # etcd sends what was missed by 1000 revisions: the cut falls into the second thousand.
            proxy.cut_after(batch * 1000 * 3 // 2)
            heard: list[int] = []
            async for each in store.watch("k", after=first):
                if isinstance(each, Change):
                    heard.append(each.revision)
                    if len(heard) >= count:
                        break
        assert heard == sorted(revisions)
        assert proxy.connections_seen == 2


async def test_a_silent_watch_goes_to_another_member(cluster_of_1: Servers, prefix: str) -> None:
    real = cluster_of_1.endpoints[0]
    async with (
        store_on((real,), prefix) as direct,
        Proxy(real) as proxy,
        store_on((proxy.address, real), prefix) as store,
    ):
        watch = store.watch("a", after=(await direct.scan("")).revision)
        await until_progress(watch)
        assert proxy.connections_seen == 1
        proxy.swallow_answers = True
        await direct.commit(put={"a": b"1"})
        assert (await next_change(watch)).value == b"1"
        await watch.aclose()


async def test_the_nearest_member_is_asked_again_when_it_is_back(cluster_of_1: Servers, prefix: str) -> None:
    real = cluster_of_1.endpoints[0]
    async with Proxy(real) as proxy, store_on((proxy.address, real), prefix) as store:
        await store.get("a")
        proxy.swallow_answers = True
        await store.get("a")
        proxy.swallow_answers = False
        proxy.cut()
        while proxy.connections_seen == 1:
            await store.get("a")


async def test_the_death_of_the_leader_loses_and_repeats_nothing(cluster_of_3: Servers, prefix: str) -> None:
    leader = await cluster_of_3.leader()
    others = [member for member in cluster_of_3.members if member is not leader]
    endpoints = tuple(member.address.client for member in (leader, *others))
    count, kill_at = 60, 20
    async with store_on(endpoints, prefix) as writer, store_on(endpoints, prefix) as reader:
        first = (await writer.scan("")).revision
        watch = reader.watch("", after=first)
        await until_progress(watch)

        async def write() -> list[int]:
            revisions = [0]
            for n in range(count):
                if n == kill_at:
                    leader.kill()
                revisions.append(await commit_surely(writer, "counter", b"%d" % n, revisions[-1]))
            return revisions[1:]

        writing = asyncio.create_task(write())
        heard = [await next_change(watch) for _ in range(count)]
        await watch.aclose()
        assert [change.revision for change in heard] == await writing
        assert [change.value for change in heard] == [b"%d" % n for n in range(count)]


async def test_a_member_that_hangs_is_left(cluster_of_3: Servers, prefix: str) -> None:
    leader = await cluster_of_3.leader()
    hung = next(member for member in cluster_of_3.members if member is not leader)
    others = [member for member in cluster_of_3.members if member is not hung]
    endpoints = tuple(member.address.client for member in (hung, *others))
    async with store_on(endpoints, prefix) as store, store_on(endpoints[1:], prefix) as direct:
        watch = store.watch("a", after=(await store.scan("")).revision)
        await until_progress(watch)
        lease = await store.grant(60)
        hung.pause()
        await direct.commit(put={"a": b"1"})
        assert (await next_change(watch)).value == b"1"
        await watch.aclose()
        found = await store.get("a", local=True)
        assert found is not None and found.value == b"1"
        await store.keep_alive(lease)
        assert isinstance(await store.commit(put={"a": b"2"}), Committed)


async def test_a_member_that_was_away_shows_what_was_asked_for(cluster_of_3: Servers, prefix: str) -> None:
    leader = await cluster_of_3.leader()
    away = next(member for member in cluster_of_3.members if member is not leader)
    async with store_on((leader.address.client,), prefix) as direct:
        away.pause()
        for n in range(20):
            outcome = await direct.commit(put={f"k{n}": b"x" * 100_000})
        assert isinstance(outcome, Committed)
        away.resume()
        async with store_on((away.address.client,), prefix) as store:
            found = await store.scan("k", at_least=outcome.revision, local=True)
            assert len(found.entries) == 20


async def test_without_a_leader_nothing_happens_and_nothing_is_silent(
    cluster_of_3: Servers, prefix: str
) -> None:
    alone, *others = cluster_of_3.members
    async with store_on((alone.address.client,), prefix, call_seconds=3) as store:
        watch = store.watch("", after=(await store.scan("")).revision)
        await until_progress(watch)
        for member in others:
            member.pause()
        # It takes an election timeout until the member knows; what it took on until then is in doubt.
        with pytest.raises((Ambiguous, Transient)):
            await store.commit(absent("doubtful"), put={"doubtful": b""})
        with pytest.raises(Transient, match="no leader"):
            await store.commit(put={"impossible": b""})
        with pytest.raises(Transient, match="no leader"):
            await store.get("impossible")
        with pytest.raises(Transient):
            await store.grant(5)
        for member in others:
            member.resume()
        await cluster_of_3.healthy()
        at = await commit_surely(store, "after", b"", 0)
        heard = await next_change(watch)
        if heard.key == "doubtful":
            heard = await next_change(watch)
        await watch.aclose()
        assert (heard.key, heard.revision) == ("after", at)
        assert await store.get("impossible") is None
