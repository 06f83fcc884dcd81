"""What the environment restricts is not done: the update fails there, and the resource stays as it was."""

from __future__ import annotations

import pytest
from conftest import Stage

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
NET = HEAD + "  a: {type: OS::Neutron::Net, properties: {name: one}}\n"
RENAMED = NET.replace("one", "two")
REPLACED = NET.replace("one}", "one, availability_zone_hints: [nova]}")
OTHER = NET.replace("OS::Neutron::Net, properties: {name: one}", "OS::Heat::Value, properties: {value: 1}")
GROUP = (
    HEAD + "  g:\n    type: OS::Heat::ResourceGroup\n"
    "    properties: {count: 2, resource_def: {type: OS::Neutron::Net, properties: {name: one}}}\n"
)


def restricting(name: str, *actions: str):
    return {"resource_registry": {"resources": {name: {"restricted_actions": list(actions)}}}}


def failures(stage: Stage) -> list[tuple[str, str, str]]:
    return [(e.path, e.action, e.reason) for e in stage.events() if e.status == "FAILED"]


@pytest.mark.parametrize(
    ("wish", "action", "asking"),
    [
        (RENAMED, "update", "name"),
        (REPLACED, "replace", "availability_zone_hints"),
        (OTHER, "replace", ""),
        (NET.replace("Net,", "Net, region: west,"), "replace", ""),
    ],
)
def test_what_is_restricted_fails_and_changes_nothing(play, wish, action, asking):
    async def story(stage: Stage) -> None:
        rules = restricting("a*", action)
        await stage.world.user.create("web", NET, environment=rules)
        assert await stage.settled() == "CREATE_COMPLETE"
        before, id = len(stage.world.cloud.journal), stage.record("a@east#1").id
        await stage.world.user.update("web", wish, environment=rules)
        assert await stage.settled() == "UPDATE_FAILED"
        told = f"{action} is restricted by the environment (restricted_actions)"
        assert failures(stage) == [("a", "UPDATE", told + (f"; asked for by {asking}" if asking else ""))]
        header = stage.world.header("web")
        assert header is not None and header.reason.startswith(f"a: {action} is restricted")
        assert stage.refs() == {"a@east#1"} and stage.record("a@east#1").id == id
        assert stage.record("a@east#1").state == "READY"
        changes = [e for e in list(stage.world.cloud.journal)[before:] if e.method in ("PUT", "POST")]
        assert [e.path for e in changes if "/identity" not in e.path] == []
        await stage.world.user.update("web", wish)
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


@pytest.mark.parametrize(("wish", "other"), [(RENAMED, "replace"), (REPLACED, "update")])
def test_the_other_action_is_free(play, wish, other):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", wish, environment=restricting("a", other))
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


@pytest.mark.parametrize(
    "wish", [GROUP.replace("2,", "3,"), GROUP.replace("2,", "1,"), GROUP.replace("one", "two")]
)
def test_a_group_that_may_not_be_updated_keeps_its_members_as_they_are(play, wish):
    async def story(stage: Stage) -> None:
        rules = restricting("g", "update")
        await stage.world.user.create("web", GROUP, environment=rules)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", wish, environment=rules)
        assert await stage.settled() == "UPDATE_FAILED"
        assert stage.refs() == {"g/0@east#1", "g/1@east#1"}
        await stage.world.user.update("web", GROUP, environment=rules)
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


def test_who_dies_after_the_refusal_is_followed_by_one_who_refuses_too(play):
    async def story(stage: Stage) -> None:
        rules = restricting("a", "update")
        slow = NET + "  b: {type: OS::Heat::Delay, properties: {min_wait: 30}}\n"
        await stage.world.user.create("web", NET, environment=rules)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", slow.replace("one", "two"), environment=rules)
        await stage.until(lambda: bool(failures(stage)))
        await stage.owner("east").kill()
        assert await stage.settled() == "UPDATE_FAILED"
        assert stage.record("a@east#1").state == "READY"
        assert [made.name for made in stage.world.cloud.truth() if made.kind == "network.network"] == ["one"]

    play(story)


def test_a_rollback_goes_by_the_environment_that_it_goes_back_to(play):
    async def story(stage: Stage) -> None:
        bad = RENAMED + "  c: {type: OS::Heat::TestResource, depends_on: a, properties: {fail: true}}\n"
        await stage.world.user.create("web", NET, environment=restricting("a", "update"))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", bad, rollback=True)
        assert await stage.settled() == "ROLLBACK_FAILED"
        assert (
            "a",
            "UPDATE",
            "update is restricted by the environment (restricted_actions); asked for by name",
        ) in (failures(stage))

    play(story)


def test_a_creation_that_is_planned_again_on_the_way_is_no_update(play):
    slow = (
        "  r: {type: OS::Heat::TestResource, properties: {value: '2', wait_secs: 5}}\n"
        "  g:\n    type: OS::Heat::ResourceGroup\n"
        "    properties: {count: {get_attr: [r, output]}, resource_def: {type: OS::Heat::None}}\n"
        "  h: {type: inner.yaml}\n"
    )
    inner = HEAD + (
        "  one: {type: OS::Neutron::Net}\n"
        "  two: {type: OS::Heat::TestResource, properties: {wait_secs: 20}}\n"
        "  three: {type: OS::Neutron::Net, depends_on: [one, two]}\n"
    )

    async def story(stage: Stage) -> None:
        await stage.world.user.create(
            "web", HEAD + slow, False, {"inner.yaml": inner}, restricting("h", "update")
        )
        assert await stage.settled() == "CREATE_COMPLETE"
        header = stage.world.header("web")
        assert header is not None and header.plan == 2

    play(story)
