"""The life of a stack: created, updated in every way, rolled back, cancelled, deleted, all that at once."""

from __future__ import annotations

import asyncio

from conftest import Stage

from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate

EAST = Site("s0", "east", ports=2, servers=1, volumes=1, secret=1)
WEST = Site("s1", "west", ports=1, watches="s0")


def test_an_update_changes_in_place_what_it_can_and_keeps_the_rest(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST, WEST)
        assert await stage.settled() == "CREATE_COMPLETE"
        before = {r.ref: r.id for r in stage.world.records()}
        await stage.update(Site("s0", "east", title=1, ports=2, servers=1, volumes=1, secret=1), WEST)
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert {r.ref: r.id for r in stage.world.records()} == before
        network = before["s0_net@east#1"]
        names = {made.id: made.name for made in stage.world.cloud.truth()}
        assert names[network] == "s0-1"

    play(story)


def test_an_update_replaces_what_it_must_and_removes_the_old_after_the_new_is_in_use(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.update(Site("s0", "east", shape=1, ports=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert "s0_subnet@east#2" in stage.refs() and "s0_subnet@east#1" not in stage.refs()
        assert len(stage.things("network.subnet")) == 1

    play(story)


def test_a_resource_that_moves_is_made_there_before_it_goes_here(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.update(Site("s0", "west", ports=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"s0_net@west#1", "s0_subnet@west#1", "s0_port0@west#1"}

    play(story)


def test_what_is_added_comes_and_what_is_removed_goes(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1, secret=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.update(Site("s0", "east", ports=0), Site("s1", "north", ports=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {
            "s0_net@east#1",
            "s0_subnet@east#1",
            "s1_net@north#1",
            "s1_subnet@north#1",
            "s1_port0@north#1",
        }

    play(story)


def test_what_is_retained_stays_and_is_not_ours_any_more(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=0, volumes=1, retained=True))
        assert await stage.settled() == "CREATE_COMPLETE"
        volume = stage.record("s0_volume0@east#1").id
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert stage.things("volume.volume") == [volume]

    play(story)


def test_a_failed_create_rolls_back_when_asked(play):
    async def story(stage: Stage) -> None:
        stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
        await stage.create(Site("s0", "east", ports=1, servers=1), WEST, rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        assert stage.refs() == set()

    play(story)


def test_a_failed_create_stays_as_it_is_when_no_rollback_was_asked_and_an_update_mends_it(play):
    async def story(stage: Stage) -> None:
        stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
        site = Site("s0", "east", ports=1, servers=1)
        await stage.create(site)
        assert await stage.settled() == "CREATE_FAILED"
        assert stage.record("s0_server0@east#1").state == "FAILED"
        await stage.update(site)
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(stage.things("compute.server")) == 1

    play(story)


def test_a_failed_update_rolls_back_to_what_was(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1, secret=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        stage.meets(Fate(status=400, effect=False), "/ports", method="POST")
        stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
        await stage.update(Site("s0", "east", ports=1, servers=1, secret=2), rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        assert "s0_server0@east#1" not in stage.refs()
        assert len(stage.things("compute.server")) == 0

    play(story)


def test_an_update_during_an_update_wins(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.update(Site("s0", "east", shape=1, ports=2, servers=1, volumes=1, secret=1))
        await asyncio.sleep(0.05)
        await stage.update(Site("s0", "east", shape=2, ports=1, servers=1, volumes=1, secret=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(stage.things("network.port")) == 1

    play(story)


def test_a_delete_during_a_create_leaves_nothing(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST, WEST)
        await stage.until(lambda: bool(stage.things("network.subnet")))
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"

    play(story)


def test_a_cancelled_create_stops_and_finishes_what_it_had_begun(play):
    async def story(stage: Stage) -> None:
        sent = stage.meets(Fate(delay_seconds=5.0), "/subnets")
        await stage.create(EAST, WEST)
        await sent.wait()
        await stage.world.user.cancel("web", rollback=False)
        assert await stage.settled() == "CREATE_FAILED"
        assert stage.record("s0_subnet@east#1").state == "READY"
        assert "s0_server0@east#1" not in stage.refs()

    play(story)


def test_a_cancelled_update_with_rollback_goes_back(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        sent = stage.meets(Fate(delay_seconds=5.0), "/ports")
        await stage.update(Site("s0", "east", ports=3, title=1))
        await sent.wait()
        await stage.world.user.cancel("web", rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        await stage.closed()
        assert len(stage.things("network.port")) == 1

    play(story)


def test_a_cancel_ends_a_stack_that_waits_for_a_dead_region(play):
    async def story(stage: Stage) -> None:
        stage.world.cloud.regions["east"].faults.unreachable = True
        await stage.create(EAST, WEST)
        await asyncio.sleep(60.0)
        await stage.world.user.cancel("web", rollback=False)
        assert await stage.settled() == "CREATE_FAILED"
        stage.world.cloud.heal()

    play(story)


def test_a_change_that_is_refused_does_not_cost_the_thing_when_it_is_taken_back(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", servers=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        server = stage.record("s0_server0@east#1")
        await stage.update(Site("s0", "east", title=1, servers=1))
        await stage.until(lambda: stage.record(server.ref).state == "UPDATING")
        stage.world.trustless.update(header.id for header in stage.world.headers())
        assert await stage.settled() == "UPDATE_FAILED"
        assert stage.record(server.ref).state == "FAILED"
        stage.world.trustless.clear()
        await stage.update(Site("s0", "east", servers=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.record(server.ref).id == server.id

    play(story)
