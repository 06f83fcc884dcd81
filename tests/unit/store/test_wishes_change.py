"""Updates, deletes, cancels and rollbacks: each the next plan, or a refusal that says why."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from global_heat.model.errors import Invalid, Reason
from global_heat.model.records import Action
from global_heat.sim.loop import run
from global_heat.store import keys
from tests.unit.store.desk import ANN, NONE, ONE, RED, REGIONS, TWO, Desk, wish

FIXED = """heat_template_version: 2021-04-16
parameters: {size: {type: number, immutable: true}}
"""


async def standing(template: str = ONE, **more: object) -> Desk:
    """A desk with a complete stack."""
    desk = Desk()
    await desk.hand.create(template=template, **more)
    await desk.end()
    return desk


async def refused(asked, reason: Reason) -> Invalid:
    with pytest.raises(Invalid) as caught:
        await asked
    assert caught.value.reason is reason
    return caught.value


def forecasts(plan) -> dict[str, str]:
    return {step.ref: str(step.forecast) for step in plan.steps}


def test_an_update_makes_the_next_plan_out_of_what_is_recorded():
    async def story() -> None:
        desk = await standing(TWO)
        operation = await desk.hand.update(template=ONE)
        header, plan = await desk.hand.header(), await desk.hand.plan()
        assert (header.state, header.plan, header.revision) == ("UPDATE_IN_PROGRESS", 2, 2)
        assert (header.complete_revision, header.operation, header.ended_at) == (1, operation.id, 0.0)
        assert (plan.number, plan.parent, plan.revision, operation.verb) == (2, 1, 2, "update")
        assert forecasts(plan) == {
            "apply net@east": "change",
            "clean far@west": "delete",
            "clean net@east": "keep",
        }
        assert header.open == ("east", "west")

    run(story())


def test_an_update_keeps_tags_that_it_does_not_give():
    async def story() -> None:
        desk = await standing(tags=("a",))
        await desk.hand.update()
        assert (await desk.hand.header()).tags == ("a",)
        await desk.hand.update(tags=("b",))
        assert (await desk.hand.header()).tags == ("b",)

    run(story())


def test_an_update_during_another_keeps_the_regions_open_that_may_still_record_something():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=TWO)
        await desk.hand.update(template=ONE)
        assert (await desk.hand.header()).open == ("east", "west")
        assert (await desk.hand.plan()).regions == ("east",)

    run(story())


def test_an_update_with_the_etag_that_was_read_is_done_and_with_an_older_one_refused():
    async def story() -> None:
        desk = await standing()
        read = (await desk.hand.view()).etag
        await desk.hand.update(etag=read)
        await refused(desk.hand.update(etag=read), Reason.MISMATCH)
        await refused(desk.hand.delete(etag=read), Reason.MISMATCH)
        assert (await desk.hand.header()).plan == 2

    run(story())


def test_of_two_updates_with_one_etag_in_parallel_one_is_done():
    async def story() -> None:
        desk = await standing()
        read = (await desk.hand.view()).etag
        one, two = desk.client("one"), desk.client("two")
        told = await asyncio.gather(one.update(etag=read), two.update(etag=read), return_exceptions=True)
        assert [each.reason for each in told if isinstance(each, Invalid)] == [Reason.MISMATCH]
        assert (await desk.hand.header()).plan == 2

    run(story())


def test_parallel_updates_without_an_etag_are_done_one_after_the_other():
    async def story() -> None:
        desk = await standing()
        clients = [desk.client(name) for name in ("a", "b", "c")]
        told = await asyncio.gather(*(client.update() for client in clients))
        assert sorted(operation.plan for operation in told) == [2, 3, 4]
        assert (await desk.hand.header()).plan == 4

    run(story())


def test_a_wish_does_not_undo_what_a_shard_wrote_of_the_stack_meanwhile():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create()

        async def the_shard_ends(header, tree):
            if not (await desk.hand.header()).ended:
                await desk.end()
            return ()

        await desk.client("c").wishes.update(ANN, "web", wish(TWO), "", REGIONS, the_shard_ends)
        header = await desk.hand.header()
        assert (header.plan, header.complete_revision) == (2, 1)

    run(story())


def test_what_only_a_newer_version_knows_of_a_stack_survives_every_wish():
    async def story() -> None:
        desk = await standing()
        key = keys.header(RED, (await desk.hand.header()).id)
        for verb in ("update", "cancel", "delete"):
            entry = await desk.hand.store.get(key)
            stored = msgspec.json.decode(entry.value) | {"priority": verb}
            await desk.hand.store.commit(put={key: msgspec.json.encode(stored)})
            await getattr(desk.hand, verb)()
            entry = await desk.hand.store.get(key)
            assert msgspec.json.decode(entry.value)["priority"] == verb

    run(story())


def test_what_is_immutable_cannot_be_changed_by_an_update():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=FIXED, parameters={"size": 1})
        error = await refused(desk.hand.update(template=FIXED, parameters={"size": 2}), Reason.INVALID)
        assert [fault.path for fault in error.faults] == ["parameters.size"]
        await desk.hand.update(template=FIXED, parameters={"size": 1})

    run(story())


@pytest.mark.parametrize("verb", ["update", "delete", "cancel"])
def test_a_stack_that_is_not_there_is_not_found(verb):
    async def story() -> None:
        await refused(getattr(Desk().hand, verb)(), Reason.NOT_FOUND)

    run(story())


def test_a_stack_that_is_being_deleted_takes_no_update_and_one_that_is_gone_is_not_found():
    async def story() -> None:
        desk = await standing()
        id = (await desk.hand.header()).id
        await desk.hand.delete()
        await refused(desk.hand.update(), Reason.PRECONDITION)
        await refused(desk.hand.cancel(rollback=True), Reason.PRECONDITION)
        await desk.end()
        await refused(desk.hand.update(), Reason.NOT_FOUND)
        await refused(desk.hand.wishes.update(ANN, id, wish(), "", REGIONS), Reason.NOT_FOUND)

    run(story())


def test_a_delete_is_a_plan_of_clean_steps_and_asked_again_it_is_the_same():
    async def story() -> None:
        desk = await standing(TWO)
        told = await desk.hand.delete()
        plan = await desk.hand.plan()
        assert forecasts(plan) == {"clean far@west": "delete", "clean net@east": "delete"}
        assert plan.action is Action.DELETE
        assert await desk.client("c").delete("r2") == told
        header = await desk.end()
        assert header.deleted
        assert await desk.hand.delete(name=header.id) == told

    run(story())


def test_a_delete_that_failed_can_be_asked_for_again():
    async def story() -> None:
        desk = await standing()
        first = await desk.hand.delete()
        await desk.end(failed=True)
        again = await desk.hand.delete()
        assert again.id != first.id and (await desk.hand.header()).state == "DELETE_IN_PROGRESS"

    run(story())


def test_a_cancel_stops_the_plan_that_runs_and_wakes_its_open_regions():
    async def story() -> None:
        desk = await standing()
        await desk.hand.update(template=TWO)
        id = (await desk.hand.header()).id
        await desk.hand.store.commit(delete=desk.present("work/"))
        operation = await desk.hand.cancel()
        header = await desk.hand.header()
        assert (header.stopping, header.reason, header.plan) == (True, "cancelled", 2)
        assert (header.state, header.operation) == ("UPDATE_IN_PROGRESS", operation.id)
        assert desk.present("work/") == [f"work/east/red/{id}", f"work/west/red/{id}"]

    run(story())


def test_there_is_nothing_to_cancel_or_roll_back_in_a_stack_that_is_complete():
    async def story() -> None:
        desk = await standing()
        await refused(desk.hand.cancel(), Reason.PRECONDITION)
        await refused(desk.hand.cancel(rollback=True), Reason.PRECONDITION)

    run(story())


def test_a_rollback_goes_to_the_last_complete_revision():
    async def story() -> None:
        desk = await standing(ONE)
        await desk.hand.update(template=NONE.replace("outputs", "resources").replace("{x: {value: 1}}", "{}"))
        await desk.end(failed=True)
        assert (await desk.hand.header()).complete_revision == 1
        operation = await desk.hand.cancel(rollback=True)
        header, plan = await desk.hand.header(), await desk.hand.plan()
        assert (header.state, header.revision, header.plan) == ("ROLLBACK_IN_PROGRESS", 1, 3)
        assert (plan.revision, plan.action, operation.verb) == (1, Action.ROLLBACK, "rollback")
        assert set(plan.applies) == {"net"}
        assert (await desk.end()).complete_revision == 1

    run(story())


def test_a_rollback_of_what_never_was_complete_removes_all_that_it_has():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=TWO)
        await desk.hand.cancel(rollback=True)
        header, plan = await desk.hand.header(), await desk.hand.plan()
        assert (header.revision, plan.revision, plan.action) == (0, 0, Action.ROLLBACK)
        assert (plan.applies, header.open) == ({}, ("east", "west"))
        await desk.end()
        await desk.hand.update(template=ONE)
        assert (await desk.hand.header()).state == "UPDATE_IN_PROGRESS"

    run(story())


def test_a_replica_rolls_back_only_the_plan_that_it_saw_fail():
    async def story() -> None:
        desk = await standing()
        await desk.hand.update()
        header = await desk.end(failed=True)
        await desk.hand.wishes.roll_back(ANN, header.id, after_plan=2)
        await refused(desk.client("c").wishes.roll_back(ANN, header.id, after_plan=2), Reason.BUSY)
        assert (await desk.hand.header()).plan == 3

    run(story())


def test_a_failed_update_can_be_updated_again_and_the_complete_revision_stays():
    async def story() -> None:
        desk = await standing()
        await desk.hand.update(template=TWO)
        await desk.end(failed=True)
        await desk.hand.update(template=TWO)
        header = await desk.hand.header()
        assert (header.revision, header.complete_revision, header.stopping) == (3, 1, False)
        assert (await desk.end()).complete_revision == 3

    run(story())
