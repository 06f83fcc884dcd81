"""Stacks over the wire: wishes in, records out."""

from __future__ import annotations

import asyncio

import msgspec
import yaml

from global_heat.api.auth import Tokens
from global_heat.client import ApiError
from global_heat.model.errors import Fault
from global_heat.proto.v1 import operation_pb2, plan_pb2, stack_pb2, stack_service_pb2
from global_heat.proto.v1.stack_service_pb2_grpc import StackServiceStub
from tests.unit.api.world import EAST, ONE_NET, TWO_REGIONS, WEST, World, refused, spec, stack


async def test_a_created_stack_can_be_read_and_listed(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec(label="blue"))
    assert not operation.done
    assert operation.metadata.verb == "create"
    assert operation.metadata.stack == "projects/red/stacks/web"

    found = await client.get_stack("web")
    assert (found.action, found.status) == (stack_pb2.STACK_ACTION_CREATE, stack_pb2.STACK_STATUS_IN_PROGRESS)
    assert found.description == "two networks"
    assert found.default_region == "regions/RegionOne"
    assert [each.region for each in found.regions] == ["regions/RegionOne", "regions/RegionTwo"]
    assert found.spec.parameters["label"] == "blue"
    assert found.uid == (await client.get_stack(found.uid)).uid
    assert [each.name for each in await client.list_stacks()] == ["projects/red/stacks/web"]


async def test_a_built_stack_is_complete_and_has_outputs(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec())
    assert [each.error for each in await client.get_outputs("web")] != [""]
    await world.build("web")
    done = await client.get_operation(operation.name)
    assert done.done and done.response.status == stack_pb2.STACK_STATUS_COMPLETE
    assert done.metadata.phase == operation_pb2.OPERATION_PHASE_SUCCEEDED
    outputs = await client.get_outputs("web")
    assert [(each.key, each.value.string_value, each.error) for each in outputs] == [
        ("network", "RegionOne-net", "")
    ]
    progress = (await client.get_stack("web", full=False)).regions
    assert [(each.state, each.steps_done, each.resources) for each in progress] == [
        (stack_pb2.SHARD_STATE_DONE, 2, 2),
        (stack_pb2.SHARD_STATE_DONE, 1, 1),
    ]


async def test_environments_are_merged_by_their_strategies(world: World):
    given = spec()
    strategies = "parameter_merge_strategies: {label: merge}\n"
    given.environment = (
        f"---\n{strategies}parameters: {{label: blue}}\nregions: {{resources: {{far: RegionTwo}}}}\n"
        f"---\n{strategies}parameters: {{label: green}}\nregions: {{resources: {{net: RegionOne}}}}\n"
    )
    client = world.client()
    await client.create_stack("web", given)
    found = yaml.safe_load((await client.get_stack("web")).spec.environment)
    assert found["parameters"] == {"label": "bluegreen"}
    assert found["regions"] == {"resources": {"far": "RegionTwo", "net": "RegionOne"}}

    given.environment = given.environment.replace(strategies, "", 1)
    refusal = await refused(client.create_stack("again", given))
    assert refusal.code == "INVALID_ARGUMENT"


async def test_hidden_parameters_do_not_come_back(world: World):
    client = world.client()
    given = spec(secret="hunter2")
    given.environment = "parameter_defaults: {secret: hunter3, label: seen}"
    await client.create_stack("web", given)
    found = (await client.get_stack("web")).spec
    assert "hunter" not in str(found)
    assert found.parameters["secret"] == "******"
    assert "seen" in found.environment


async def test_the_same_request_id_happens_once(world: World):
    client = world.client()
    first = await client.create_stack("web", spec(), request_id="once")
    again = await client.create_stack("web", spec(), request_id="once")
    assert again.name == first.name
    assert len(world.trusts.made) == 1
    error = await refused(client.create_stack("web2", spec(), request_id="once"))
    assert error.code == "ALREADY_EXISTS"
    assert (await refused(client.create_stack("x", spec(), request_id="a/b"))).code == "INVALID_ARGUMENT"


async def test_a_name_is_taken_once_a_project(world: World):
    await world.client().create_stack("web", spec())
    error = await refused(world.client().create_stack("web", spec()))
    assert (error.code, error.reason) == ("ALREADY_EXISTS", "ALREADY_EXISTS")
    await world.client("bob").create_stack("web", spec())


