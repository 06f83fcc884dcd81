"""Signals over the wire and from the command line."""

from __future__ import annotations

from typing import Any

from global_heat.client.calls import stack_name
from global_heat.model.names import Project
from global_heat.model.records import SignalRecord
from global_heat.proto.v1 import resource_service_pb2
from global_heat.proto.v1.resource_service_pb2_grpc import ResourceServiceStub
from global_heat.resources.catalogue import load_schemas
from global_heat.store.codec import decode
from global_heat.store.reading import read_signals, resolve_name
from tests.unit.api.world import EAST, World, refused, spec

HANDLE = """
heat_template_version: 2018-08-31
resources:
  "a handle": {type: "OS::Heat::WaitConditionHandle"}
"""
PATH = "a handle"
RED = Project("red")


async def with_handle(world: World) -> None:
    world.documents.schemas = load_schemas()
    await world.client().create_stack("web", spec(HANDLE))
    await world.build("web")


async def heard(world: World) -> dict[str, Any]:
    stack = await resolve_name(world.store, RED, "web")
    found = await read_signals(world.documents, RED, stack, f"{PATH}@RegionOne#1")
    return {signal.id: signal.data for signal in found}


async def test_a_signal_is_recorded_as_it_was_said(world: World) -> None:
    await with_handle(world)
    said = {"status": "SUCCESS", "reason": "done", "data": {"n": 5, "list": [1.5, None]}, "id": 7}
    assert await world.client().signal_resource("web", PATH, said) == "7"
    assert await heard(world) == {"7": {"status": "SUCCESS", "reason": "done", "data": said["data"]}}


async def test_a_signal_is_sent_again_with_its_request_id(world: World) -> None:
    await with_handle(world)
    client = world.client()
    assert await client.signal_resource("web", PATH, request_id="same") == "1"
    assert await client.signal_resource("web", PATH, request_id="same") == "1"
    assert await client.signal_resource("web", PATH) == "2"
    request = resource_service_pb2.SignalResourceRequest(
        name=f"{stack_name('web')}/resources/{PATH.replace(' ', '%20')}"
    )
    for number in ("3", "4"):
        answer = await client.call(ResourceServiceStub, "SignalResource", request)
        assert answer.id == number
    found = await world.store.scan("signals/")
    requests = [decode(SignalRecord, entry.value).request for entry in found.entries]
    assert all(requests) and len(set(requests)) == 4


async def test_a_signal_may_name_the_one_it_is_for(world: World) -> None:
    await with_handle(world)
    found = await world.client().get_resource("web", PATH)
    assert await world.client().signal_resource("web", f"{PATH}?id={found.physical_id}") == "1"
    assert (await refused(world.client().signal_resource("web", f"{PATH}?id=other"))).code == "NOT_FOUND"


async def test_who_may_not_write_may_not_signal(world: World) -> None:
    await with_handle(world)
    assert (await refused(world.client("eye").signal_resource("web", PATH))).code == "PERMISSION_DENIED"
    assert (await refused(world.client("bob").signal_resource("web", PATH))).code == "NOT_FOUND"
    assert await heard(world) == {}


async def test_a_signal_that_makes_no_sense_is_refused(world: World) -> None:
    await with_handle(world)
    client = world.client()
    assert (await refused(client.signal_resource("web", PATH, "text"))).code == "INVALID_ARGUMENT"
    assert (await refused(client.signal_resource("web", "nobody"))).code == "NOT_FOUND"
    assert (await refused(client.signal_resource("none", PATH))).code == "NOT_FOUND"


async def test_a_hook_is_cleared_once_whatever_its_resource_takes(world: World) -> None:
    client = world.client()
    await client.create_stack("web", spec(HANDLE.replace("WaitConditionHandle", "RandomString")))
    await world.pause("web", PATH, "pre-create", EAST)
    assert list((await client.get_resource("web", PATH)).hooks) == ["pre-create"]
    said = {"unset_hook": "pre-create"}
    for token in ("eye", "bob"):
        await refused(world.client(token).signal_resource("web", PATH, said))
    work = await world.store.scan("work/RegionOne/")
    for _ in range(2):
        assert await client.signal_resource("web", PATH, said, request_id="same") == "pre-create"
    assert list((await client.get_resource("web", PATH)).hooks) == []
    woken = await world.store.scan("work/RegionOne/")
    assert woken.entries[0].mod_revision > work.entries[0].mod_revision
    assert (await refused(client.signal_resource("web", PATH, said))).code == "INVALID_ARGUMENT"
    assert (await refused(client.signal_resource("web", PATH, {"unset_hook": 5}))).code == "INVALID_ARGUMENT"
