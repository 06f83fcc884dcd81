"""Operations, resources, events, regions and replicas over the wire; following a stack."""

from __future__ import annotations

import asyncio

from global_heat.api.following import Place
from global_heat.model.names import Project, Region, ReplicaId, StackId
from global_heat.model.records import Claim, ReplicaRecord
from global_heat.proto.v1 import event_service_pb2, operation_pb2, region_pb2, resource_pb2, stack_pb2
from global_heat.proto.v1.event_service_pb2_grpc import EventServiceStub
from global_heat.store import keys
from global_heat.store.codec import encode
from tests.unit.api.world import EAST, ONE_NET, WEST, World, refused, spec, stack


async def test_waiting_ends_when_the_operation_does(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec())
    early = await client.wait_operation(operation.name, 0.05)
    assert not early.done and early.metadata.phase == operation_pb2.OPERATION_PHASE_RUNNING
    waiting = asyncio.create_task(client.wait_operation(operation.name))
    await world.build("web")
    assert (await waiting).done


async def test_a_failed_operation_says_why(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec())
    await world.fail("web", "net@RegionOne: quota exceeded")
    found = await client.wait_operation(operation.name)
    assert found.metadata.phase == operation_pb2.OPERATION_PHASE_FAILED
    assert found.error.message == "net@RegionOne: quota exceeded"


async def test_operations_are_listed_newest_first_and_superseded(world: World):
    client = world.client()
    first = await client.create_stack("web", spec())
    second = await client.update_stack(stack("web", label="x"))
    found = await client.list_operations()
    assert [each.name for each in found] == [second.name, first.name]
    assert [each.done for each in found] == [False, True]
    assert found[1].metadata.phase == operation_pb2.OPERATION_PHASE_SUPERSEDED
    assert [each.metadata.verb for each in await client.list_operations("done=false")] == ["update"]


async def test_an_operation_can_be_cancelled_once(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec())
    cancelling = await client.cancel_operation(operation.name, request_id="c")
    assert (await client.cancel_operation(operation.name, request_id="c")).name == cancelling.name
    assert (await refused(client.cancel_operation(operation.name))).code == "FAILED_PRECONDITION"


async def test_a_parked_operation_says_so(world: World):
    client = world.client()
    operation = await client.create_stack("web", spec(ONE_NET))
    await world.park("web", EAST, "region RegionOne to answer")
    found = await client.get_operation(operation.name)
    assert found.metadata.phase == operation_pb2.OPERATION_PHASE_PARKED
    assert found.metadata.regions[0].reason == "region RegionOne to answer"


