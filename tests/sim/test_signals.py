"""Signals: any replica takes them, nobody forgets them, and who waits for them may die at any time."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

from global_heat.model.errors import Invalid

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
HANDLE = "  h: {type: OS::Heat::WaitConditionHandle}\n"
WAIT = (
    "  w: {type: OS::Heat::WaitCondition, depends_on: [h],"
    " properties: {handle: {get_resource: h}, timeout: 300, count: 2}}\n"
)
DATA = "outputs: {d: {value: {get_attr: [w, data]}}}\n"
ONE_OF_TWO = HEAD + HANDLE + WAIT + DATA
RENEWED = (HEAD + HANDLE + WAIT).replace("WaitConditionHandle", "UpdateWaitConditionHandle")


async def waiting(stage: Stage, template: str = ONE_OF_TWO, region: str = "east") -> None:
    """A stack whose condition waits."""
    await stage.world.user.create("web", template)
    await stage.until(lambda: f"w@{region}#1" in stage.refs())


async def seconds(stage: Stage, state: str) -> float:
    loop = asyncio.get_running_loop()
    begun = loop.time()
    assert await stage.settled() == state
    return loop.time() - begun


def signals(stage: Stage) -> int:
    return len(stage.world.cluster.scan("signals/", "", stage.world.cluster.revision))


def said(id: str, status: str = "SUCCESS") -> dict[str, str]:
    return {"UniqueId": id, "Status": status, "Reason": f"because of {id}", "Data": id}


def test_a_condition_is_met_when_it_was_told_often_enough(play):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        assert await stage.world.user.signal("web", "h", {"data": "one"}) == "1"
        assert await stage.world.user.signal("web", "h", {"id": "1", "data": "again"}) == "1"
        await asyncio.sleep(20.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        assert await stage.world.user.signal("web", "h") == "2"
        assert await seconds(stage, "CREATE_COMPLETE") <= 1
        assert stage.attribute("w@east#1", "data") == '{"1": "again", "2": null}'
        assert stage.record("w@east#1").id == ""

    play(story)


def test_what_was_said_before_the_wait_began_is_heard(play):
    pause = "  p: {type: OS::Heat::Delay, depends_on: [h], properties: {min_wait: 50}}\n"

    async def story(stage: Stage) -> None:
        template = HEAD + HANDLE + pause + WAIT.replace("[h]", "[p]")
        await stage.world.user.create("web", template)
        await stage.until(lambda: "h@east#1" in stage.refs())
        await stage.world.user.signal("web", "h")
        await stage.world.user.signal("web", "h")
        assert "w@east#1" not in stage.refs()
        assert 40 <= await seconds(stage, "CREATE_COMPLETE") <= 60

    play(story)


def test_what_was_said_while_nobody_owned_the_shard_is_heard_by_the_next_owner(play):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        await stage.owner("east").kill()
        await stage.world.user.signal("web", "h")
        await stage.world.user.signal("web", "h")
        assert stage.state() == "CREATE_IN_PROGRESS"
        assert await seconds(stage, "CREATE_COMPLETE") <= 20

    play(story)


def test_a_condition_that_is_not_met_in_time_fails_though_its_owners_died(play):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        await stage.world.user.signal("web", "h", {"reason": "half"})
        for _ in range(2):
            await asyncio.sleep(100.0)
            owner = stage.owner("east")
            await owner.kill()
            await asyncio.sleep(20.0)
            owner.start()
        assert 50 <= await seconds(stage, "CREATE_FAILED") <= 61
        assert stage.record("w@east#1").reason == "1 of 2 received - half"

    play(story)


def test_a_failure_that_is_told_fails_the_condition_at_once(play):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        await stage.world.user.signal("web", "h", {"status": "FAILURE", "reason": "no disk"})
        assert await seconds(stage, "CREATE_FAILED") <= 1
        assert stage.record("w@east#1").reason == "no disk"

    play(story)


@pytest.mark.parametrize("said", ["text", {"status": "BAD"}, {"word": 1}, {"id": ""}, {"data": "x" * 70_000}])
def test_what_makes_no_sense_is_refused_and_changes_nothing(play, said):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        with pytest.raises(Invalid):
            await stage.world.user.signal("web", "h", said)
        with pytest.raises(Invalid, match="takes no signals"):
            await stage.world.user.signal("web", "w", {})
        with pytest.raises(Invalid, match="no resource"):
            await stage.world.user.signal("web", "nobody", {})
        assert signals(stage) == 0
        await stage.world.user.cancel("web", rollback=False)
        await stage.settled()

    play(story)


def test_no_time_passes_while_the_region_is_down(play):
    net = "  n: {type: OS::Neutron::Net}\n"

    async def story(stage: Stage) -> None:
        east = stage.world.cloud.regions["east"].faults
        await waiting(stage, HEAD + HANDLE + WAIT + net)
        await asyncio.sleep(100.0)
        east.unreachable = True
        await asyncio.sleep(1000.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        await stage.owner("east").kill()
        await asyncio.sleep(1000.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        east.unreachable = False
        assert 120 <= await seconds(stage, "CREATE_FAILED") <= 260
        assert stage.record("w@east#1").reason == "0 of 2 received"

    play(story)


def test_a_handle_that_nobody_signals_is_taken_for_told(play):
    async def story(stage: Stage) -> None:
        silent = HANDLE.replace("}", ", properties: {signal_transport: NO_SIGNAL}}")
        await stage.world.user.create("web", HEAD + silent + WAIT + DATA)
        assert await seconds(stage, "CREATE_COMPLETE") <= 5
        assert stage.attribute("w@east#1", "data") == '{"1": null, "2": null}'

    play(story)


def test_the_handle_may_be_in_another_region(play):
    async def story(stage: Stage) -> None:
        await waiting(stage, HEAD + HANDLE.replace("}", ", region: west}") + WAIT)
        await stage.world.user.signal("web", "h")
        await stage.world.user.signal("web", "h")
        assert await seconds(stage, "CREATE_COMPLETE") <= 1

    play(story)


def test_each_update_asks_for_signals_anew(play):
    async def story(stage: Stage) -> None:
        await waiting(stage, RENEWED)
        first = stage.record("h@east#1").id
        await stage.world.user.signal("web", "h", said("a"))
        await stage.world.user.signal("web", "h", said("b"))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", RENEWED)
        await stage.until(lambda: "w@east#2" in stage.refs())
        with pytest.raises(Invalid, match="no resource"):
            await stage.world.user.signal("web", "h", said("c"), "nobody's")
        await stage.world.user.signal("web", "h", said("c"), first)
        await asyncio.sleep(30.0)
        assert stage.state() == "UPDATE_IN_PROGRESS"
        await stage.world.user.signal("web", "h", said("c"))
        await stage.world.user.signal("web", "h", said("d"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"h@east#2", "w@east#2"}
        assert signals(stage) == 2

    play(story)


def test_another_count_waits_in_place_and_counts_what_was_heard(play):
    async def story(stage: Stage) -> None:
        await waiting(stage)
        await stage.world.user.signal("web", "h")
        await stage.world.user.signal("web", "h")
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", ONE_OF_TWO.replace("count: 2", "count: 3"))
        await stage.until(lambda: stage.record("w@east#1").state == "UPDATING")
        await stage.world.user.signal("web", "h")
        assert await seconds(stage, "UPDATE_COMPLETE") <= 1
        assert stage.refs() == {"h@east#1", "w@east#1"}
        assert stage.attribute("w@east#1", "data") == '{"1": null, "2": null, "3": null}'

    play(story)


def test_a_condition_for_what_is_no_handle_fails(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create(
            "web", HEAD + WAIT.replace("{get_resource: h}", "nobody").replace("[h]", "[]")
        )
        assert await stage.settled() == "CREATE_FAILED"
        assert "no handle" in stage.record("w@east#1").reason

    play(story)


def test_many_signals_go_with_their_handle(play):
    async def story(stage: Stage) -> None:
        await waiting(stage, ONE_OF_TWO.replace("count: 2", "count: 250"))
        for _ in range(250):
            await stage.world.user.signal("web", "h")
        assert await stage.settled() == "CREATE_COMPLETE"
        assert signals(stage) == 250
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert signals(stage) == 0

    play(story)


CONFIG = "  c: {type: OS::Heat::SoftwareConfig, properties: {config: echo, inputs: [%s]}}\n"
SERVER = "  s: {type: OS::Heat::DeployedServer}\n"
DEPLOYMENT = (
    "  d: {type: OS::Heat::SoftwareDeployment, properties: {config: {get_resource: c},"
    " server: {get_resource: s}, actions: [CREATE, UPDATE, DELETE], input_values: {n: 1}}}\n"
)
DEPLOYED = (
    HEAD + CONFIG % "" + SERVER + DEPLOYMENT + "outputs: {o: {value: {get_attr: [d, deploy_stdout]}}}\n"
)


async def deploying(stage: Stage, ref: str, state: str) -> None:
    await stage.until(lambda: ref in stage.refs() and stage.record(ref).state == state)


def test_a_deployment_is_done_when_its_server_says_so_each_time(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", DEPLOYED)
        await deploying(stage, "d@east#1", "CREATED")
        await asyncio.sleep(30.0)
        await stage.owner("east").kill()
        await stage.world.user.signal("web", "d", {"deploy_stdout": "made", "deploy_status_code": 0})
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.attribute("d@east#1", "deploy_stdout") == "made"
        await stage.world.user.signal("web", "d", {"deploy_stdout": "too late"})
        await stage.world.user.update("web", DEPLOYED.replace("n: 1", "n: 2"))
        await deploying(stage, "d@east#1", "UPDATING")
        await asyncio.sleep(30.0)
        assert stage.state() == "UPDATE_IN_PROGRESS"
        await stage.world.user.signal("web", "d", {"deploy_stdout": "changed"})
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.attribute("d@east#1", "deploy_stdout") == "changed"
        await stage.world.user.delete("web")
        await deploying(stage, "d@east#1", "LEAVING")
        await stage.owner("east").kill()
        await asyncio.sleep(30.0)
        assert stage.state() == "DELETE_IN_PROGRESS"
        await stage.world.user.signal("web", "d", {})
        assert await stage.settled() == "DELETE_COMPLETE"
        assert signals(stage) == 0

    play(story)


def test_a_deployment_that_failed_is_made_anew(play):
    once = DEPLOYED.replace("CREATE, UPDATE, DELETE", "CREATE")

    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", once)
        await deploying(stage, "d@east#1", "CREATED")
        await stage.world.user.signal("web", "d", {"deploy_status_code": 3})
        assert await stage.settled() == "CREATE_FAILED"
        assert "non-zero status code: 3" in stage.record("d@east#1").reason
        await stage.world.user.update("web", once)
        await deploying(stage, "d@east#2", "CREATED")
        await stage.world.user.signal("web", "d", {})
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert {"d@east#2", "c@east#1", "s@east#1"} == stage.refs()

    play(story)


def test_an_input_may_ask_for_another_deployment(play):
    n = "{name: n, replace_on_change: true}"
    template = DEPLOYED.replace("inputs: []", f"inputs: [{n}]").replace("CREATE, UPDATE, DELETE", "CREATE")

    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", template)
        await deploying(stage, "d@east#1", "CREATED")
        await stage.world.user.signal("web", "d", {})
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", template.replace("n: 1", "n: 2"))
        await deploying(stage, "d@east#2", "CREATED")
        await stage.owner("east").kill()
        await stage.world.user.signal("web", "d", {})
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert {"d@east#2", "c@east#1", "s@east#1"} == stage.refs()

    play(story)


def test_a_group_deploys_to_each_of_its_servers(play):
    group = (
        "  g: {type: OS::Heat::SoftwareDeploymentGroup, properties: {config: {get_resource: c}, servers:"
        " {one: {get_resource: s}, two: another}, input_values: {n: 1}}}\n"
    )
    outputs = (
        "outputs: {o: {value: {get_attr: [g, deploy_stdouts]}},"
        " t: {value: {get_attr: [g, deploy_stdouts, two]}}, r: {value: {get_attr: [g, result]}}}\n"
    )
    template = HEAD + CONFIG % "" + SERVER + group + outputs

    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", template)
        for name in ("one", "two"):
            await deploying(stage, f"g/{name}@east#1", "CREATED")
        await stage.world.user.signal("web", "g/one", {"deploy_stdout": "1"})
        await asyncio.sleep(30.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        await stage.world.user.signal("web", "g/two", {"deploy_stdout": "2"})
        assert await stage.settled() == "CREATE_COMPLETE"
        assert {stage.attribute(f"g/{n}@east#1", "deploy_stdout") for n in ("one", "two")} == {"1", "2"}
        await stage.world.user.update("web", template.replace("two: another", "three: another"))
        await deploying(stage, "g/three@east#1", "CREATED")
        await stage.world.user.signal("web", "g/three", {})
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"c@east#1", "s@east#1", "g/one@east#1", "g/three@east#1"}

    play(story)
