"""A wish with a request id happens once, whatever is lost and however often it is asked for."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.sim.loop import run
from global_heat.store.reading import read_operation
from tests.unit.store.desk import ANN, NONE, ONE, RED, REGIONS, TWO, Desk, losing, stacks_of, until_told, wish

VERBS = {
    "create": lambda client, request: client.create(request),
    "update": lambda client, request: client.update(request),
    "delete": lambda client, request: client.delete(request),
    "cancel": lambda client, request: client.cancel(request),
    "roll back": lambda client, request: client.cancel(request, rollback=True),
}


async def prepared(verb: str) -> Desk:
    """A desk where the verb makes sense."""
    desk = Desk()
    if verb != "create":
        await desk.hand.create()
        await desk.end()
    if verb in ("cancel", "roll back"):
        await desk.hand.update()
    return desk


def operations(desk: Desk) -> list[str]:
    return [key.rpartition("/")[2] for key in desk.present("projects/red/operations/")]


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("lost", range(1, 10))
def test_a_wish_whose_answers_get_lost_happens_once(verb, lost):
    async def story() -> None:
        desk = await prepared(verb)
        before = operations(desk)
        client = desk.client("c", losing(lost, lost + 1))
        told = await until_told(lambda: VERBS[verb](client, "r1"))
        assert [id for id in operations(desk) if id not in before] == [told.id]
        assert await read_operation(desk.hand.store, RED, told.id) == told
        assert (await desk.hand.header()).operation == told.id
        assert len(stacks_of(desk)) == 1

    run(story())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("lag", range(14))
def test_a_wish_sent_twice_in_parallel_happens_once_and_both_are_told_the_same(verb, lag):
    async def story() -> None:
        desk = await prepared(verb)
        before = operations(desk)
        first, second = desk.client("one"), desk.client("two")

        async def later():
            await asyncio.sleep(lag * 0.001)
            return await VERBS[verb](second, "r1")

        told = await asyncio.gather(VERBS[verb](first, "r1"), later())
        assert told[0] == told[1]
        assert [id for id in operations(desk) if id not in before] == [told[0].id]

    run(story())


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("request_id", ["r1", ""])
@pytest.mark.parametrize("then", [(), (0,), (2,), (1, 3)], ids=["one", "all", "one and one", "two and one"])
@pytest.mark.parametrize("lost", range(1, 10))
def test_transient_is_said_only_of_what_did_not_happen(verb, request_id, then, lost):
    async def story() -> None:
        desk = await prepared(verb)
        before = operations(desk)
        client = desk.client("c", losing(lost, *(n and lost + n for n in then)))
        try:
            told = await VERBS[verb](client, request_id)
        except Transient:
            assert operations(desk) == before
        except Ambiguous:
            assert 0 in then, "somebody could have been asked"
        else:
            assert [id for id in operations(desk) if id not in before] == [told.id]

    run(story())


@pytest.mark.parametrize("verb", VERBS)
def test_a_repeat_is_told_the_same_after_the_stack_is_gone(verb):
    async def story() -> None:
        desk = await prepared(verb)
        told = await VERBS[verb](desk.hand, "r1")
        if verb != "delete":
            await desk.hand.delete()
        await desk.end()
        assert await VERBS[verb](desk.client("other"), "r1") == told

    run(story())


@pytest.mark.parametrize(
    "other",
    [
        lambda client: client.create("r1", template=TWO),
        lambda client: client.create("r1", name="other"),
        lambda client: client.create("r1", tags=("a",)),
        lambda client: client.update("r1", template=ONE),
        lambda client: client.delete("r1"),
        lambda client: client.cancel("r1"),
    ],
    ids=["template", "name", "tags", "update", "delete", "cancel"],
)
def test_a_request_id_used_with_other_parameters_is_refused_and_changes_nothing(other):
    async def story() -> None:
        desk = Desk()
        await desk.hand.create("r1")
        written = desk.cluster.revision
        with pytest.raises(Invalid) as caught:
            await other(desk.client("c"))
        assert caught.value.reason is Reason.ALREADY_EXISTS
        assert desk.cluster.revision == written

    run(story())


def test_two_with_one_request_id_and_other_parameters_in_parallel_do_not_both_happen():
    async def story() -> None:
        desk = Desk()
        one, two = desk.client("one"), desk.client("two")
        told = await asyncio.gather(one.create("r1"), two.create("r1", name="other"), return_exceptions=True)
        refused = [each for each in told if isinstance(each, Invalid)]
        assert [each.reason for each in refused] == [Reason.ALREADY_EXISTS]
        assert len(stacks_of(desk)) == 1

    run(story())


def test_without_a_request_id_every_wish_is_a_new_one():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create()
        first, second = await desk.hand.update(), await desk.hand.update()
        assert first.id != second.id
        assert (await desk.hand.header()).plan == 3

    run(story())


def test_what_this_replica_chose_for_the_caller_does_not_make_it_another_request():
    async def story() -> None:
        desk = Desk()
        said = ["web", ONE]
        first = await desk.hand.wishes.create(ANN, wish(), "r1", REGIONS, said=said)
        again = await desk.client("c").wishes.create(ANN, wish(NONE), "r1", REGIONS, said=said)
        assert first == again

    run(story())
