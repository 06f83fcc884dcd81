"""Groups that are made and changed some members at a time, with pauses, whoever owns the shard meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

GROUP = """heat_template_version: 2018-08-31
resources:
  g:
    type: OS::Heat::ResourceGroup
    update_policy: {%(policy)s}
    properties:
      count: %(count)s
      resource_def:
        type: OS::Heat::TestResource
        properties: {value: %(value)s, update_replace: %(replace)s}
"""
ROLLING = "rolling_update: {max_batch_size: 2, pause_time: 100}"
SCALING = """heat_template_version: 2018-08-31
resources:
  g:
    type: OS::Heat::AutoScalingGroup
    properties:
      min_size: %(count)s
      max_size: 9
      rolling_updates: {max_batch_size: 2, pause_time: 100}
      resource: {type: OS::Heat::TestResource, properties: {value: %(value)s, update_replace: %(replace)s}}
"""


def group(policy: str = ROLLING, count: int = 5, value: str = "a", replace: bool = False) -> str:
    return GROUP % {"policy": policy, "count": count, "value": value, "replace": str(replace).lower()}


def scaling(count: int = 5, value: str = "a", replace: bool = False) -> str:
    return SCALING % {"count": count, "value": value, "replace": str(replace).lower()}


async def seconds(stage: Stage, state: str) -> float:
    """How long it takes until the stack is in this state."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await stage.settled() == state
    return loop.time() - begun


def batches(stage: Stage, action: str) -> list[int]:
    """How many members were done between two pauses, by the events."""
    times = [e.at for e in stage.events() if (e.action, e.status) == (action, "COMPLETE")]
    sizes: list[int] = []
    last = -1000.0
    for at in sorted(times):
        if at - last > 50:
            sizes.append(0)
        sizes[-1] += 1
        last = at
    return sizes


def test_the_first_members_are_made_all_at_once_or_as_the_policy_says(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", group())
        assert await seconds(stage, "CREATE_COMPLETE") < 10
        create = "batch_create: {max_batch_size: 2, pause_time: 100}"
        await stage.world.user.create("paced", group(create))
        await stage.settled_all()
        assert batches(stage, "CREATE") == [7, 2, 1]

    play(story)


@pytest.mark.parametrize("kind", [group, scaling])
@pytest.mark.parametrize("replace", [False, True])
def test_changes_are_carried_out_in_batches_with_pauses(play, kind, replace):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", kind())
        await stage.settled()
        await asyncio.sleep(200.0)
        await stage.world.user.update("web", kind(value="b", replace=replace))
        assert 200 <= await seconds(stage, "UPDATE_COMPLETE") < 230
        action = "CREATE" if replace else "UPDATE"
        assert batches(stage, action)[-3:] == [2, 2, 1]

    play(story)


def test_what_stays_waits_for_nobody(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", group())
        await stage.settled()
        await stage.world.user.update("web", group(count=3))
        assert await seconds(stage, "UPDATE_COMPLETE") < 20
        await stage.world.user.update("web", group(count=6))
        assert await seconds(stage, "UPDATE_COMPLETE") < 20

    play(story)


def test_enough_members_are_left_in_service(play):
    async def story(stage: Stage) -> None:
        policy = "rolling_update: {max_batch_size: 3, min_in_service: 4, pause_time: 100}"
        await stage.world.user.create("web", group(policy))
        await stage.settled()
        await asyncio.sleep(200.0)
        await stage.world.user.update("web", group(policy, value="b"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert batches(stage, "UPDATE") == [1, 1, 1, 1, 1]

    play(story)


def test_a_pause_goes_on_after_a_kill_and_does_not_begin_again(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", group())
        await stage.settled()
        await asyncio.sleep(200.0)
        await stage.world.user.update("web", group(value="b"))
        await stage.until(lambda: batches(stage, "UPDATE") == [2])
        await asyncio.sleep(80.0)
        await stage.owner("east").kill()
        assert 115 <= await seconds(stage, "UPDATE_COMPLETE") < 160
        assert batches(stage, "UPDATE") == [2, 2, 1]

    play(story)


def test_a_failure_stops_the_batches_that_have_not_begun(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", group())
        await stage.settled()
        await asyncio.sleep(200.0)
        broken = group(value="b").replace("value: b", "value: b, fail: true")
        await stage.world.user.update("web", broken, rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        failed = [e.path for e in stage.events() if (e.action, e.status) == ("UPDATE", "FAILED")]
        assert len(failed) == 2

    play(story)


def test_cancelling_ends_a_pause(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", group())
        await stage.settled()
        await asyncio.sleep(200.0)
        await stage.world.user.update("web", group(value="b"))
        await stage.until(lambda: batches(stage, "UPDATE") == [2])
        await stage.world.user.cancel("web", rollback=False)
        assert await seconds(stage, "UPDATE_FAILED") < 20

    play(story)