async def test_resources_are_listed_before_and_after_they_are_built(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    planned = await client.list_resources("web")
    assert [(each.path, each.status) for each in planned] == [
        ("net", resource_pb2.RESOURCE_STATUS_WAITING),
        ("subnet", resource_pb2.RESOURCE_STATUS_WAITING),
        ("far", resource_pb2.RESOURCE_STATUS_WAITING),
    ]
    assert list(planned[1].needs) == ["net@RegionOne"]
    await world.build("web")
    built = await client.list_resources("web", "region=RegionOne AND path=n*")
    assert [(each.path, each.physical_id) for each in built] == [("net", "RegionOne-net")]
    one = await client.get_resource("web", "net")
    assert one.attributes["name"] == "net" and "" not in one.attributes
    assert (await refused(client.get_resource("web", "none"))).code == "NOT_FOUND"


async def test_events_are_in_the_order_of_their_recording_over_all_regions(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.build("web")
    await client.update_stack(stack("web", label="x"))
    await world.build("web")
    found = await client.list_events("web")
    places = [(each.region[-3:], each.resource) for each in found]
    assert places == [("One", "net"), ("One", "subnet"), ("Two", "far")] * 2
    backwards = await client.list_events("web", newest_first=True)
    assert backwards[0].region == "regions/RegionTwo"
    pages, token = [], None
    while token != "":
        request = event_service_pb2.ListEventsRequest(
            parent="projects/-/stacks/web", page_size=4, page_token=token or "", newest_first=True
        )
        answer = await client.connection.call(EventServiceStub, "ListEvents", request)
        pages += [each.name for each in answer.events]
        token = answer.next_page_token
    assert pages == [each.name for each in backwards]


async def test_a_watch_tells_all_events_once_and_ends_with_the_operation(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    seen: list[str] = []
    begun = asyncio.Event()

    async def watch() -> stack_pb2.Stack:
        last = stack_pb2.Stack()
        async for update in client.watch_stack("web", until_done=True):
            begun.set()
            if update.HasField("event"):
                seen.append(update.event.resource)
            if update.HasField("stack"):
                last = update.stack
        return last

    watching = asyncio.create_task(watch())
    await begun.wait()
    await world.build("web")
    last = await watching
    assert seen == ["net", "subnet", "far"]
    assert last.status == stack_pb2.STACK_STATUS_COMPLETE
    assert [each.steps_done for each in last.regions] == [2, 1]


async def test_a_watch_goes_on_from_any_place_without_loss_or_repeat(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    start = str(Place(world.cluster.revision))
    await world.build("web")
    whole = [u async for u in client.watch_stack("web", until_done=True, resume_token=start)]
    events = [each.event.name for each in whole if each.HasField("event")]
    assert len(events) == 3
    for index, update in enumerate(whole):
        rest = [u async for u in client.watch_stack("web", until_done=True, resume_token=update.resume_token)]
        assert [each.resume_token for each in rest] == [each.resume_token for each in whole[index + 1 :]]
        assert [each.event.name for each in rest if each.HasField("event")] == [
            each.event.name for each in whole[index + 1 :] if each.HasField("event")
        ]


async def test_a_resume_token_that_is_too_old_is_out_of_range(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.build("web")
    world.cluster.compact()
    request = event_service_pb2.WatchEventsRequest(parent="projects/-/stacks/web", resume_token="1.0")
    calls = client.connection.stream(EventServiceStub, "WatchEvents", lambda token: request, "")
    assert (await refused(anext(calls))).code == "OUT_OF_RANGE"
    # The client begins again by itself, with the state as it is.
    first = await anext(client.watch_stack("web", resume_token="1.0"))
    assert first.stack.status == stack_pb2.STACK_STATUS_COMPLETE
    error = await refused(anext(client.watch_stack("web", resume_token="nonsense")))
    assert [each.path for each in error.violations] == ["resume_token"]


async def test_a_watch_tells_when_the_stack_is_gone(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    header = await world.header("web")
    updates = client.watch_stack("web")
    assert (await anext(updates)).HasField("stack")
    await world.store.commit(delete=[keys.header(header.project, header.id)])
    rest = [update async for update in updates]
    assert rest[-1].gone.uid == header.id


async def test_regions_are_registered_shown_and_removed(world: World):
    root = world.client("root")
    added = await root.add_region(
        region_pb2.Region(name="RegionThree", auth_url="https://three.example.org/v3", exec_seconds=0)
    )
    assert (added.interface, added.state) == ("public", region_pb2.REGION_STATE_UP)
    assert (added.exec_seconds, added.lag_seconds, added.insecure) == (0.0, 5.0, False)
    world.health.down[Region("RegionThree")] = "identity does not answer"
    names = [each.name for each in await world.client().list_regions()]
    assert names == ["regions/RegionOne", "regions/RegionThree", "regions/RegionTwo"]
    shown = await world.client().get_region("RegionThree")
    assert (shown.state, shown.reason) == (region_pb2.REGION_STATE_DOWN, "identity does not answer")
    world.health.slow[Region("RegionTwo")] = "answers take about 9.0 s"
    slow = await world.client().get_region("RegionTwo")
    assert (slow.state, slow.reason) == (region_pb2.REGION_STATE_SLOW, "answers take about 9.0 s")
    await root.remove_region("RegionThree")
    assert (await refused(root.remove_region("RegionThree"))).code == "NOT_FOUND"
    await root.remove_region("RegionThree", allow_missing=True)
    error = await refused(
        root.add_region(region_pb2.Region(name="R", auth_url="nowhere", interface="x", lag_seconds=-1))
    )
    assert [each.path for each in error.violations] == [
        "region.auth_url",
        "region.interface",
        "region.lag_seconds",
    ]


async def test_a_region_in_use_is_not_removed(world: World):
    await world.client().create_stack("web", spec())
    for _ in ("work is queued there", "resources stand there"):
        error = await refused(world.client("root").remove_region("RegionTwo"))
        assert error.code == "FAILED_PRECONDITION"
        await world.build("web")
    assert (await world.client().get_region("RegionTwo")).queued == 0


async def test_what_is_not_said_of_a_region_stays(world: World):
    root = world.client("root")
    said = region_pb2.Region(
        name="R",
        auth_url="https://r.example.org/v3",
        catalog_region="r-1",
        interface="internal",
        cloud="partner",
        lag_seconds=7,
        insecure=True,
        ca_file="/etc/ca.pem",
    )
    before = await root.add_region(said)
    assert await root.add_region(region_pb2.Region(name="R")) == before
    after = await root.add_region(region_pb2.Region(name="R", insecure=False, catalog_region=""))
    assert (after.insecure, after.catalog_region, after.lag_seconds) == (False, "", 7.0)
    assert (after.auth_url, after.interface, after.cloud) == (before.auth_url, "internal", "partner")
    assert after.ca_file == "/etc/ca.pem"
    error = await refused(root.add_region(region_pb2.Region(name="S", cloud="")))
    assert [each.path for each in error.violations] == ["region.auth_url", "region.cloud"]


async def test_a_region_in_use_stays_what_it_is(world: World):
    root = world.client("root")
    away = region_pb2.Region(
        name="RegionTwo",
        auth_url="https://elsewhere.example.org/v3",
        catalog_region="two",
        cloud="partner",
        exec_seconds=899,
        lag_seconds=4,
        skew_seconds=0,
    )
    await world.client().create_stack("web", spec())
    for use in ("a stack has work there", "1 resources of stacks stand there"):
        error = await refused(root.add_region(away))
        assert (error.code, use in error.message) == ("FAILED_PRECONDITION", True), error.message
        assert [each.path for each in error.violations] == [
            "region.auth_url",
            "region.catalog_region",
            "region.cloud",
            "region.exec_seconds",
            "region.lag_seconds",
            "region.skew_seconds",
        ]
        await world.build("web")
    same = region_pb2.Region(
        name="RegionTwo", auth_url="https://RegionTwo.example.org/v3", catalog_region="RegionTwo"
    )
    await root.add_region(same)
    more = await root.add_region(region_pb2.Region(name="RegionTwo", exec_seconds=1800, interface="admin"))
    assert (more.exec_seconds, more.interface) == (1800.0, "admin")
    assert (await root.add_region(region_pb2.Region(name="RegionTwo"))) == more


async def test_replicas_are_listed_by_region(world: World):
    for region, id in ((WEST, "r2"), (EAST, "r1")):
        record = ReplicaRecord(id=ReplicaId(id), region=region, address="10.0.0.1:8904", version="0.1.0")
        await world.store.commit(put={keys.replica(region, ReplicaId(id)): encode(record)})
    for id in ("s1", "s2"):
        shard = keys.Shard(WEST, Project("red"), StackId(id))
        await world.store.commit(put={keys.claim(shard): encode(Claim(replica=ReplicaId("r1")))})
    client = world.client()
    assert [each.claims for each in await client.list_replicas()] == [2, 0]
    assert [each.name for each in await client.list_replicas()] == [
        "regions/RegionOne/replicas/r1",
        "regions/RegionTwo/replicas/r2",
    ]
    assert [each.name[-2:] for each in await client.list_replicas("RegionTwo")] == ["r2"]
    assert (await client.get_region("RegionOne")).replicas == 1
