"""Several commits of a shard on their way at once: done in their order, or not at all."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter

import msgspec
import pytest

from global_heat.engine import commits
from global_heat.engine.book import Stale, Write
from global_heat.model.errors import Fenced
from global_heat.model.names import Path
from global_heat.model.records import AttemptState, Event, EventBatch, Header
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from tests.unit.engine.owner import Owner, begun, owner, thing
from tests.unit.store.desk import EAST, RED, losing

FAR = 0.2
"""A round trip to the store, seconds: long for what a commit waits for others to join it."""


@pytest.fixture(autouse=True)
def _one_write_fills_a_commit(monkeypatch):
    monkeypatch.setattr(commits, "_OPERATIONS_MAX", 0)


def created(path: str, state: str = "READY", **more: object) -> Write:
    event = Event(at=1.0, path=Path(path), type="T", action="CREATE", status="COMPLETE")
    return Write(incarnations=(thing(path, state),), events=(event,), **more)


def tagged(tag: str) -> Write:
    return Write(header=lambda header: msgspec.structs.replace(header, tags=(*header.tags, tag)))


def told(own: Owner) -> list[tuple[int, str]]:
    """All events in the order in which they were stored."""
    prefix = keys.events(RED, own.shard.stack)
    batches = [
        decode(EventBatch, value)
        for each in own.commits()
        for key, value in each.changes
        if key.startswith(prefix) and value is not None
    ]
    return [(batch.seq, str(event.path)) for batch in batches for event in batch.events]


def far(own: Owner, *ways: float) -> None:
    """Let the ways to the store and back last so long, one after the other, and then all half of `FAR`.

    Each a bit longer than the one before: what is sent later does not overtake.
    """
    each = itertools.chain(ways, itertools.count(FAR / 2, FAR / 1000))
    own.client.link.latency = lambda: 2 * next(each)


def rounds(own: Owner) -> list[int]:
    """How many commits arrived at about the same time."""
    return list(Counter(round(each.at / FAR) for each in own.commits()).values())


async def header_with(own: Owner, tag: str) -> None:
    key = keys.header(RED, own.shard.stack)
    entry = await own.desk.hand.store.get(key)
    await own.desk.hand.store.commit(
        put={key: encode(msgspec.structs.replace(decode(Header, entry.value), tags=(tag,)))}
    )


def tags(own: Owner) -> tuple[str, ...]:
    entry = own.desk.cluster.entry(keys.header(RED, own.shard.stack), own.desk.cluster.revision)
    return decode(Header, entry.value).tags


def test_up_to_four_full_commits_are_on_their_way_at_once():
    async def story() -> None:
        async with owner() as own:
            far(own)
            await asyncio.gather(*(own.book.write(created(path)) for path in "abcdefghi"))
            assert told(own) == list(enumerate("abcdefghi", 1))
            assert rounds(own) == [4, 4, 1]

    run(story())


def test_a_commit_that_is_not_full_waits_behind_two_so_that_more_joins_it(monkeypatch):
    monkeypatch.setattr(commits, "_OPERATIONS_MAX", 100)

    async def story() -> None:
        async with owner() as own:
            far(own)
            writing = []
            for path in "abcde":
                writing.append(asyncio.ensure_future(own.book.write(created(path))))
                await asyncio.sleep(FAR / 10)
            await asyncio.gather(*writing)
            assert [seq for seq, _ in told(own)] == [1, 2, 3, 3, 3]

    run(story())


def test_a_commit_that_overtakes_the_one_before_it_is_done_after_it():
    async def story() -> None:
        async with owner() as own:
            far(own, 3 * FAR, 0.01, 0.02)
            writing = [asyncio.ensure_future(own.book.write(created(path))) for path in "abc"]
            await asyncio.sleep(2 * FAR)
            assert own.commits() == []
            await asyncio.gather(*writing)
            assert told(own) == [(1, "a"), (2, "b"), (3, "c")] and own.book.commits == 3

    run(story())


def test_a_refusal_that_is_older_than_what_was_done_since_is_no_reason_to_read_again():
    """The second arrives first, and its refusal comes after the answer to the first."""

    async def story() -> None:
        async with owner() as own:
            far(own, 0.02, 0.01, 3 * FAR, 0.02)
            await asyncio.gather(own.book.write(created("a")), own.book.write(created("b")))
            assert told(own) == [(1, "a"), (2, "b")] and own.book.broken is None

    run(story())


@pytest.mark.parametrize("lost", [(1,), (2,), (1, 2), (1, 2, 3), (2, 3), (1, 3, 5)])
def test_each_commit_whose_answer_is_lost_is_done_once(lost):
    async def story() -> None:
        async with owner(chance=losing(*lost)) as own:
            far(own)
            own.client.link.lose_answers = 0.5
            await asyncio.gather(*(own.book.write(created(path)) for path in "abc"))
            assert told(own) == [(1, "a"), (2, "b"), (3, "c")]
            await own.book.write(created("a", "LEAVING"))
            assert own.stored("a") == thing("a", "LEAVING")
            assert own.book.revision == own.desk.cluster.revision

    run(story())


def test_a_commit_whose_answer_is_lost_is_looked_for_and_not_sent_again(monkeypatch):
    async def story() -> None:
        async with owner(chance=losing(1)) as own:
            own.client.link.lose_answers = 0.5
            store, sent = own.client.store, []
            commit = store.commit
            monkeypatch.setattr(store, "commit", lambda *of, **more: sent.append(of) or commit(*of, **more))
            await own.book.write(created("a"))
            assert len(sent) == len(own.commits()) == 1

    run(story())


def test_a_ledger_that_was_read_before_a_commit_does_not_hide_it():
    async def story() -> None:
        async with owner() as own:
            far(own, 0.01, 3 * FAR)
            intent = begun(own, "t1")
            reading = asyncio.ensure_future(own.book.attempt(intent.token))
            await asyncio.sleep(0.02)
            await own.book.write(Write(attempts={"t1": lambda _: intent}))
            assert not reading.done()
            assert await reading == intent

    run(story())


@pytest.mark.parametrize("lost", [(1,), (2,), (1, 2), (3,)])
def test_those_behind_a_commit_that_never_arrived_are_done_after_it(lost):
    async def story() -> None:
        async with owner(chance=losing(*lost)) as own:
            far(own)
            own.client.link.lose_requests = 0.5
            await asyncio.gather(*(own.book.write(created(path)) for path in "abc"))
            assert told(own) == [(1, "a"), (2, "b"), (3, "c")]

    run(story())


def test_commits_that_arrive_after_they_were_given_up_are_not_done_twice():
    async def story() -> None:
        async with owner(chance=losing(1, 2)) as own:
            far(own)
            own.client.link.late_requests = 0.5
            await asyncio.gather(*(own.book.write(created(path)) for path in "abc"))
            await asyncio.sleep(60.0)
            assert told(own) == [(1, "a"), (2, "b"), (3, "c")]

    run(story())


def test_those_behind_a_refused_commit_are_built_anew_in_the_same_order():
    async def story() -> None:
        async with owner() as own:
            await header_with(own, "theirs")
            far(own)
            await asyncio.gather(
                own.book.write(created("a", header=tagged("ours").header)),
                *(own.book.write(created(path)) for path in "bc"),
            )
            assert tags(own) == ("theirs", "ours") == own.book.header.tags
            assert told(own) == [(1, "a"), (2, "b"), (3, "c")] and own.book.commits == 3

    run(story())


def test_a_commit_rewrites_what_one_before_it_is_still_writing():
    async def story() -> None:
        async with owner() as own:
            far(own)
            adopted = begun(own, "t1", AttemptState.ADOPTED)
            await asyncio.gather(
                own.book.write(created("net", "INTENT", attempts={"t1": lambda _: begun(own, "t1")})),
                own.book.write(tagged("a")),
                own.book.write(created("net", attempts={"t1": lambda before: before and adopted})),
                own.book.write(tagged("b")),
                own.book.write(created("other")),
            )
            assert rounds(own) == [4, 1]
            assert own.stored("net") == thing("net") and own.attempt("t1") == adopted
            assert tags(own) == ("a", "b")

    run(story())


def test_what_one_takes_away_the_next_can_write_anew():
    async def story() -> None:
        async with owner() as own:
            await own.book.write(created("net"))
            far(own)
            await asyncio.gather(
                own.book.write(Write(removed=(thing("net"),))),
                own.book.write(created("net", "CREATED")),
            )
            assert own.stored("net") == thing("net", "CREATED")
            assert rounds(own) == [1, 2]

    run(story())


def test_what_somebody_else_wrote_between_two_commits_is_taken_in():
    """The sweeper writes to the ledger after the first of two commits that do, and before the second."""

    async def story() -> None:
        async with owner() as own:
            key = keys.attempt(own.shard, begun(own, "t1").token)
            seen = begun(own, "t1", AttemptState.ADOPTED, settled=True)
            adopted = begun(own, "t1", AttemptState.ADOPTED)
            await own.book.attempt(adopted.token)
            far(own, 0.01, FAR)
            writing = asyncio.gather(
                own.book.write(Write(attempts={"t1": lambda _: adopted})),
                own.book.write(
                    Write(
                        attempts={"t1": lambda it: msgspec.structs.replace(it, state=AttemptState.CONDEMNED)}
                    )
                ),
            )
            while not own.desk.present(key):
                await own.desk.cluster.grown()
            await own.desk.put({key: seen})
            await writing
            assert own.attempt("t1") == msgspec.structs.replace(seen, state=AttemptState.CONDEMNED)

    run(story())


def test_a_header_is_learnt_although_the_revision_of_the_own_change_is_not_known():
    """The answer to the first was lost: it is known to be done by what the second left."""

    async def story() -> None:
        async with owner(chance=losing(1)) as own:
            old = await own.desk.hand.view()
            far(own)
            own.client.link.lose_answers = 0.5
            await asyncio.gather(own.book.write(tagged("ours")), own.book.write(created("a")))
            own.book.learn(old)
            assert own.book.header.tags == ("ours",)
            await header_with(own, "theirs")
            own.book.learn(await own.desk.hand.view())
            assert own.book.header.tags == ("theirs",)
            await own.book.write(tagged("again"))
            assert tags(own) == ("theirs", "again")

    run(story())


@pytest.mark.parametrize("error", [Fenced, Stale])
def test_all_that_is_on_its_way_is_told_that_claim_or_plan_is_gone(error):
    async def story() -> None:
        async with owner() as own:
            far(own)
            writing = [asyncio.ensure_future(own.book.write(created(path))) for path in "abcdef"]
            await asyncio.sleep(FAR / 20)
            if error is Fenced:
                own.desk.cluster.expire(own.lease.id)
            else:
                await own.desk.hand.update()
            ended = await asyncio.gather(*writing, return_exceptions=True)
            assert {type(each) for each in ended} == {error} and own.commits() == []
            with pytest.raises(error):
                await own.running

    run(story())


def test_those_that_were_done_before_the_claim_was_lost_are_told_so():
    async def story() -> None:
        async with owner() as own:
            far(own, 0.01, FAR, FAR, FAR)
            writing = [asyncio.ensure_future(own.book.write(created(path))) for path in "ab"]
            while not own.commits():
                await own.desk.cluster.grown()
            own.desk.cluster.expire(own.lease.id)
            ended = await asyncio.gather(*writing, return_exceptions=True)
            assert ended[0] is None and type(ended[1]) is Fenced
            assert own.stored("a") == thing("a") and own.stored("b") is None

    run(story())


def test_an_end_behind_others_leaves_neither_claim_nor_work():
    async def story() -> None:
        async with owner(chance=losing(1, 2)) as own:
            far(own)
            own.client.link.lose_answers = 0.5
            await asyncio.gather(own.book.write(created("a")), own.book.write(Write(ends=True)))
            assert own.stored("a") == thing("a")
            assert not own.desk.present(f"claims/{EAST}") and not own.desk.present(f"work/{EAST}")

    run(story())


def test_what_is_on_its_way_when_the_shard_is_given_up_is_done_in_its_order_or_not_at_all():
    async def story() -> None:
        async with owner() as own:
            far(own)
            writing = [asyncio.ensure_future(own.book.write(created(path))) for path in "abcdef"]
            await asyncio.sleep(FAR / 20)
            own.running.cancel()
            ended = await asyncio.gather(*writing, return_exceptions=True)
            assert {type(each) for each in ended} == {Stale}
            await asyncio.sleep(60.0)
            assert told(own) == list(enumerate("abcd", 1))

    run(story())