async def test_all_faults_are_told_with_their_places(world: World):
    template = """
heat_template_version: 2018-08-31
resources:
  one: {type: "OS::No::Such"}
  two: {type: "OS::Neutron::Net", region: Nowhere}
"""
    for call in (
        world.client().create_stack("web", spec(template)),
        world.client().plan_stack(stack("web", template)),
        world.client().validate(spec(template)),
    ):
        error = await refused(call)
        assert error.code == "INVALID_ARGUMENT"
        assert {each.path.split(".")[1] for each in error.violations} == {"one", "two"}
    assert await world.client().list_stacks() == []


async def test_an_etag_that_is_old_is_refused(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    etag = (await client.get_stack("web")).etag
    await client.update_stack(stack("web", etag=etag, label="new"))
    for call in (
        client.update_stack(stack("web", etag=etag)),
        client.apply_stack(stack("web", etag=etag)),
        client.delete_stack("web", etag=etag),
        client.plan_stack(stack("web", etag=etag)),
    ):
        error = await refused(call)
        assert (error.code, error.reason) == ("ABORTED", "ETAG_MISMATCH")


async def test_apply_creates_then_updates_and_a_repeat_does_as_the_first(world: World):
    client = world.client()
    created = await client.apply_stack(stack("web"), request_id="a")
    assert created.metadata.verb == "create"
    updated = await client.apply_stack(stack("web", label="new"), request_id="b")
    assert updated.metadata.verb == "update"
    assert (await client.apply_stack(stack("web"), request_id="a")).name == created.name
    assert (await refused(client.apply_stack(stack("web"), must_not_exist=True))).code == "ALREADY_EXISTS"
    assert (await refused(client.apply_stack(stack("other", etag="1")))).code == "ABORTED"


async def test_an_update_mask_keeps_the_rest(world: World):
    client = world.client()
    await client.create_stack("web", spec(label="first", secret="s"))
    change = stack_pb2.Stack(name="web")
    change.spec.parameters.update({"label": "second"})
    operation = await client.update_stack(change, mask=("spec.parameters",), request_id="r")
    found = (await client.get_stack("web")).spec
    assert found.template == TWO_REGIONS
    assert found.parameters["label"] == "second"
    assert found.parameters["secret"] == "******"
    change = stack_pb2.Stack(name="web")
    change.spec.parameters.update({"label": "second"})
    again = await client.update_stack(change, mask=("spec.parameters",), request_id="r")
    assert again.name == operation.name
    error = await refused(client.update_stack(stack_pb2.Stack(name="web"), mask=("status",)))
    assert [each.path for each in error.violations] == ["update_mask"]


async def test_delete_is_an_operation_and_may_be_repeated(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.build("web")
    operation = await client.delete_stack("web")
    assert operation is not None and operation.metadata.verb == "delete"
    again = await client.delete_stack("web")
    assert again is not None and again.name == operation.name
    found = await client.get_stack("web", full=False)
    assert found.action == stack_pb2.STACK_ACTION_DELETE and found.HasField("delete_time")
    assert (await refused(client.delete_stack("none"))).code == "NOT_FOUND"
    assert await client.delete_stack("none", allow_missing=True) is None


async def test_a_plan_is_summed_by_region_and_writes_nothing(world: World):
    client = world.client()
    before = world.cluster.revision
    plan = await client.plan_stack(stack("web"))
    assert world.cluster.revision == before
    assert plan.etag == "" and not plan.empty
    assert [(each.region, each.add, each.keep) for each in plan.regions] == [
        ("regions/RegionOne", 2, 0),
        ("regions/RegionTwo", 1, 0),
    ]
    assert [each.path for each in plan.resources] == ["net", "subnet", "far"]
    assert list(plan.critical_path) == ["RegionOne: net", "RegionOne: subnet"]
    assert list(plan.resources[1].needs) == ["RegionOne: net"]


async def test_a_plan_of_an_update_shows_what_differs(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.build("web")
    same = await client.plan_stack(stack("web"))
    assert same.empty and [each.keep for each in same.regions] == [2, 1]
    plan = await client.plan_stack(stack("web", label="new"))
    assert [(each.path, each.action) for each in plan.resources] == [("net", plan_pb2.PLANNED_ACTION_CHANGE)]
    assert [each.path for each in plan.resources[0].changes] == ["name"]
    assert plan.etag == (await client.get_stack("web")).etag
    gone = await client.plan_stack(stack("web", ONE_NET))
    assert [(each.region, each.keep + each.change, each.delete) for each in gone.regions] == [
        ("regions/RegionOne", 1, 1),
        ("regions/RegionTwo", 0, 1),
    ]
    deleted = await client.plan_stack(stack_pb2.Stack(name="web"), delete=True)
    assert [(each.region, each.delete) for each in deleted.regions] == [
        ("regions/RegionOne", 2),
        ("regions/RegionTwo", 1),
    ]


async def test_moving_a_resource_makes_it_there_and_deletes_it_here(world: World):
    client = world.client()
    await client.create_stack("web", spec(ONE_NET))
    await world.build("web")
    moved = ONE_NET.replace('"OS::Neutron::Net"', '"OS::Neutron::Net", region: RegionTwo')
    plan = await client.plan_stack(stack("web", moved))
    assert [(each.region, each.replace, each.delete) for each in plan.regions] == [
        ("regions/RegionOne", 0, 1),
        ("regions/RegionTwo", 1, 0),
    ]


async def test_validate_only_checks_and_writes_nothing(world: World):
    client = world.client()
    before = world.cluster.revision
    operation = await client.create_stack("web", spec(), validate_only=True)
    assert operation.done and operation.metadata.verb == "validate"
    assert world.cluster.revision == before
    found = await client.validate(spec())
    assert found.description == "two networks"
    assert [each.name for each in found.parameters] == ["label", "secret"]


async def test_what_clouds_say_of_a_template_refuses_it_or_is_told(world: World):
    client = world.client()
    template = """
heat_template_version: 2018-08-31
resources:
  subnet: {type: "OS::Neutron::Subnet", properties: {network: corridor, cidr: 10.0.0.0/24}}
"""
    at = "resources.subnet.properties.network"
    world.lookups.not_checked = (Fault(at, "RegionOne is down"),)
    plan = await client.plan_stack(stack("web", template))
    asked = [(each.region, each.constraint, each.value, each.path) for each in world.lookups.asked]
    assert asked == [(EAST, "neutron.network", "corridor", at)]
    assert [(each.path, each.reason) for each in plan.warnings] == [(at, "NOT_CHECKED")]
    world.lookups.faults = (Fault(at, "there is no network 'corridor' in RegionOne"),)
    for call in (
        client.create_stack("web", spec(template)),
        client.plan_stack(stack("web", template)),
        client.validate(spec(template)),
    ):
        assert [each.path for each in (await refused(call)).violations] == [at]
    assert world.trusts.made == [] and await client.list_stacks() == []


async def test_a_region_without_the_service_of_a_resource_is_a_precondition(world: World):
    client = world.client()
    at = "resources.far"
    world.lookups.lacking = (Fault(at, "region RegionTwo has no network service", "NO_SERVICE"),)
    for call in (
        client.create_stack("web", spec()),
        client.plan_stack(stack("web")),
        client.validate(spec()),
    ):
        error = await refused(call)
        assert (error.code, [each.path for each in error.violations]) == ("FAILED_PRECONDITION", [at])
    needed = {(each.path, each.region, each.type) for each in world.lookups.needed}
    assert (at, WEST, "OS::Neutron::Net") in needed and len(needed) == 3
    world.lookups.faults = (Fault("resources.net", "there is no such thing"),)
    error = await refused(client.create_stack("web", spec()))
    assert (error.code, len(error.violations)) == ("INVALID_ARGUMENT", 2)
    assert world.trusts.made == [] and await client.list_stacks() == []


async def test_an_immutable_parameter_stays_as_it_is(world: World):
    client = world.client()
    template = TWO_REGIONS.replace("default: plain", "default: plain, immutable: true")
    await client.create_stack("web", spec(template))
    for call in (
        client.update_stack(stack("web", template, label="new")),
        client.plan_stack(stack("web", template, label="new")),
    ):
        assert [each.path for each in (await refused(call)).violations] == ["parameters.label"]


async def test_trusts_are_made_for_the_regions_of_the_template_and_recorded(world: World):
    await world.client().create_stack("web", spec())
    header = await world.header("web")
    assert world.trusts.made == [(Tokens("ann"), header.id, (EAST, WEST))]
    assert await world.store.get(f"stacks/red/{header.id}/trusts/default") is not None


async def test_a_refused_wish_makes_no_trust(world: World):
    await refused(world.client().create_stack("web", spec("resources: {}")))
    assert world.trusts.made == []


async def test_the_default_region_must_be_registered(world: World):
    given = spec(ONE_NET)
    given.region = "Nowhere"
    error = await refused(world.client().create_stack("web", given))
    assert [each.path for each in error.violations] == ["stack.spec.region"]
    given = spec(ONE_NET)
    given.environment = "regions: {default: RegionTwo}"
    await world.client().create_stack("web", given)
    assert (await world.client().get_stack("web")).default_region == "regions/RegionTwo"


async def test_the_region_said_wins_over_the_environment(world: World):
    given = spec(ONE_NET)
    given.environment, given.region = "regions: {default: RegionOne}", "RegionTwo"
    plan = await world.client().plan_stack(stack_pb2.Stack(name="web", spec=given))
    assert [each.region for each in plan.resources] == ["regions/RegionTwo"]


async def test_a_repeat_at_a_replica_of_another_region_is_the_same_request(world: World):
    first = await world.client().create_stack("web", spec(ONE_NET), request_id="once")
    world.backend = msgspec.structs.replace(world.backend, home=WEST)
    _, endpoint = await world.serve()
    client = world.client(endpoints=endpoint)
    again = await client.create_stack("web", spec(ONE_NET), request_id="once")
    assert again.name == first.name


async def test_cancel_stops_what_runs(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    operation = await client.cancel_stack("web")
    assert operation.metadata.verb == "cancel"
    await world.build("web")
    assert (await refused(client.cancel_stack("web"))).code == "FAILED_PRECONDITION"


async def test_why_names_the_region_that_is_waited_for(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.park("web", WEST, "region RegionTwo to answer")
    found = await client.explain_stack("web")
    waits = {each.region: each.reason for each in found.waits}
    assert waits["regions/RegionTwo"] == "region RegionTwo to answer"
    assert "replica" in waits["regions/RegionOne"]
    states = {each.region: each.state for each in found.stack.regions}
    assert states["regions/RegionTwo"] == stack_pb2.SHARD_STATE_PARKED


async def test_lists_come_in_pages_and_filtered(world: World):
    client = world.client()
    for name in ("a", "b", "c", "d", "e"):
        given = spec(ONE_NET)
        given.tags.append("odd" if name in "ace" else "even")
        await client.create_stack(name, given)
    stub = client.connection
    names: list[str] = []
    token, pages = "", 0
    while pages == 0 or token:
        request = stack_service_pb2.ListStacksRequest(parent="projects/-", page_size=2, page_token=token)
        answer = await stub.call(StackServiceStub, "ListStacks", request)
        names += [each.name[-1] for each in answer.stacks]
        token, pages = answer.next_page_token, pages + 1
    assert (names, pages) == (["a", "b", "c", "d", "e"], 3)
    assert [each.name[-1] for each in await client.list_stacks("tag=odd AND name=[ab]")] == ["a"]
    assert (await refused(client.list_stacks("colour=red"))).code == "INVALID_ARGUMENT"
    request = stack_service_pb2.ListStacksRequest(parent="projects/-", page_token="bm9uc2Vuc2U")
    assert (await refused(stub.call(StackServiceStub, "ListStacks", request))).code == "INVALID_ARGUMENT"


async def test_a_trust_that_was_made_for_a_wish_that_lost_is_removed(world: World):
    """Two creates of one name at once: both find it free and have a trust made; one is written."""
    world.trusts.meeting = asyncio.Barrier(2)
    outcomes = await asyncio.gather(
        world.client().create_stack("web", spec()),
        world.client().create_stack("web", spec()),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, ApiError) for outcome in outcomes) == 1
    assert len(world.trusts.made) == 2
    header = await world.header("web")
    assert [stack for stack, _ in world.trusts.standing] == [header.id]


async def test_what_waits_for_an_answer_of_a_dead_region_waits_for_the_region(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    world.health.down[EAST] = "no service answers"
    east, west = (await client.explain_stack("web")).waits
    assert "no service answers" in east.reason and "no service answers" not in west.reason
