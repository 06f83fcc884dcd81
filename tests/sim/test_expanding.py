"""Groups whose members follow from an attribute: found when it is there, whoever owns the shards."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

from global_heat.model.errors import Invalid

SIZED = """heat_template_version: 2018-08-31
resources:
  size: {type: OS::Heat::Value, region: %(size_in)s, properties: {type: number, value: %(size)s}}
  g:
    type: OS::Heat::ResourceGroup
    region: east
    properties:
      count: {get_attr: [size, value]}
      resource_def: {type: OS::Heat::RandomString, properties: {length: %(length)s}}
  last: {type: OS::Heat::Value, region: west, properties: {value: {get_attr: [g, refs]}}}
outputs:
  all: {value: {get_attr: [last, value]}}
"""


def sized(size: object, length: int = 8, size_in: str = "east") -> str:
    return SIZED % {"size": size, "length": length, "size_in": size_in}


def members(stage: Stage) -> set[str]:
    return {record.path for record in stage.world.records() if record.path.startswith("g/")}


def plans(stage: Stage) -> int:
    header = stage.world.header("web")
    assert header is not None
    return header.plan


@pytest.mark.parametrize("size_in", ["east", "north"])
def test_a_group_has_the_members_that_an_attribute_counts(play, size_in):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2, size_in=size_in))
        assert await stage.settled() == "CREATE_COMPLETE"
        assert members(stage) == {"g/0", "g/1"}
        assert len(stage.attribute("last@west#1", "value")) == 2
        assert plans(stage) == 2

    play(story)


def test_no_members_is_a_number_too(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(0))
        assert await stage.settled() == "CREATE_COMPLETE"
        assert members(stage) == set() and stage.attribute("last@west#1", "value") == []

    play(story)


def test_an_update_grows_and_shrinks_it_and_keeps_who_stays(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2))
        await stage.settled()
        before = {record.ref: record.id for record in stage.world.records()}
        await stage.world.user.update("web", sized(3))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert members(stage) == {"g/0", "g/1", "g/2"}
        now = {record.ref: record.id for record in stage.world.records()}
        assert {ref: now[ref] for ref in ("g/0@east#1", "g/1@east#1")}.items() <= before.items()
        await stage.world.user.update("web", sized(1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert members(stage) == {"g/0"} and len(stage.attribute("last@west#1", "value")) == 1

    play(story)


def test_what_leaves_the_number_as_it_is_takes_no_second_plan(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2))
        await stage.settled()
        before = plans(stage)
        await stage.world.user.update("web", sized(2, length=9))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert plans(stage) == before + 1
        assert {ref for ref in stage.refs() if ref.startswith("g/")} == {"g/0@east#2", "g/1@east#2"}

    play(story)


def test_a_failed_update_goes_back_to_the_members_of_before(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2))
        await stage.settled()
        broken = sized(4) + "\n"
        broken = broken.replace("resources:\n", "resources:\n  bad: " + BAD, 1)
        await stage.world.user.update("web", broken, rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        assert members(stage) == {"g/0", "g/1"}

    play(story)


BAD = "{type: OS::Heat::TestResource, depends_on: [g], properties: {fail: true, value: x}}\n"


def test_a_number_that_is_none_fails_the_stack_with_its_place(play):
    async def story(stage: Stage) -> None:
        template = sized("'x'").replace("type: number, ", "")
        await stage.world.user.create("web", template)
        assert await stage.settled() == "CREATE_FAILED"
        header = stage.world.header("web")
        assert header is not None and "resources.g.properties.count" in header.reason

    play(story)


def test_what_the_members_would_be_is_looked_at_at_once(play):
    async def story(stage: Stage) -> None:
        with pytest.raises(Invalid, match="fault") as refused:
            await stage.world.user.create("web", sized(2, length="many"))
        assert "length" in str(refused.value.faults)
        assert stage.world.headers() == []

    play(story)


def test_a_group_in_a_group_is_found_in_its_turn(play):
    template = """heat_template_version: 2018-08-31
resources:
  n: {type: OS::Heat::Value, properties: {type: number, value: 2}}
  outer:
    type: OS::Heat::ResourceGroup
    properties:
      count: {get_attr: [n, value]}
      resource_def: {type: inner.yaml}
"""
    inner = """heat_template_version: 2018-08-31
resources:
  m: {type: OS::Heat::Value, properties: {type: number, value: 3}}
  g:
    type: OS::Heat::ResourceGroup
    properties: {count: {get_attr: [m, value]}, resource_def: {type: OS::Heat::None}}
"""

    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", template, files={"inner.yaml": inner})
        assert await stage.settled() == "CREATE_COMPLETE"
        found = {record.path for record in stage.world.records() if "/g/" in record.path}
        assert found == {f"outer/{a}/g/{b}" for a in range(2) for b in range(3)}
        assert plans(stage) == 3, "all groups that can be looked at are planned at once"

    play(story)


@pytest.mark.parametrize("region", ["east", "north"])
def test_an_owner_that_dies_while_it_plans_again_is_followed_by_another(play, region):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2, size_in="north"))
        await stage.until(lambda: "size@north#1" in stage.refs())
        await stage.until(lambda: stage.claimed(region))
        await stage.owner(region).kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert members(stage) == {"g/0", "g/1"}

    play(story)


def test_a_wish_that_comes_in_between_wins(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2))
        await stage.until(lambda: plans(stage) == 2)
        await stage.world.user.update("web", sized(5))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(members(stage)) == 5
        await asyncio.sleep(60.0)
        assert len(members(stage)) == 5

    play(story)


def test_a_group_whose_number_becomes_plain_is_one_like_any_other(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(2))
        await stage.settled()
        assert "g@east#1" in stage.refs()
        await stage.world.user.update("web", sized(2).replace("{get_attr: [size, value]}", "2"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert members(stage) == {"g/0", "g/1"} and "g@east#1" not in stage.refs()

    play(story)


def test_a_deletion_leaves_nothing_of_it(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", sized(3))
        await stage.until(lambda: plans(stage) == 2)
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert stage.refs() == set()

    play(story)
