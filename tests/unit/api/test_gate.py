"""Who may call what, and what a caller is told of errors."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from global_heat.api import gate
from global_heat.api.server import Listen, bind, is_loopback, keep_health
from global_heat.model.errors import Invalid, Reason
from global_heat.proto.v1 import stack_pb2, stack_service_pb2
from global_heat.proto.v1.region_service_pb2_grpc import RegionServiceStub
from global_heat.proto.v1.stack_service_pb2_grpc import StackServiceStub
from tests.unit.api.world import World, refused, spec, stack


async def test_without_a_good_token_nobody_gets_in(world: World):
    for token in ("stranger", "old"):
        error = await refused(world.client(token).list_stacks())
        assert error.code == "UNAUTHENTICATED"
    async with grpc.aio.insecure_channel(world.endpoint) as channel:
        stub = StackServiceStub(channel)
        request = stack_service_pb2.ListStacksRequest(parent="projects/-")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await stub.ListStacks(request)
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        for metadata in (("authorization", "Bearer ann"), ("x-auth-token", "ann")):
            await stub.ListStacks(request, metadata=(metadata,))


async def test_an_unreachable_keystone_is_unavailable(world: World):
    world.tokens.down = True
    async with grpc.aio.insecure_channel(world.endpoint) as channel:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            request = stack_service_pb2.ListStacksRequest(parent="projects/-")
            await StackServiceStub(channel).ListStacks(request, metadata=(("x-auth-token", "ann"),))
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_another_project_sees_nothing(world: World):
    ann, bob = world.client("ann"), world.client("bob")
    operation = await ann.create_stack("web", spec())
    uid = (await ann.get_stack("web")).uid
    for name in ("web", uid, "projects/red/stacks/web", f"projects/blue/stacks/{uid}"):
        for call in (
            bob.get_stack(name),
            bob.explain_stack(name),
            bob.get_outputs(name),
            bob.update_stack(stack(name)),
            bob.delete_stack(name),
            bob.cancel_stack(name),
            bob.plan_stack(stack_pb2.Stack(name=name), delete=True),
            bob.list_resources(name),
            bob.get_resource(name, "net"),
            bob.list_events(name),
            anext(bob.watch_stack(name)),
        ):
            assert (await refused(call)).code == "NOT_FOUND"
    for name in (operation.name, operation.name.replace("red", "blue")):
        for call in (bob.get_operation(name), bob.wait_operation(name, 0.1), bob.cancel_operation(name)):
            assert (await refused(call)).code == "NOT_FOUND"
    assert await bob.list_stacks() == [] and await bob.list_operations() == []
    await bob.create_stack("web", spec())
    assert (await refused(bob.get_stack("projects/red/stacks/web"))).code == "NOT_FOUND"


async def test_roles_say_who_may_write(world: World):
    await world.client("ann").create_stack("web", spec())
    reader = world.client("eye")
    await reader.get_stack("web")
    await reader.plan_stack(stack("web", label="x"))
    for call in (
        reader.create_stack("new", spec()),
        reader.update_stack(stack("web")),
        reader.apply_stack(stack("web")),
        reader.delete_stack("web"),
        reader.cancel_stack("web"),
    ):
        assert (await refused(call)).code == "PERMISSION_DENIED"
    assert (await refused(world.client("ann").remove_region("RegionTwo"))).code == "PERMISSION_DENIED"
    assert (await refused(world.client("nobody").list_stacks())).code == "PERMISSION_DENIED"


async def test_an_operators_rules_hold_as_soon_as_they_are_used(world: World):
    reader = world.client("eye")
    assert await reader.list_stacks() == []
    world.policy.use({"stack:list": "!", "stack:create": "@"})
    error = await refused(reader.list_stacks())
    assert error.code == "PERMISSION_DENIED" and "stack:list" in error.message
    await reader.create_stack("web", spec())


async def test_a_defect_of_ours_tells_no_secret(world: World):
    async def broken(*_: object, **__: object) -> object:
        raise RuntimeError("password=hunter2")

    world.wishes.create = broken  # type: ignore[method-assign]
    error = await refused(world.client().create_stack("web", spec()))
    assert error.code == "INTERNAL" and "hunter2" not in str(error)


async def test_a_call_that_takes_too_long_ends(world: World):
    world.cluster.quorum = False
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async with grpc.aio.insecure_channel(world.endpoint) as channel:
            request = stack_service_pb2.GetStackRequest(name="projects/-/stacks/web")
            await StackServiceStub(channel).GetStack(
                request, timeout=0.3, metadata=(("x-auth-token", "ann"),)
            )
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_message_that_is_too_large_is_refused(world: World):
    error = await refused(world.client().create_stack("web", spec("#" * (5 << 20))))
    assert error.code == "RESOURCE_EXHAUSTED"


async def test_health_and_reflection_need_no_token(world: World):
    async with grpc.aio.insecure_channel(world.endpoint) as channel:
        check = health_pb2_grpc.HealthStub(channel)
        answer = await check.Check(health_pb2.HealthCheckRequest())
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
        ask = reflection_pb2_grpc.ServerReflectionStub(channel)
        calls = ask.ServerReflectionInfo(iter([reflection_pb2.ServerReflectionRequest(list_services="")]))
        listed = [each.name async for call in calls for each in call.list_services_response.service]
    assert "globalheat.v1.StackService" in listed and "grpc.health.v1.Health" in listed


async def test_health_follows_the_store(world: World):
    serving = health.aio.HealthServicer()
    said: list[int] = []
    changed = asyncio.Event()
    inner = serving.set

    async def note(service: str, status: int) -> None:
        await inner(service, status)
        if not service:
            said.append(status)
            changed.set()

    serving.set = note  # type: ignore[method-assign]
    keeping = asyncio.create_task(keep_health(serving, world.store, 0.01))
    await changed.wait()
    world.cluster.quorum = False
    while said[-1] == health_pb2.HealthCheckResponse.SERVING:
        changed.clear()
        await changed.wait()
    keeping.cancel()
    assert said[0] == health_pb2.HealthCheckResponse.SERVING
    assert said[-1] == health_pb2.HealthCheckResponse.NOT_SERVING


async def test_plain_text_beyond_loopback_has_to_be_said(world: World):
    server, _ = await world.serve()
    with pytest.raises(Invalid):
        bind(server, Listen("0.0.0.0:0"))
    unbound = grpc.aio.server()
    assert bind(unbound, Listen("0.0.0.0:0", plain_text=True))
    await unbound.stop(None)
    assert [is_loopback(each) for each in ("localhost:1", "[::1]:1", "127.0.0.9:1", "[::]:1", "a.org:1")] == [
        True,
        True,
        True,
        False,
        False,
    ]


async def test_names_of_another_shape_are_located(world: World):
    connection = world.client().connection
    request = stack_service_pb2.GetStackRequest(name="stacks/web")
    error = await refused(connection.call(StackServiceStub, "GetStack", request))
    assert (error.code, [each.path for each in error.violations]) == ("INVALID_ARGUMENT", ["name"])
    error = await refused(
        connection.call(RegionServiceStub, "GetRegion", stack_service_pb2.GetStackRequest())
    )
    assert error.code == "INVALID_ARGUMENT"


async def test_who_has_hung_up_is_told_nothing_and_that_is_no_defect():
    class HungUp:
        """What grpc's context does once the other side is gone."""

        async def abort(self, *args: object) -> None:
            raise grpc.aio.InternalError("Failed grpc_call_start_batch: 8")

    await gate.refuse(HungUp(), Invalid("the token has expired", reason=Reason.UNAUTHENTICATED))
