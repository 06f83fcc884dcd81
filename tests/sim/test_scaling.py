"""Groups that scale: by signals to their policies, by updates, whoever dies meanwhile."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

from global_heat.model.errors import Invalid, Reason

TEMPLATE = """heat_template_version: 2018-08-31
resources:
  net: {type: OS::Neutron::Net}
  g:
    type: OS::Heat::AutoScalingGroup
    properties:
      min_size: 1
      max_size: %(most)s
      cooldown: %(cooldown)s
      %(desired)s
      resource: {type: OS::Neutron::Port, properties: {network: {get_resource: net}, name: %(name)s}}
  up: {type: OS::Heat::ScalingPolicy, properties: {auto_scaling_group_id: {get_resource: g},
       adjustment_type: change_in_capacity, scaling_adjustment: 2, cooldown: %(pause)s}}
  down: {type: OS::Heat::ScalingPolicy, region: west, properties: {auto_scaling_group_id: {get_resource: g},
       adjustment_type: change_in_capacity, scaling_adjustment: -1}}
  count: {type: OS::Heat::Value, region: west, properties: {value: {get_attr: [g, current_size]}}}
outputs: {size: {value: {get_attr: [count, value]}}}
"""


def template(most: int = 9, cooldown: int = 0, desired: str = "", name: str = "p", pause: int = 0) -> str:
    return TEMPLATE % {"most": most, "cooldown": cooldown, "desired": desired, "name": name, "pause": pause}


async def created(stage: Stage, **more: object) -> None:
    await stage.world.user.create("web", template(**more))  # type: ignore[arg-type]
    assert await stage.settled() == "CREATE_COMPLETE"


def members(stage: Stage) -> list[str]:
    """The members' names, the eldest first."""
    found = [record for record in stage.world.records() if record.path.startswith("g/")]
    return [record.path for record in sorted(found, key=lambda record: (record.created_at, record.path))]


async def signal(stage: Stage, policy: str, said: object = None) -> str:
    return await stage.world.user.signal("web", policy, said)


def test_a_signal_to_a_policy_makes_members_and_another_takes_the_eldest_away(play):
    async def story(stage: Stage) -> None:
        await created(stage)
        [first] = members(stage)
        assert await signal(stage, "up")
        assert await stage.settled() == "UPDATE_COMPLETE"
        grown = members(stage)
        assert len(grown) == 3 and grown[0] == first
        assert stage.attribute("count@west#1", "value") == 3
        assert await signal(stage, "down")
        await stage.settled()
        assert members(stage) == grown[1:]
        assert len(stage.things("network.port")) == 2

    play(story)


def test_no_name_is_given_twice(play):
    async def story(stage: Stage) -> None:
        await created(stage)
        seen = set(members(stage))
        for policy in ("up", "down", "down", "up", "up"):
            await signal(stage, policy)
            await stage.settled()
            seen |= set(members(stage))
        assert len(seen) == 7 and len(members(stage)) == 5

    play(story)


def test_it_keeps_within_its_bounds_and_says_when_there_is_nothing_to_do(play):
    async def story(stage: Stage) -> None:
        await created(stage, most=2)
        assert await signal(stage, "down") == "" and len(members(stage)) == 1
        assert await signal(stage, "up")
        await stage.settled()
        assert len(members(stage)) == 2
        assert await signal(stage, "up") == ""

    play(story)


def test_an_alarm_that_is_over_asks_for_nothing(play):
    async def story(stage: Stage) -> None:
        await created(stage)
        assert await signal(stage, "up", {"current": "ok"}) == ""
        assert await signal(stage, "up", {"current": "ALARM"})
        await stage.settled()
        assert len(members(stage)) == 3
        with pytest.raises(Invalid, match="is a map"):
            await signal(stage, "up", "now")

    play(story)


@pytest.mark.parametrize("where", ["cooldown", "pause"])
def test_it_cools_down_after_it_has_scaled(play, where):
    async def story(stage: Stage) -> None:
        await created(stage, **{where: 300})
        await asyncio.sleep(301.0)
        assert await signal(stage, "up")
        await stage.settled()
        await asyncio.sleep(200.0)
        assert await signal(stage, "up") == ""
        await asyncio.sleep(110.0)
        assert await signal(stage, "up")
        await stage.settled()
        assert len(members(stage)) == 5

    play(story)


def test_a_policy_that_cools_down_leaves_the_others_alone(play):
    async def story(stage: Stage) -> None:
        await created(stage, pause=300)
        await signal(stage, "up")
        await stage.settled()
        assert await signal(stage, "up") == "" and await signal(stage, "down")

    play(story)


def test_while_it_scales_other_signals_are_refused(play):
    async def story(stage: Stage) -> None:
        await created(stage)
        await signal(stage, "up")
        with pytest.raises(Invalid) as refused:
            await signal(stage, "up")
        assert refused.value.reason is Reason.BUSY
        await stage.settled()
        assert len(members(stage)) == 3

    play(story)


def test_an_update_of_something_else_keeps_the_size_and_the_members(play):
    async def story(stage: Stage) -> None:
        await created(stage, desired="desired_capacity: 2")
        await signal(stage, "up")
        await stage.settled()
        before = members(stage)
        await stage.world.user.update("web", template(desired="desired_capacity: 2", pause=5))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert members(stage) == before and len(before) == 4

    play(story)


def test_an_update_of_the_group_goes_back_to_the_number_it_wishes(play):
    async def story(stage: Stage) -> None:
        await created(stage, desired="desired_capacity: 2")
        await signal(stage, "up")
        await stage.settled()
        before = members(stage)
        await stage.world.user.update("web", template(desired="desired_capacity: 2", name="q"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert members(stage) == before[2:]
        names = {made.name for made in stage.world.cloud.truth() if made.kind == "network.port"}
        assert names == {"q"}

    play(story)


def test_a_member_that_failed_goes_first(play):
    async def story(stage: Stage) -> None:
        port = "type: OS::Neutron::Port, properties: {network: {get_resource: net}, name: p}"
        text = template().replace(port, "type: OS::Cinder::Volume, properties: {size: 1}")
        await stage.world.user.create("web", text)
        assert await stage.settled() == "CREATE_COMPLETE"
        first = members(stage)
        stage.world.cloud.regions["east"].faults.failing["volume.volume"] = 1
        await signal(stage, "up")
        assert await stage.settled() == "UPDATE_FAILED"
        [failed] = [r.path for r in stage.world.records() if r.state == "FAILED"]
        assert await signal(stage, "down")
        assert await stage.settled() == "UPDATE_COMPLETE"
        left = members(stage)
        assert set(first) < set(left) and failed not in left and len(left) == 2

    play(story)


def test_an_owner_that_dies_while_it_scales_is_followed_by_another(play):
    async def story(stage: Stage) -> None:
        await created(stage)
        await signal(stage, "up")
        await stage.until(lambda: len(members(stage)) > 1)
        await stage.owner("east").kill()
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(members(stage)) == 3

    play(story)


def test_a_size_may_follow_from_an_attribute(play):
    async def story(stage: Stage) -> None:
        text = template(desired="desired_capacity: {get_attr: [n, value]}")
        more = "resources:\n  n: {type: OS::Heat::Value, properties: {type: number, value: 3}}\n"
        await stage.world.user.create("web", text.replace("resources:\n", more, 1))
        assert await stage.settled() == "CREATE_COMPLETE"
        assert len(members(stage)) == 3

    play(story)
