"""Waits of what lives in the records alone: they end when they should, whoever owns the shard meanwhile."""

from __future__ import annotations

import asyncio
import json

from conftest import Stage

from global_heat.regions.transport import Request

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
DELAY = HEAD + "  d: {type: OS::Heat::Delay, properties: {min_wait: 100}}\n"
AFTER = "  a: {type: OS::Heat::Value, depends_on: [d], properties: {value: x}}\n"


async def create(stage: Stage, template: str) -> None:
    await stage.world.user.create("web", template)


async def seconds(stage: Stage, state: str) -> float:
    """How long it takes until the stack is in this state."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await stage.settled() == state
    return loop.time() - begun


def history(stage: Stage, path: str) -> list[str]:
    return [f"{e.action}_{e.status}" for e in stage.events() if e.path == path]


def test_a_delay_holds_up_what_comes_after_it(play):
    async def story(stage: Stage) -> None:
        await create(stage, DELAY + AFTER)
        await stage.until(lambda: "d@east#1" in stage.refs())
        assert stage.record("d@east#1").state == "CREATED" and "a@east#1" not in stage.refs()
        assert 100 <= await seconds(stage, "CREATE_COMPLETE") <= 110
        assert history(stage, "d") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]

    play(story)


def test_a_wait_goes_on_after_its_owner_was_killed_and_does_not_begin_again(play):
    async def story(stage: Stage) -> None:
        await create(stage, DELAY)
        await stage.until(lambda: "d@east#1" in stage.refs())
        await asyncio.sleep(80.0)
        await stage.owner("east").kill()
        assert 10 <= await seconds(stage, "CREATE_COMPLETE") <= 40
        assert history(stage, "d") == ["CREATE_IN_PROGRESS", "CREATE_COMPLETE"]

    play(story)


def test_a_wait_holds_up_a_deletion_and_goes_on_after_a_kill(play):
    async def story(stage: Stage) -> None:
        await create(stage, DELAY.replace("min_wait: 100", "min_wait: 60, actions: [DELETE]"))
        assert await seconds(stage, "CREATE_COMPLETE") <= 5
        await stage.world.user.delete("web")
        await stage.until(lambda: stage.record("d@east#1").state == "LEAVING")
        await asyncio.sleep(50.0)
        await stage.owner("east").kill()
        assert 5 <= await seconds(stage, "DELETE_COMPLETE") <= 30
        assert history(stage, "d")[2:] == ["DELETE_IN_PROGRESS", "DELETE_COMPLETE"]

    play(story)


def test_a_wait_that_runs_when_another_step_fails_still_ends(play):
    async def story(stage: Stage) -> None:
        await create(stage, DELAY + AFTER + "  f: {type: OS::Heat::TestResource, properties: {fail: true}}\n")
        assert 100 <= await seconds(stage, "CREATE_FAILED") <= 110
        assert stage.record("d@east#1").state == "READY" and "a@east#1" not in stage.refs()
        failed = stage.record("f@east#1")
        assert failed.id == "" and failed.reason == "Test Resource failed f"
        assert history(stage, "f") == ["CREATE_IN_PROGRESS", "CREATE_FAILED"]

    play(story)


def test_a_wait_that_never_ends_is_given_up_when_the_stack_is_cancelled_and_made_anew(play):
    endless = HEAD + "  d: {type: OS::Heat::TestResource, properties: {action_wait_secs: {create: -1}}}\n"

    async def story(stage: Stage) -> None:
        await create(stage, endless)
        await stage.until(lambda: "d@east#1" in stage.refs())
        await asyncio.sleep(5000.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        await stage.world.user.cancel("web", rollback=False)
        assert 240 <= await seconds(stage, "CREATE_FAILED") <= 250
        assert "the stack stops" in stage.record("d@east#1").reason
        await stage.world.user.update("web", endless.replace("-1", "0"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"d@east#2"}

    play(story)


def test_a_new_wish_begins_the_wait_again_with_what_it_says(play):
    async def story(stage: Stage) -> None:
        await create(stage, DELAY)
        await stage.until(lambda: "d@east#1" in stage.refs())
        await asyncio.sleep(90.0)
        await stage.world.user.update("web", DELAY.replace("100", "50"))
        assert 50 <= await seconds(stage, "UPDATE_COMPLETE") <= 60
        assert stage.refs() == {"d@east#1"}

    play(story)


def test_an_update_that_fails_keeps_id_and_value(play):
    test = HEAD + "  a: {type: OS::Heat::TestResource, properties: {value: one}}\n"

    async def story(stage: Stage) -> None:
        await create(stage, test)
        assert await stage.settled() == "CREATE_COMPLETE"
        id = stage.record("a@east#1").id
        await stage.world.user.update("web", test.replace("one", "two, fail: true, wait_secs: 9"))
        assert 9 <= await seconds(stage, "UPDATE_FAILED") <= 15
        assert stage.record("a@east#1").id == id and stage.record("a@east#1").state == "FAILED"
        assert history(stage, "a")[2:] == ["UPDATE_IN_PROGRESS", "UPDATE_FAILED"]

    play(story)


def test_a_config_is_found_by_its_id_from_another_stack_until_it_is_gone(play):
    config = HEAD + "  c: {type: OS::Heat::SoftwareConfig, properties: {config: echo}}\n"

    async def story(stage: Stage) -> None:
        await create(stage, config)
        assert await stage.settled() == "CREATE_COMPLETE"
        id = stage.record("c@east#1").id
        parts = f"  m: {{type: OS::Heat::MultipartMime, properties: {{parts: [{{config: {id}}}]}}}}\n"
        output = "outputs: {text: {value: {get_attr: [m, config]}}}\n"
        await stage.world.user.create("other", HEAD + parts + output)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert "\n\necho\n" in stage.attribute("m@east#1", "config", "other")
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert len(stage.world.cluster.scan("configs/", "", stage.world.cluster.revision)) == 1

    play(story)


def test_a_server_boots_with_the_text_of_the_config_that_it_names(play):
    template = HEAD + (
        "  c: {type: OS::Heat::SoftwareConfig, properties: {config: '#!/bin/sh'}}\n"
        "  n: {type: OS::Neutron::Net}\n"
        "  u: {type: OS::Neutron::Subnet, properties: {network: {get_resource: n}, cidr: 10.0.0.0/24}}\n"
        "  p: {type: OS::Neutron::Port, properties: {network: {get_resource: n}}}\n"
        "  s: {type: OS::Nova::Server, properties: {flavor: m1.tiny, image: cirros, user_data_format: RAW,"
        " networks: [{port: {get_resource: p}}], user_data: {get_resource: c}}}\n"
    )

    async def story(stage: Stage) -> None:
        sent: list[bytes] = []
        faults = stage.world.cloud.regions["east"].faults

        def look(request: Request) -> None:
            if request.method == "POST" and request.url.endswith("/servers"):
                sent.append(request.body or b"")

        faults.decide = look
        await create(stage, template)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert [json.loads(body)["server"]["user_data"] for body in sent] == ["IyEvYmluL3No"]

    play(story)
