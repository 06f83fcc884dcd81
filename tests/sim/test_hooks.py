"""Hooks: a step waits until a person clears them, whoever dies meanwhile, and nothing is done before."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

from global_heat.model.errors import Invalid
from global_heat.model.records import HookRecord
from global_heat.store.codec import decode
from global_heat.store.reading import explain_waits, pending, read_stack

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
NET = HEAD + "  x: {type: OS::Neutron::Net, properties: {name: one}}\n"
SUBNET = "  s: {type: OS::Neutron::Subnet, properties: {network: {get_resource: x}, cidr: 10.0.0.0/24}}\n"
NETWORK = "network.network"


def hooked(*hooks: str, name: str = "x"):
    return {"resource_registry": {"resources": {name: {"hooks": list(hooks)}}}}


def told(stage: Stage, path: str = "x") -> list[str]:
    return [
        f"{e.action}_{e.status}" + (f" {e.reason}" if "Hook" in e.reason else "")
        for e in stage.events()
        if e.path == path
    ]


def paused(hook: str) -> str:
    return f"{hook.partition('-')[2].upper()} paused until Hook {hook} is cleared"


def waiting(stage: Stage) -> list[tuple[str, str]]:
    header = stage.world.header("web")
    assert header is not None
    found = stage.world.cluster.scan(
        f"stacks/{header.project}/{header.id}/hooks/", "", stage.world.cluster.revision
    )
    hooks = pending(header, [decode(HookRecord, entry.value) for entry in found])
    return [(each.path, each.hook) for each in hooks]


async def waits_at(stage: Stage, hook: str, path: str = "x") -> None:
    """Until it waits there, and for a while: nothing happens by itself."""
    await stage.until(lambda: waiting(stage) == [(path, hook)])
    before = told(stage, path)
    await asyncio.sleep(100.0)
    assert told(stage, path) == before and stage.state().endswith("IN_PROGRESS")
    header = stage.world.header("web")
    assert header is not None
    view = await read_stack(stage.world.user.store, header.project, header.id)
    assert [(each.path, each.hook) for each in view.pending] == [(path, hook)]
    waits = await explain_waits(stage.world.user.store, view)
    assert [wait.on for wait in waits] == [f"hook {hook} of {path} to be cleared"]


async def clear(stage: Stage, hook: str, path: str = "x") -> None:
    assert await stage.world.user.signal("web", path, {"unset_hook": hook}) == hook


def test_a_creation_waits_before_it_and_after_it(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET + SUBNET, environment=hooked("pre-create", "post-create"))
        await waits_at(stage, "pre-create")
        assert stage.refs() == set() and stage.things(NETWORK) == []
        await clear(stage, "pre-create")
        await waits_at(stage, "post-create")
        assert stage.refs() == {"x@east#1"} and len(stage.things(NETWORK)) == 1
        await clear(stage, "post-create")
        assert await stage.settled() == "CREATE_COMPLETE"
        assert told(stage) == [
            f"INIT_COMPLETE {paused('pre-create')}",
            "INIT_COMPLETE Hook pre-create is cleared",
            "CREATE_IN_PROGRESS",
            "CREATE_COMPLETE",
            f"CREATE_COMPLETE {paused('post-create')}",
            "CREATE_COMPLETE Hook post-create is cleared",
        ]

    play(story)


def test_an_update_waits_before_it_looks_and_after_it_has_changed_something(play):
    async def story(stage: Stage) -> None:
        rules = hooked("pre-update", "post-update", "pre-create", "post-create")
        await stage.world.user.create("web", NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", NET.replace("one", "two") + SUBNET, environment=rules)
        await waits_at(stage, "pre-update")
        assert stage.record("x@east#1").state == "READY" and "s@east#1" not in stage.refs()
        await clear(stage, "pre-update")
        await waits_at(stage, "post-update")
        assert "s@east#1" not in stage.refs()
        await clear(stage, "post-update")
        assert await stage.settled() == "UPDATE_COMPLETE"
        await stage.world.user.update("web", NET.replace("one", "two") + SUBNET, environment=rules)
        await waits_at(stage, "pre-update")
        await clear(stage, "pre-update")
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


def test_a_replacement_waits_once_and_what_an_update_adds_does_not_wait(play):
    async def story(stage: Stage) -> None:
        rules = hooked("pre-create", "post-create", "pre-update", "post-update", "pre-delete", name="*")
        await stage.world.user.create("web", NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        other = NET.replace("one}", "one, availability_zone_hints: [nova]}")
        await stage.world.user.update("web", other + SUBNET, environment=rules)
        await waits_at(stage, "pre-update")
        await clear(stage, "pre-update")
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"x@east#2", "s@east#1"}
        await stage.world.user.update("web", other + SUBNET)
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


def test_a_deletion_waits_before_it_and_after_it(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked("pre-delete", "post-delete"))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.delete("web")
        await waits_at(stage, "pre-delete")
        assert stage.record("x@east#1").state == "READY"
        await clear(stage, "pre-delete")
        await waits_at(stage, "post-delete")
        assert stage.things(NETWORK) == []
        await clear(stage, "post-delete")
        await stage.settled_all()
        assert told(stage)[-3:] == [
            f"DELETE_COMPLETE {paused('post-delete')}",
            "DELETE_COMPLETE Hook post-delete is cleared",
            "DELETE_COMPLETE",
        ]

    play(story)


@pytest.mark.parametrize("type", ["OS::Heat::RandomString", "OS::Heat::WaitConditionHandle"])
def test_what_lives_in_the_records_alone_waits_too(play, type):
    async def story(stage: Stage) -> None:
        template = f"{HEAD}  x: {{type: '{type}'}}\n"
        hooks = ("pre-create", "post-create", "pre-delete", "post-delete")
        await stage.world.user.create("web", template, environment=hooked(*hooks))
        for hook in hooks[:2]:
            await waits_at(stage, hook)
            await clear(stage, hook)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.delete("web")
        for hook in hooks[2:]:
            await waits_at(stage, hook)
            await clear(stage, hook)

    play(story)


@pytest.mark.parametrize("hook", ["pre-create", "post-create"])
def test_who_waits_may_die_and_so_may_who_hears_that_it_was_cleared(play, hook):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked(hook))
        await waits_at(stage, hook)
        await stage.owner("east").kill()
        await waits_at(stage, hook)
        await stage.owner("east").kill()
        await clear(stage, hook)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert sum(paused(hook) in line for line in told(stage)) == 1
        assert sum(line.endswith(f"E Hook {hook} is cleared") for line in told(stage)) == 1
        assert stage.made(NETWORK) == 1

    play(story)


def test_a_relation_that_is_gone_is_not_deleted_again_after_the_wait(play):
    router = (
        HEAD
        + "  net: {type: OS::Neutron::Net}\n"
        + (
            "  s: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}}"
            "\n  r: {type: OS::Neutron::Router}\n"
            "  x: {type: OS::Neutron::RouterInterface,"
            " properties: {router: {get_resource: r}, subnet: {get_resource: s}}}\n"
        )
    )

    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", router, environment=hooked("post-delete"))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.delete("web")
        await waits_at(stage, "post-delete")
        await stage.owner("east").kill()
        await clear(stage, "post-delete")
        await stage.settled_all()
        sent = [e for e in stage.world.cloud.journal if "remove_router_interface" in e.path]
        assert len(sent) == 1

    play(story)


def test_what_nobody_waits_at_cannot_be_cleared(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked("pre-create"))
        await waits_at(stage, "pre-create")
        for path, hook, why in (
            ("x", "post-create", "nobody waits"),
            ("y", "pre-create", "nobody waits"),
            ("x", "on-create", "no hook"),
        ):
            with pytest.raises(Invalid, match=why):
                await clear(stage, hook, path)
        await clear(stage, "pre-create")
        assert await stage.settled() == "CREATE_COMPLETE"
        with pytest.raises(Invalid, match="nobody waits"):
            await clear(stage, "pre-create")

    play(story)


def test_a_stack_that_is_cancelled_waits_no_more_and_the_next_wish_waits_anew(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked("post-create"))
        await waits_at(stage, "post-create")
        await stage.world.user.cancel("web", rollback=False)
        assert await stage.settled() == "CREATE_FAILED"
        with pytest.raises(Invalid, match="nobody waits"):
            await clear(stage, "post-create")
        await stage.world.user.update("web", NET, environment=hooked("pre-update"))
        await waits_at(stage, "pre-update")
        await clear(stage, "pre-update")
        assert await stage.settled() == "UPDATE_COMPLETE"

    play(story)


def test_a_new_wish_takes_the_place_of_one_that_waits(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked("pre-create"))
        await waits_at(stage, "pre-create")
        await stage.world.user.delete("web")
        await stage.settled_all()
        assert stage.made(NETWORK) == 0

    play(story)


def test_a_rollback_waits_before_what_it_changes(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", NET, environment=hooked("pre-update"))
        assert await stage.settled() == "CREATE_COMPLETE"
        bad = NET.replace("one", "two") + (
            "  z: {type: OS::Heat::TestResource, depends_on: x, properties: {fail: true}}\n"
        )
        await stage.world.user.update("web", bad, rollback=True)
        await waits_at(stage, "pre-update")
        assert stage.state() == "ROLLBACK_IN_PROGRESS"
        await clear(stage, "pre-update")
        assert await stage.settled() == "ROLLBACK_COMPLETE"

    play(story)
