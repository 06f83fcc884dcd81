"""Group commits: what goes out together, what each compares, and what it leaves in the store."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from global_heat.engine.book import Write
from global_heat.model.names import Path
from global_heat.model.records import Action, AttemptState, Event, EventBatch, ShardRecord, Status
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import MAX_COMMIT_BYTES, MAX_GUARDS, MAX_WRITES
from tests.unit.engine.owner import Owner, begun, owner, thing
from tests.unit.store.desk import EAST, RED, WEST


def write(*paths: str, **more: object) -> Write:
    return Write(incarnations=tuple(thing(path) for path in paths), **more)


def happened(path: str) -> Event:
    return Event(at=1.0, path=Path(path), type="T", action="CREATE", status="COMPLETE")


def written_keys(own: Owner) -> list[str]:
    prefix = keys.stack(RED, own.shard.stack)
    return [key.removeprefix(prefix) for each in own.commits() for key, _ in each.changes]


def test_what_is_written_in_one_moment_goes_out_in_one_commit():
    async def story() -> None:
        async with owner() as own:
            await asyncio.gather(*(own.book.write(write(path)) for path in "abc"))
            assert [len(each.changes) for each in own.commits()] == [4]
            assert all(own.stored(path) == thing(path) for path in "abc")
            assert own.book.commits == 1 and own.book.revision == own.desk.cluster.revision

    run(story())


def test_what_is_written_while_a_commit_is_under_way_goes_with_the_next():
    async def story() -> None:
        async with owner() as own:
            first = asyncio.ensure_future(own.book.write(write("a")))
            await asyncio.sleep(0.0005)
            await asyncio.gather(first, own.book.write(write("b")), own.book.write(write("c")))
            assert [len(each.changes) for each in own.commits()] == [2, 3]

    run(story())


@pytest.mark.parametrize(("seconds", "commits"), [(0.01, 1), (0.03, 2)])
def test_a_commit_waits_a_moment_and_no_longer_for_a_step_that_prepares_its_write(seconds, commits):
    async def story() -> None:
        async with owner() as own:

            async def prepares() -> None:
                with own.book.preparing():
                    await asyncio.sleep(seconds)
                await own.book.write(write("b"))

            preparing = asyncio.ensure_future(prepares())
            await asyncio.sleep(0)
            await asyncio.gather(own.book.write(write("a")), preparing)
            assert len(own.commits()) == commits

    run(story())


def test_a_write_shows_in_memory_at_once_and_returns_when_it_is_stored():
    async def story() -> None:
        async with owner() as own:
            writing = asyncio.ensure_future(own.book.write(write("net")))
            await asyncio.sleep(0)
            assert own.book.of(Path("net")) == (thing("net"),) and own.stored("net") is None
            await writing
            assert own.stored("net") == thing("net")

    run(story())


def test_what_follows_from_a_write_joins_its_commit():
    async def story() -> None:
        async with owner() as own:
            own.book.enrich = lambda write: msgspec.structs.replace(write, wake=(WEST,))
            await own.book.write(write("net"))
            assert "work/west/red/" in "".join(written_keys(own)) and len(own.commits()) == 1

    run(story())


@pytest.mark.parametrize(("each", "commits"), [(1, 3), (7, 3), (40, 4)])
def test_many_writes_are_split_so_that_every_commit_is_within_the_stores_limits(each, commits):
    async def story() -> None:
        async with owner() as own:
            writes = [write(*(f"{n}-{m}" for m in range(each))) for n in range(280 // each)]
            await asyncio.gather(*(own.book.write(one) for one in writes))
            assert len(own.commits()) == commits
            for commit in own.commits():
                assert len(commit.changes) <= MAX_WRITES and len(commit.guards) <= MAX_GUARDS
            assert all(own.stored(i.path) for one in writes for i in one.incarnations)

    run(story())


def test_big_records_are_split_so_that_every_commit_is_within_the_stores_limits():
    async def story() -> None:
        async with owner() as own:
            big = "x" * 60_000
            writes = [
                Write(
                    incarnations=tuple(
                        msgspec.structs.replace(i, sealed=big) for i in write(f"big{n}").incarnations
                    )
                )
                for n in range(40)
            ]
            await asyncio.gather(*(own.book.write(one) for one in writes))
            for commit in own.commits():
                assert sum(len(value or b"") for _, value in commit.changes) <= MAX_COMMIT_BYTES

    run(story())


def test_attempts_count_for_the_limits_with_all_that_they_write():
    async def story() -> None:
        async with owner() as own:
            tokens = [f"t{n}" for n in range(100)]
            writes = [Write(attempts={token: lambda _, t=token: begun(own, t)}) for token in tokens]
            await asyncio.gather(*(own.book.write(one) for one in writes))
            for commit in own.commits():
                assert len(commit.changes) <= MAX_WRITES and len(commit.guards) <= MAX_GUARDS
            assert all(own.attempt(token) for token in tokens)

    run(story())


def test_every_commit_compares_claim_plan_and_each_record_that_it_rewrites():
    async def story() -> None:
        async with owner() as own:
            for _ in range(2):
                change = write(
                    "net",
                    attempts={"t1": lambda before: before or begun(own, "t1")},
                    header=lambda header: msgspec.structs.replace(header, reason=header.reason + "x"),
                )
                await own.book.write(change)
            for commit in own.commits():
                compared = {guard.key for guard in commit.guards}
                assert {keys.claim(own.shard), keys.plan(RED, own.shard.stack)} <= compared
                unguarded = {key for key, _ in commit.changes} - compared
                assert unguarded <= {keys.sweep(own.shard, "t1")}

    run(story())


def test_the_latest_of_a_record_counts_when_it_is_written_twice_in_one_commit():
    async def story() -> None:
        async with owner() as own:
            await asyncio.gather(
                own.book.write(Write(incarnations=(thing("net", "CREATED"),))),
                own.book.write(Write(incarnations=(thing("net", "READY"),))),
                own.book.write(write("gone")),
                own.book.write(Write(removed=(thing("gone"),))),
            )
            assert own.stored("net") == thing("net", "READY")
            assert own.stored("gone") is None and own.book.of(Path("gone")) == ()
            assert len(own.commits()) == 1

    run(story())


def test_the_events_of_a_commit_are_one_key_numbered_without_gaps():
    async def story() -> None:
        async with owner() as own:
            await asyncio.gather(*(own.book.write(write(path, events=(happened(path),))) for path in "ab"))
            await own.book.write(write("quiet"))
            await own.book.write(write("c", events=(happened("c"),)))
            found = own.desk.cluster.scan(keys.events(RED, own.shard.stack), "", own.desk.cluster.revision)
            batches = [decode(EventBatch, entry.value) for entry in found]
            assert [(batch.seq, [event.path for event in batch.events]) for batch in batches] == [
                (1, ["a", "b"]),
                (2, ["c"]),
            ]

    run(story())


def test_the_shards_own_record_is_in_every_commit_and_names_it():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(Write(shard=lambda record: msgspec.structs.replace(record, done=3)))
            await own.book.write(write("net"))
            entry = await own.desk.hand.store.get(keys.shard(RED, own.shard.stack, EAST))
            record = decode(ShardRecord, entry.value)
            assert (record.plan, record.done, record.txn) == (1, 3, "txn-2")
            assert own.book.record == record

    run(story())


def test_an_open_attempt_is_indexed_for_the_sweeper_until_nothing_of_it_can_be_left():
    async def story() -> None:
        async with owner() as own:

            async def becomes(state: AttemptState, settled: bool = False) -> bool:
                after = begun(own, "t1", state, settled=settled)
                await own.book.write(Write(attempts={"t1": lambda before: after}))
                assert own.attempt("t1") == after == await own.book.attempt("t1")
                return bool(own.desk.present(keys.sweep(own.shard, "t1")))

            assert await becomes(AttemptState.INTENT)
            assert await becomes(AttemptState.ADOPTED)
            assert not await becomes(AttemptState.ADOPTED, settled=True)
            assert await becomes(AttemptState.CONDEMNED, settled=True)
            assert not await becomes(AttemptState.CLOSED)

    run(story())


def test_what_is_retained_is_not_swept():
    async def story() -> None:
        async with owner() as own:
            for state in (AttemptState.ADOPTED, AttemptState.RETAINED):
                await own.book.write(Write(attempts={"t1": lambda _, s=state: begun(own, "t1", s)}))
            assert not own.desk.present("sweep/")

    run(story())


def test_who_wakes_another_region_writes_its_work_key_and_no_other():
    async def story() -> None:
        async with owner() as own:
            before = own.desk.cluster.revision
            await own.book.write(write("net", wake=(WEST,)))
            work = {e.key: e.mod_revision for e in own.desk.cluster.scan("work/", "", before + 1)}
            assert [key for key, mod in work.items() if mod > before] == [f"work/west/red/{own.shard.stack}"]

    run(story())


def test_an_owner_that_ends_leaves_neither_claim_nor_work():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(Write(ends=True))
            assert not own.desk.present(f"claims/{EAST}") and not own.desk.present(f"work/{EAST}")
            assert own.desk.present(f"work/{WEST}")

    run(story())


def test_with_the_deletion_of_a_stack_its_name_is_free():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(
                Write(
                    header=lambda header: msgspec.structs.replace(
                        header, action=Action.DELETE, status=Status.COMPLETE
                    )
                )
            )
            assert own.desk.present("projects/red/names/") == []
            assert own.book.header.deleted

    run(story())
