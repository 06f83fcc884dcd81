"""Trusts that go, users that are disabled: what is refused fails with its reason, and can be mended."""

from __future__ import annotations

from conftest import Stage

from global_heat.sim.blueprints import Blueprint, Site

EAST = Site("s0", "east", ports=1, servers=1)


def header(stage: Stage, name: str = "web"):
    return next(header for header in stage.world.headers() if header.name == name)


def test_a_stack_that_loses_its_trust_fails_says_why_and_is_mended_by_an_update(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        await stage.until_intent("s0_subnet@east#1")
        stage.world.trustless.add(header(stage).id)
        assert await stage.settled() == "CREATE_FAILED"
        assert "no credential" in header(stage).reason and "internal" not in header(stage).reason
        stage.world.trustless.clear()
        await stage.update(EAST)
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(stage.things("network.network")) == 1, "nothing was made anew"

    play(story)


def test_a_delete_without_a_trust_fails_and_goes_on_when_there_is_one(play):
    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        assert await stage.settled() == "CREATE_COMPLETE"
        stage.world.trustless.add(header(stage).id)
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_FAILED"
        stage.world.trustless.clear()
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"

    play(story)


def test_a_stack_does_not_suffer_from_the_lost_trust_of_another(play):
    """Their servers are waited for by one list, asked for under one of their trusts."""

    async def story(stage: Stage) -> None:
        await stage.create(EAST)
        await stage.world.user.create("other", Blueprint((EAST,)).template())
        await stage.until(lambda: len(stage.things("compute.server")) == 2)
        stage.world.trustless.add(header(stage).id)
        assert await stage.world.settled()
        assert header(stage, "other").state == "CREATE_COMPLETE"
        stage.world.trustless.clear()

    play(story)


def test_a_disabled_user_is_no_reason_to_forget_anything(play):
    async def story(stage: Stage) -> None:
        keystone = stage.world.cloud.keystone
        await stage.create(EAST)
        await stage.until_intent("s0_port0@east#1")
        keystone.disable_user(keystone.user_id("demo"))
        assert await stage.settled() == "CREATE_FAILED"
        assert "internal" not in header(stage).reason
        keystone.enable_user(keystone.user_id("demo"))
        await stage.update(EAST)
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)
