"""What a book does when the store does not answer, or somebody else has written."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from global_heat.engine.book import Stale, Write
from global_heat.model.errors import Fenced
from global_heat.model.names import Path
from global_heat.model.records import AttemptState, Header, WorkRecord
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from tests.unit.engine.owner import Owner, begun, owner, thing
from tests.unit.store.desk import EAST, RED, WEST, losing

NET = Write(incarnations=(thing("net"),))


def tagged(*tags: str) -> Write:
    """A change of the header that adds to what it has."""
    return Write(header=lambda header: msgspec.structs.replace(header, tags=(*header.tags, *tags)))


async def broken(own: Owner, write: Write, error: type[Exception]) -> None:
    """The write, and the book with it, must end in this error, and nothing may be written."""
    before = len(own.commits())
    with pytest.raises(error):
        await own.book.write(write)
    with pytest.raises(error):
        await own.running
    with pytest.raises(error):
        await own.book.write(NET)
    assert len(own.commits()) == before


async def rewrite_header(own: Owner, **fields: object) -> None:
    key = keys.header(RED, own.shard.stack)
    entry = await own.desk.hand.store.get(key)
    changed = msgspec.structs.replace(decode(Header, entry.value), **fields)
    await own.desk.hand.store.commit(put={key: encode(changed)})


def stored_header(own: Owner) -> Header:
    key = keys.header(RED, own.shard.stack)
    return decode(Header, own.desk.cluster.entry(key, own.desk.cluster.revision).value)


@pytest.mark.parametrize("lost", [(1,), (1, 2), (1, 2, 3), (1, 3)])
def test_a_commit_whose_answers_get_lost_is_read_back_and_not_done_twice(lost):
    async def story() -> None:
        async with owner(chance=losing(*lost)) as own:
            own.client.link.lose_answers = 0.5
            await own.book.write(Write(incarnations=(thing("net"),), header=tagged("x").header))
            assert [each.revision for each in own.commits()] == [own.book.revision]
            assert stored_header(own).tags == ("x",)
            await own.book.write(tagged("y"))
            assert stored_header(own).tags == ("x", "y")

    run(story())


def test_a_commit_that_never_arrived_is_sent_again():
    async def story() -> None:
        async with owner(chance=losing(1)) as own:
            own.client.link.lose_requests = 0.5
            await own.book.write(NET)
            assert own.stored("net") == thing("net") and len(own.commits()) == 1

    run(story())


def test_a_commit_that_arrives_after_its_owner_gave_it_up_is_not_done_twice():
    async def story() -> None:
        async with owner(chance=losing(1)) as own:
            own.client.link.late_requests = 0.5
            await own.book.write(tagged("x"))
            await asyncio.sleep(60.0)
            assert stored_header(own).tags == ("x",) and len(own.commits()) == 1

    run(story())


def test_a_store_without_space_is_waited_for():
    async def story() -> None:
        async with owner() as own:
            own.desk.cluster.space = False
            writing = asyncio.ensure_future(own.book.write(NET))
            await asyncio.sleep(30.0)
            assert not writing.done()
            own.desk.cluster.space = True
            await writing
            assert own.stored("net") == thing("net")

    run(story())


def test_a_header_that_another_shard_wrote_is_taken_in_and_changed_anew():
    async def story() -> None:
        async with owner() as own:
            await rewrite_header(own, tags=("theirs",), open=(EAST,))
            await own.book.write(Write(incarnations=(thing("net"),), header=tagged("ours").header))
            header = stored_header(own)
            assert (header.tags, header.open) == (("theirs", "ours"), (EAST,))
            assert own.book.header == header and len(own.commits()) == 1

    run(story())


def test_two_changes_of_the_header_in_one_commit_both_count():
    async def story() -> None:
        async with owner() as own:
            await rewrite_header(own, tags=("theirs",))
            await asyncio.gather(own.book.write(tagged("a")), own.book.write(tagged("b")))
            assert stored_header(own).tags == ("theirs", "a", "b")

    run(story())


def test_a_write_that_leaves_the_header_alone_does_not_care_who_wrote_it():
    async def story() -> None:
        async with owner() as own:
            await rewrite_header(own, tags=("theirs",))
            await own.book.write(NET)
            assert stored_header(own).tags == ("theirs",)

    run(story())


def test_an_attempt_that_the_sweeper_wrote_meanwhile_is_changed_as_it_is_now():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(Write(attempts={"t1": lambda _: begun(own, "t1", AttemptState.ADOPTED)}))
            seen = begun(own, "t1", AttemptState.ADOPTED, settled=True, looked_at=9.0)
            await own.desk.put({keys.attempt(own.shard, seen.token): seen})
            condemn = Write(
                attempts={"t1": lambda before: msgspec.structs.replace(before, state=AttemptState.CONDEMNED)}
            )
            await own.book.write(condemn)
            assert own.attempt("t1") == msgspec.structs.replace(seen, state=AttemptState.CONDEMNED)

    run(story())


def test_the_attempts_of_an_earlier_owner_are_known():
    async def story() -> None:
        async with owner() as own:
            before = begun(own, "t0", AttemptState.ADOPTED)
            await own.desk.put({keys.attempt(own.shard, before.token): before})
            assert await own.book.attempt(before.token) == before
            assert await own.book.attempt(begun(own, "t9").token) is None

    run(story())


def test_after_a_change_of_plan_nothing_is_written():
    async def story() -> None:
        async with owner() as own:
            await own.desk.hand.update()
            await broken(own, NET, Stale)

    run(story())


def test_without_its_claim_nothing_is_written():
    async def story() -> None:
        async with owner() as own:
            own.desk.cluster.expire(own.lease.id)
            await broken(own, NET, Fenced)

    run(story())


def test_a_claim_that_somebody_else_took_over_is_not_ours_although_it_looks_alike():
    async def story() -> None:
        async with owner() as own:
            claim = keys.claim(own.shard)
            value = own.desk.cluster.entry(claim, own.desk.cluster.revision).value
            own.desk.cluster.expire(own.lease.id)
            await own.desk.hand.store.commit(put={claim: value})
            await broken(own, NET, Fenced)

    run(story())


def test_a_record_that_is_not_as_this_owner_left_it_is_not_overwritten():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(NET)
            theirs = thing("net", "LEAVING")
            await own.desk.put({keys.resource(RED, own.shard.stack, Path("net"), EAST, 1): theirs})
            await broken(own, NET, Stale)
            assert own.stored("net") == theirs

    run(story())


def test_an_owner_does_not_end_when_somebody_has_signalled_since_it_looked():
    async def story() -> None:
        async with owner() as own:
            await own.desk.put({keys.work(own.shard): WorkRecord(by="somebody")})
            await broken(own, Write(ends=True), Stale)
            assert own.desk.present(f"work/{EAST}") and own.desk.present(f"claims/{EAST}")

    run(story())


def test_all_that_waits_for_a_commit_is_told_that_the_book_is_broken():
    async def story() -> None:
        async with owner() as own:
            own.desk.cluster.expire(own.lease.id)
            writes = [asyncio.ensure_future(own.book.write(NET)) for _ in range(3)]
            await asyncio.sleep(0.0005)
            writes += [asyncio.ensure_future(own.book.write(NET)) for _ in range(3)]
            told = await asyncio.gather(*writes, return_exceptions=True)
            assert {type(error) for error in told} == {Fenced}

    run(story())


def test_a_book_that_is_closed_takes_nothing_more():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(NET)
            own.running.cancel()
            await asyncio.gather(own.running, return_exceptions=True)
            with pytest.raises(Stale):
                await own.book.write(NET)

    run(story())


def test_what_only_a_newer_version_knows_of_a_record_survives():
    async def story() -> None:
        async with owner() as own:
            key = keys.header(RED, own.shard.stack)
            entry = await own.desk.hand.store.get(key)
            newer = msgspec.json.decode(entry.value) | {"priority": 7}
            await own.desk.hand.store.commit(put={key: msgspec.json.encode(newer)})
            await own.book.write(tagged("x"))
            entry = await own.desk.hand.store.get(key)
            assert msgspec.json.decode(entry.value)["priority"] == 7

    run(story())


def test_what_other_regions_recorded_is_learnt_and_what_is_ours_is_not_read_back():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(NET)
            far, moved = thing("far", region=WEST), thing("moved", region=WEST)
            put = {keys.resource(RED, own.shard.stack, i.path, WEST, 1): i for i in (far, moved)}
            await own.desk.put(put)
            old = await own.desk.hand.view()
            await own.book.write(Write(incarnations=(thing("net", "LEAVING"),)))
            own.book.learn(old)
            assert own.book.of(far.path) == (far,) and own.book.finished[far.path] == far
            assert own.book.of(Path("net")) == (thing("net", "LEAVING"),)
            assert own.book.here() == (thing("net", "LEAVING"),)
            await own.desk.hand.store.commit(delete=list(put)[1:])
            own.book.learn(await own.desk.hand.view())
            assert own.book.of(moved.path) == () and moved.path not in own.book.finished

    run(story())


def test_an_older_header_is_not_learnt():
    async def story() -> None:
        async with owner() as own:
            old = await own.desk.hand.view()
            await own.book.write(tagged("x"))
            own.book.learn(old)
            assert own.book.header.tags == ("x",)
            await rewrite_header(own, tags=("newer",))
            own.book.learn(await own.desk.hand.view())
            assert own.book.header.tags == ("newer",)

    run(story())


def test_what_is_built_on_an_incarnation_holds_it_until_all_of_ours_is_gone():
    async def story() -> None:
        async with owner() as own:
            net = thing("net")
            ports = [thing(path, requires=(net.ref,)) for path in ("a", "b")]
            await own.book.write(Write(incarnations=(net, *ports)))
            assert own.book.holders(net) == {"a@east#1", "b@east#1"}
            await own.book.write(Write(removed=(ports[0],)))
            assert own.book.take_freed() == []
            await own.book.write(Write(removed=(ports[1],)))
            assert (own.book.take_freed(), own.book.take_freed()) == ([net.ref], [])
            assert own.book.holders(net) == set()

    run(story())


def test_finished_is_what_is_ready_for_this_plan_and_no_longer_when_it_leaves():
    async def story() -> None:
        async with owner() as own:
            for state, plan, finished in (
                ("CREATED", 1, 0),
                ("READY", 0, 0),
                ("READY", 1, 1),
                ("LEAVING", 1, 0),
            ):
                await own.book.write(Write(incarnations=(thing("net", state, plan=plan),)))
                assert len(own.book.finished) == finished

    run(story())
