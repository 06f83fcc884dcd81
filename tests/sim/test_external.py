"""`external_id`: a resource stands for a thing that is there already. It is looked at, used, left alone."""

from __future__ import annotations

from conftest import Stage

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
NET = HEAD + "  mine: {type: OS::Neutron::Net, properties: {name: one}}\n"
LOCAL = (
    HEAD
    + "  a: {type: OS::Heat::TestResource, external_id: some-id}\noutputs: {o: {value: {get_resource: a}}}\n"
)


def external(id: str, type: str = "OS::Neutron::Net", name: str = "x", rest: str = "") -> str:
    return f"{HEAD}  {name}: {{type: '{type}', external_id: '{id}'{rest}}}\n"


def using(id: str) -> str:
    return (
        external(id, rest=", properties: {name: other}")
        + "  s: {type: OS::Neutron::Subnet, properties: {network: {get_resource: x}, cidr: 10.0.0.0/24}}\n"
        + "outputs: {n: {value: {get_attr: [x, name]}}}\n"
    )


async def first(stage: Stage) -> str:
    """A net of another stack, as it was made; its id."""
    await stage.world.user.create("first", NET)
    await stage.settled_all()
    return stage.record("mine@east#1").id


def told(stage: Stage, path: str) -> list[str]:
    return [f"{event.action}_{event.status}" for event in stage.events() if event.path == path]


def changed(stage: Stage, id: str) -> list[str]:
    """The requests that would have changed it."""
    return [e.method for e in stage.world.cloud.journal if id in e.path and e.method != "GET"]


def test_it_is_adopted_and_looked_at_and_used_and_stays_when_the_stack_goes(play):
    async def story(stage: Stage) -> None:
        id = await first(stage)
        await stage.world.user.create("web", using(id))
        assert await stage.settled() == "CREATE_COMPLETE"
        record = stage.record("x@east#1")
        assert (record.id, record.external, record.token, record.state) == (id, True, "", "READY")
        assert told(stage, "x") == [
            "ADOPT_IN_PROGRESS",
            "ADOPT_COMPLETE",
            "CHECK_IN_PROGRESS",
            "CHECK_COMPLETE",
        ]
        assert stage.attribute("x@east#1", "name") == "one"
        await stage.world.user.delete("web")
        await stage.settled_all()
        assert stage.things("network.network") == [id]
        assert changed(stage, id) == []

    play(story)


def test_its_owner_dies_while_it_looks_and_another_one_goes_on(play):
    async def story(stage: Stage) -> None:
        id = await first(stage)
        await stage.world.user.create("web", using(id))
        await stage.until(lambda: "x@east#1" in stage.refs())
        await next(n for n in stage.world.nodes if n.name == _owner(stage, "web")).kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert told(stage, "x").count("ADOPT_COMPLETE") == 1
        assert changed(stage, id) == []

    play(story)


def _owner(stage: Stage, stack: str) -> str:
    header = stage.world.header(stack)
    assert header is not None
    claims = stage.world.cluster.scan("claims/east/", "", stage.world.cluster.revision)
    claim = next(claim for claim in claims if header.id in claim.key)
    return claim.value.decode().split('"replica":"')[1].split(".")[0]


def test_what_is_not_there_fails_and_is_found_once_it_is(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", external("00000000-0000-4000-8000-00000000abcd"))
        assert await stage.settled() == "CREATE_FAILED"
        assert told(stage, "x")[-1] == "CHECK_FAILED"
        assert "there is no OS::Neutron::Net" in stage.record("x@east#1").reason
        await stage.world.user.update("web", external("00000000-0000-4000-8000-00000000abcd"))
        assert await stage.settled() == "UPDATE_FAILED"

    play(story)


def test_an_update_leaves_it_alone_whatever_is_written_beside_it(play):
    async def story(stage: Stage) -> None:
        id = await first(stage)
        await stage.world.user.create("web", using(id))
        assert await stage.settled() == "CREATE_COMPLETE"
        before = told(stage, "x")
        await stage.world.user.update("web", using(id).replace("other", "another"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert told(stage, "x") == before and changed(stage, id) == []

    play(story)


def test_it_cannot_be_made_another_thing_nor_ours_nor_ours_external(play):
    async def story(stage: Stage) -> None:
        id = await first(stage)
        ours = HEAD + "  y: {type: OS::Neutron::Net}\n"
        await stage.world.user.create(
            "web", using(id).replace("outputs:", "  y: {type: OS::Neutron::Net}\noutputs:")
        )
        assert await stage.settled() == "CREATE_COMPLETE"
        own = stage.record("y@east#1").id
        wishes = [
            external(own) + ours.removeprefix(HEAD),
            HEAD + "  x: {type: OS::Neutron::Net}\n" + ours.removeprefix(HEAD),
            external(id) + external(id, name="y").removeprefix(HEAD),
        ]
        for wish in wishes:
            await stage.world.user.update("web", wish)
            assert await stage.settled() == "UPDATE_FAILED"
            header = stage.world.header("web")
            assert header is not None and "external_id of a resource cannot be changed" in header.reason
            assert stage.record("x@east#1").id == id and stage.record("y@east#1").id == own
        await stage.world.user.update("web", external(id).replace("  x:", "  z:"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"mine@east#1", "z@east#1"}
        assert changed(stage, id) == []

    play(story)


def test_another_type_takes_its_place_as_a_replacement(play):
    async def story(stage: Stage) -> None:
        id = await first(stage)
        await stage.world.user.create("web", external(id))
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.update("web", HEAD + "  x: {type: OS::Heat::Value, properties: {value: 1}}\n")
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.refs() == {"mine@east#1", "x@east#2"} and changed(stage, id) == []

    play(story)


def test_what_lives_in_the_records_alone_has_its_id_and_nothing_else(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", LOCAL)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.attribute("a@east#1", "") == "some-id"

    play(story)


def test_a_config_of_another_stack_is_found_by_its_id(play):
    config = HEAD + "  c: {type: OS::Heat::SoftwareConfig, properties: {config: echo}}\n"

    async def story(stage: Stage) -> None:
        await stage.world.user.create("first", config)
        await stage.settled_all()
        id = stage.record("c@east#1").id
        template = external(id, "OS::Heat::SoftwareConfig") + (
            "  d: {type: OS::Heat::DeployedServer}\n"
            "  e: {type: OS::Heat::SoftwareDeployment, properties: {server: {get_resource: d}, "
            "config: {get_resource: x}, signal_transport: NO_SIGNAL}}\n"
        )
        await stage.world.user.create("web", template)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.world.user.create("worse", external("no-config", "OS::Heat::SoftwareConfig", name="w"))
        await stage.settled_all()
        assert "there is no OS::Heat::SoftwareConfig" in stage.record("w@east#1").reason

    play(story)
