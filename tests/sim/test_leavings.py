"""What the sweeper deletes, what it spares, what has to wait, and what it only tells of."""

from __future__ import annotations

import asyncio

import leaving_stories as stories
import msgspec
from conftest import Stage

from global_heat.model.leavings import OrphanState
from global_heat.sim.blueprints import Blueprint, Site
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.world import SETTINGS
from global_heat.store.leavings import decide

HOURLY = msgspec.structs.replace(SETTINGS, inventory_seconds=300.0, orphan_seconds=60.0)
NETWORK = "network.network"


def test_a_copied_mark_is_spared(play):
    async def story(stage: Stage) -> None:
        await stories.copied_mark(stage)
        assert set(stage.things(NETWORK)) == stage.world.foreign
        assert stories.removals(stage) == []

    play(story)


def test_what_a_step_deletes_is_left_to_it(play):
    async def story(stage: Stage) -> None:
        await stage.create(stories.NET)
        await stage.settled()
        await stage.closed()
        sent = stage.meets(Fate(delay_seconds=30.0), "/networks", method="DELETE")
        await stage.world.user.delete("web")
        await sent.wait()
        await stage.settled()
        await stage.closed()
        assert stage.things(NETWORK) == [] and stories.removals(stage) == []

    play(story)


def test_what_a_forged_attempt_condemns_is_spared(play):
    async def story(stage: Stage) -> None:
        await stories.forged_ledger(stage)
        assert stage.world.foreign < set(stage.things(NETWORK))
        assert stories.removals(stage) == []

    play(story)


def test_every_deletion_is_recorded_with_its_answer(play):
    async def story(stage: Stage) -> None:
        await stories.two_left(stage)
        await stage.closed()
        ours = {record.id for record in stage.world.records()}
        assert set(stage.things(NETWORK)) <= ours
        found = stories.removals(stage)
        assert len(found) == 2 and ours.isdisjoint(removal.id for removal in found)
        header = stage.world.header("web")
        for removal in found:
            assert removal.answer == "it is being deleted" and removal.why.startswith(
                "its attempt is ADOPTED"
            )
            assert header is not None and removal.stack == header.id and removal.region == "east"

    play(story)


