"""What is over for long is forgotten: records of deleted stacks, request ids, operations, announcements."""

from __future__ import annotations

import asyncio

import leaving_stories as stories
import msgspec
from conftest import Stage

from global_heat.engine import reaper
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.world import SETTINGS

SHORT = msgspec.structs.replace(SETTINGS, retention_seconds=200.0)


def kept(stage: Stage) -> set[str]:
    """The sorts of keys that the store holds, but for what lives under leases or tells of a region."""
    entries = stage.world.cluster.scan("", "", stage.world.cluster.revision)
    return {entry.key.split("/")[0] for entry in entries} - {"replicas", "claims", "looks"}


def test_of_a_stack_deleted_long_ago_nothing_is_kept(play, monkeypatch):
    monkeypatch.setattr(reaper, "_REQUESTS_KEPT_SECONDS", 300.0)

    async def story(stage: Stage) -> None:
        stage.meets(Fate(answer_lost=True), "/remove_router_interface", method="PUT")
        await stage.create(Site("s0", "east", routed=True))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert "deletions" in kept(stage), "an announcement whose deletion was not answered"
        await stage.closed()
        await asyncio.sleep(600.0)
        assert kept(stage) == set()

    play(story, settings=SHORT)


def test_of_a_living_stack_all_that_matters_is_kept(play, monkeypatch):
    monkeypatch.setattr(reaper, "_REQUESTS_KEPT_SECONDS", 300.0)

    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east"))
        await stage.update(Site("s0", "east", title=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        await asyncio.sleep(1000.0)
        operations = stage.world.cluster.scan("projects/", "", stage.world.cluster.revision)
        assert [e.key.split("/")[2] for e in operations] == ["names", "operations"]
        await stage.update(Site("s0", "east", title=2))
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story, settings=SHORT)


def test_what_was_removed_is_told_of_for_a_while(play, monkeypatch):
    async def story(stage: Stage) -> None:
        await stories.two_left(stage)
        await stage.closed()
        assert {"removals", "budgets"} <= kept(stage)
        await asyncio.sleep(2 * 3600.0)
        assert "removals" in kept(stage) and "budgets" not in kept(stage)
        monkeypatch.setattr(reaper, "_REMOVALS_KEPT_SECONDS", 3600.0)
        await asyncio.sleep(200.0)
        assert "removals" not in kept(stage)

    play(story, settings=SHORT)
