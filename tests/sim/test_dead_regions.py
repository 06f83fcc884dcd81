"""Regions that are down: who waits for them, and for what nobody does."""

from __future__ import annotations

import asyncio

from conftest import Stage

from global_heat.engine import reaper
from global_heat.sim.blueprints import Site
from global_heat.sim.world import SETTINGS
from global_heat.store.reading import cleanup_pending, explain_waits, read_events, read_stack

EAST, WEST = Site("s0", "east"), Site("s0", "west")


def cut_off(stage: Stage, region: str, down: bool = True) -> None:
    stage.world.cloud.regions[region].faults.unreachable = down


def header(stage: Stage, state: str):
    return next(header for header in stage.world.headers() if header.state == state)


def test_what_was_replaced_in_a_dead_region_does_not_hold_the_update_up_and_goes_when_it_is_back(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        await stage.update(WEST)
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert "s0_net@east#1" in stage.refs() and "s0_net@west#1" in stage.refs()
        ended, store = header(stage, "UPDATE_COMPLETE"), stage.world.user.store
        view = await read_stack(store, ended.project, ended.id)
        assert await cleanup_pending(store, view) > 0
        assert [wait.region for wait in await explain_waits(store, view)] == ["east"]
        cut_off(stage, "east", down=False)
        await stage.until(lambda: not any("@east" in ref for ref in stage.refs()))
        assert len(stage.things("network.network")) == 1
        assert stage.state() == "UPDATE_COMPLETE"

    play(story)


def test_the_remainder_in_a_dead_region_outlives_its_owner(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        await stage.update(WEST)
        assert await stage.settled() == "UPDATE_COMPLETE"
        await stage.owner("east").kill()
        await asyncio.sleep(60.0)
        cut_off(stage, "east", down=False)
        await stage.until(lambda: not any("@east" in ref for ref in stage.refs()))

    play(story)


def test_an_update_that_removes_something_waits_for_its_region(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST, Site("s1", "west"))
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        await stage.update(Site("s1", "west"))
        await asyncio.sleep(600.0)
        assert stage.state() == "UPDATE_IN_PROGRESS"
        cut_off(stage, "east", down=False)
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


def test_a_stack_that_cannot_be_deleted_for_dead_regions_gives_its_name_free(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST, Site("s1", "west"), Site("s2", "north"))
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        cut_off(stage, "north")
        await stage.world.user.delete("web")
        await stage.until(lambda: stage.world.header("web") is None)
        waiting = header(stage, "DELETE_IN_PROGRESS")
        assert set(waiting.open) == {"east", "north"}
        await stage.create(Site("s0", "west"))
        await stage.until(lambda: stage.world.header("web").ended)
        cut_off(stage, "east", down=False)
        cut_off(stage, "north", down=False)
        assert await stage.world.settled()
        assert stage.world.header("web").state == "CREATE_COMPLETE", "the name is the new stack's"
        assert {ref.split("@")[1] for ref in stage.refs()} == {"west#1"}

    play(story)


def test_a_stack_whose_reachable_regions_are_not_empty_keeps_its_name(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST, Site("s1", "west"))
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        stage.world.cloud.regions["west"].faults.down.add("network")
        await stage.world.user.delete("web")
        await asyncio.sleep(300.0)
        assert stage.world.header("web") is not None
        stage.world.cloud.heal()
        assert await stage.settled() == "DELETE_COMPLETE"

    play(story)


def test_an_outage_in_the_midst_of_a_delete_is_waited_out_however_long_it_takes(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        cut_off(stage, "east")
        await stage.world.user.delete("web")
        await asyncio.sleep(10 * SETTINGS.busy_seconds_max)
        cut_off(stage, "east", down=False)
        assert await stage.settled() == "DELETE_COMPLETE"

    play(story)


def test_of_many_events_the_oldest_go(play, monkeypatch):
    monkeypatch.setattr(reaper, "_EVENTS_MAX", 4)
    monkeypatch.setattr(reaper, "_EVENTS_PER_RESOURCE", 1)
    monkeypatch.setattr(reaper, "_EVENTS_PER_COMMIT", 1)

    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        created = header(stage, "CREATE_COMPLETE")
        for title in range(1, 8):
            await stage.update(Site("s0", "east", title=title))
            assert await stage.settled() == "UPDATE_COMPLETE"
        await asyncio.sleep(3 * SETTINGS.scan_seconds)
        batches = [
            batch for _, batch in await read_events(stage.world.user.store, created.project, created.id)
        ]
        assert 4 + 3 <= sum(len(batch.events) for batch in batches) < 4 + 3 + 4
        assert batches[-1].events[-1].status == "COMPLETE"
        assert [batch.seq for batch in batches] == list(range(batches[0].seq, batches[-1].seq + 1))

    play(story)


def test_a_shard_that_waits_for_its_region_is_handed_to_the_region_s_own_replica(play):
    async def story(stage: Stage) -> None:
        home = next(node for node in stage.world.nodes if node.region == "east")
        await home.kill()
        cut_off(stage, "east")
        await stage.create(EAST)
        await asyncio.sleep(60.0)
        assert stage.owner("east") is not home
        home.start()
        await stage.until(lambda: stage.claimed("east") and stage.owner("east") is home, 120.0)
        cut_off(stage, "east", down=False)
        assert await stage.settled() == "CREATE_COMPLETE"

    play(story)


def test_a_shard_whose_steps_wait_is_handed_to_the_region_s_own_replica(play):
    wait = "{type: OS::Heat::Delay, properties: {min_wait: 600}}"

    async def story(stage: Stage) -> None:
        home = next(node for node in stage.world.nodes if node.region == "east")
        await home.kill()
        await stage.world.user.create("web", f"heat_template_version: 2018-08-31\nresources: {{d: {wait}}}\n")
        await stage.until(lambda: "d@east#1" in stage.refs())
        assert stage.owner("east") is not home
        home.start()
        await stage.until(lambda: stage.claimed("east") and stage.owner("east") is home, 120.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        assert await stage.settled() == "CREATE_COMPLETE"

    play(story)