def test_what_is_over_the_budget_waits_for_the_next_hour(play):
    async def story(stage: Stage) -> None:
        await stories.two_left(stage)
        assert await stage.world.until(lambda: bool(stories.stuck(stage)), 120.0)
        (why,) = stories.stuck(stage)
        assert why == "over the budget of 1 deletions of a project in an hour"
        await asyncio.sleep(1800.0)
        assert len(stage.things(NETWORK)) == 3 and len(stories.removals(stage)) == 1
        assert [budget.used for budget in stories.budgets(stage)] == [1]
        sweepers = [node._replica.sweeper for node in stage.world.nodes]
        assert max(sweeper.held.get("east", 0) for sweeper in sweepers) == 1
        assert await stage.world.until(lambda: len(stage.things(NETWORK)) == 2, 1900.0)
        assert await stage.world.until(lambda: stage.world.swept() == 0, 900.0)
        assert stories.stuck(stage) == set() and len(stories.removals(stage)) == 2
        hours = [removal.at // 3600 for removal in stories.removals(stage)]
        assert abs(hours[0] - hours[1]) == 1

    play(story, settings=msgspec.structs.replace(SETTINGS, deletions_per_hour=1))


def test_a_dry_run_deletes_nothing_and_says_what_it_would(play):
    async def story(stage: Stage) -> None:
        await stories.two_left(stage)
        assert await stage.world.until(lambda: bool(stories.stuck(stage)), 120.0)
        await asyncio.sleep(600.0)
        assert len(stage.things(NETWORK)) == 4 and stories.removals(stage) == []
        assert stories.stuck(stage) == {"a dry run: it would be deleted"}
        waiting = [attempt for attempt in stage.world.attempts() if attempt.stuck]
        assert len(waiting) == 2 and all(a.seen and not a.settled for a in waiting)
        await _restart(stage, sweep_dry_run=False)
        assert await stage.world.until(lambda: len(stage.things(NETWORK)) == 2, 300.0)

    play(story, settings=msgspec.structs.replace(SETTINGS, sweep_dry_run=True))


def test_without_a_credential_it_is_said_what_is_stuck(play):
    async def story(stage: Stage) -> None:
        await stories.two_left(stage)
        header = stage.world.header("web")
        assert header is not None
        stage.world.trustless.add(header.id)
        assert await stage.world.until(lambda: bool(stories.stuck(stage)), 300.0)
        assert all(why.startswith("no credential: ") for why in stories.stuck(stage))
        stage.world.trustless.clear()
        await stage.closed()
        assert stories.stuck(stage) == set()

    play(story)


def test_what_a_lost_ledger_forgot_is_told_of_and_never_deleted_by_itself(play):
    async def story(stage: Stage) -> None:
        lost = await stories.lost_ledger(stage)
        assert await stage.world.until(lambda: len(stories.orphans(stage)) == 2, 900.0)
        before = {(orphan.kind, orphan.id) for orphan in stories.orphans(stage)}
        assert before == {(NETWORK, lost[0]), ("network.subnet", lost[1])}
        for orphan in stories.orphans(stage):
            assert orphan.why == "the ledger does not know its token"
            assert orphan.first_seen - orphan.made_at >= HOURLY.orphan_seconds, "older than what is under way"
        await asyncio.sleep(4000.0)
        assert {(orphan.kind, orphan.id) for orphan in stories.orphans(stage)} == before
        assert len(stage.things(NETWORK)) == 2 and stories.removals(stage) == []
        await _condemn_all(stage)
        assert await stage.world.until(lambda: stories.orphans(stage) == [], 300.0)
        assert len(stage.things(NETWORK)) == 1
        assert {removal.why for removal in stories.removals(stage)} == {
            "a suspect orphan, condemned by an operator"
        }

    play(story, settings=HOURLY)


def test_an_adopted_orphan_stays_and_a_changed_one_is_spared(play):
    async def story(stage: Stage) -> None:
        await stories.lost_ledger(stage)
        assert await stage.world.until(lambda: len(stories.orphans(stage)) == 2, 900.0)
        kept = next(orphan for orphan in stories.orphans(stage) if orphan.kind == NETWORK)
        store = stage.world.user.store
        await decide(store, kept.project, kept.handle, OrphanState.ADOPTED, "an operator")
        other = next(orphan for orphan in stories.orphans(stage) if orphan.kind != NETWORK)
        await stories.by_hand(
            stage, "PUT", f"/subnets/{other.id}", {"subnet": {"description": "somebody's own now"}}
        )
        await decide(store, other.project, other.handle, OrphanState.CONDEMNED, "an operator")
        assert await stage.world.until(lambda: len(stories.orphans(stage)) == 1, 900.0), "it is none any more"
        await asyncio.sleep(1000.0)
        assert [orphan.state for orphan in stories.orphans(stage)] == [OrphanState.ADOPTED]
        assert stories.removals(stage) == [] and kept.id in stage.things(NETWORK)
        await stories.by_hand(stage, "DELETE", f"/subnets/{other.id}")
        await stories.by_hand(stage, "DELETE", f"/networks/{kept.id}")
        assert await stage.world.until(lambda: stories.orphans(stage) == [], 900.0), "it goes with the thing"

    play(story, settings=HOURLY)


def test_what_the_project_keeps_is_no_orphan_to_anybody(play):
    async def story(stage: Stage) -> None:
        lost = await stories.lost_ledger(stage)
        assert await stage.world.until(lambda: len(stories.orphans(stage)) == 2, 900.0)
        for orphan in stories.orphans(stage):
            await decide(
                stage.world.user.store, orphan.project, orphan.handle, OrphanState.ADOPTED, "an operator"
            )
        await stage.world.user.delete("web")
        await stage.settled()
        assert stage.things(NETWORK) == [lost[0]]

    play(story, settings=HOURLY)


def test_a_dry_run_does_not_delete_what_an_operator_condemned_either(play):
    async def story(stage: Stage) -> None:
        await stories.lost_ledger(stage)
        assert await stage.world.until(lambda: len(stories.orphans(stage)) == 2, 900.0)
        await _condemn_all(stage)
        held = "a dry run: it would be deleted"
        assert await stage.world.until(lambda: all(o.stuck == held for o in stories.orphans(stage)), 300.0)
        assert len(stage.things(NETWORK)) == 2
        await _restart(stage, sweep_dry_run=False)
        assert await stage.world.until(lambda: stories.orphans(stage) == [], 300.0)

    play(story, settings=msgspec.structs.replace(HOURLY, sweep_dry_run=True))


def test_what_was_retained_is_no_orphan_when_its_stack_is_forgotten(play):
    async def story(stage: Stage) -> None:
        retained = Site("s0", "east", ports=0, volumes=1, retained=True)
        await stage.create(retained)
        await stage.world.user.create("other", Blueprint((stories.NET,)).template())
        await stage.settled_all()
        await stage.world.user.delete("web")
        await stage.settled_all()
        assert await stage.world.until(lambda: len(stage.world.headers()) == 1, 3000.0), "web is forgotten"
        await asyncio.sleep(1500.0)
        (volume,) = stage.things("volume.volume")
        assert "east" in stories.looks(stage) and stories.orphans(stage) == []
        kept = [attempt for attempt in stage.world.attempts() if attempt.id == volume]
        assert [attempt.state for attempt in kept] == ["RETAINED"]
        project = stage.world.project
        await stories.by_hand(stage, "DELETE", f"/volumes/{volume}", service=f"volume/v3/{project}")
        assert await stage.world.until(
            lambda: all(attempt.id != volume for attempt in stage.world.attempts()), 900.0
        )

    play(story, settings=msgspec.structs.replace(HOURLY, retention_seconds=200.0))


def test_a_project_that_cannot_be_searched_is_named(play):
    async def story(stage: Stage) -> None:
        await stage.create(stories.NET)
        await stage.settled()
        header = stage.world.header("web")
        assert header is not None
        stage.world.trustless.add(header.id)
        assert await stage.world.until(lambda: "east" in stories.looks(stage), 900.0)
        assert await stage.world.until(lambda: bool(stories.looks(stage)["east"].failed), 900.0)
        (why,) = stories.looks(stage)["east"].failed[header.project]
        assert "no credential" in why
        stage.world.trustless.clear()
        assert await stage.world.until(lambda: not stories.looks(stage)["east"].failed, 900.0)

    play(story, settings=HOURLY)


async def _condemn_all(stage: Stage) -> None:
    for orphan in stories.orphans(stage):
        await decide(
            stage.world.user.store, orphan.project, orphan.handle, OrphanState.CONDEMNED, "an operator"
        )


async def _restart(stage: Stage, **settings: object) -> None:
    """Every replica with other settings."""
    around = stage.world.nodes[0]._around
    around.settings = msgspec.structs.replace(around.settings, **settings)
    for node in stage.world.nodes:
        await node.kill()
        node.start()
