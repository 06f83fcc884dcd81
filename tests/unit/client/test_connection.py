"""Fail-over, retries, renewal of tokens, streams that go on: against real servers."""

from __future__ import annotations

import asyncio

import grpc
import msgspec
import pytest

from global_heat.client import ApiError, Client, Connection, Endpoint, FixedToken, parse_endpoints
from tests.unit.api.world import ONE_NET, World, refused, spec

DEAD = "127.0.0.1:1"


async def test_a_dead_endpoint_is_passed_over(world: World):
    client = world.client(endpoints=f"{DEAD},{world.endpoint}")
    operation = await client.create_stack("web", spec(ONE_NET))
    assert operation.metadata.verb == "create"


async def test_when_nobody_answers_it_is_unavailable():
    async with Client(Connection(parse_endpoints(DEAD), FixedToken("ann"), seconds=0.3)) as client:
        assert (await refused(client.list_stacks())).code == "UNAVAILABLE"


async def test_a_lost_answer_is_asked_for_elsewhere_and_happens_once(world: World):
    """The first replica writes the wish and dies before it answers."""
    server, other = await world.serve()
    create = world.wishes.create
    calls: list[str] = []

    async def create_and_die(*arguments, **named):
        operation = await create(*arguments, **named)
        calls.append(operation.id)
        if len(calls) == 1:
            await server.stop(None)
        return operation

    world.wishes.create = create_and_die
    client = world.client(endpoints=f"{other},{world.endpoint}")
    operation = await client.create_stack("web", spec(ONE_NET))
    assert operation.name.endswith(calls[0]) and len(calls) == 2
    assert len(await client.list_stacks()) == 1


@pytest.mark.parametrize("grace", [None, 0.05])
async def test_who_waits_at_a_replica_that_ends_waits_on_at_another(world: World, grace: float | None):
    server, other = await world.serve()
    client = world.client(endpoints=f"{other},{world.endpoint}")
    operation = await client.create_stack("web", spec(ONE_NET))
    waiting = asyncio.create_task(client.wait_operation(operation.name))
    await client.get_stack("web")
    await server.stop(grace)
    await world.build("web")
    assert (await waiting).done


class BrokenOff(grpc.GenericRpcHandler):
    """What a replica that ends may say of calls that it has not finished."""

    def service(self, details):
        async def break_off(request, context):
            await context.abort(grpc.StatusCode.CANCELLED)

        return grpc.unary_unary_rpc_method_handler(break_off)


async def test_a_call_that_a_replica_breaks_off_is_made_at_another(world: World):
    ending = grpc.aio.server(handlers=[BrokenOff()])
    port = ending.add_insecure_port("127.0.0.1:0")
    world.stop_with_it(ending)
    await ending.start()
    client = world.client(endpoints=f"127.0.0.1:{port},{world.endpoint}")
    operation = await client.create_stack("web", spec(ONE_NET))
    assert operation.metadata.verb == "create"


async def test_a_watch_goes_on_at_another_replica(world: World):
    server, other = await world.serve()
    client = world.client(endpoints=f"{other},{world.endpoint}")
    await client.create_stack("web", spec())
    updates = client.watch_stack("web", until_done=True)
    assert (await anext(updates)).HasField("stack")
    stopping = asyncio.create_task(server.stop(None))
    await world.build("web")
    rest = [update async for update in updates]
    await stopping
    assert [each.event.resource for each in rest if each.HasField("event")] == ["net", "subnet", "far"]


class Renewed:
    """A token that is refused until it is renewed."""

    def __init__(self) -> None:
        self.current = "old"

    async def token(self, *, renew: bool = False) -> str:
        if renew:
            self.current = "ann"
        return self.current


async def test_a_refused_token_is_renewed_once(world: World):
    tokens = Renewed()
    async with Client(Connection(parse_endpoints(world.endpoint), tokens)) as client:
        assert await client.list_stacks() == []
        assert tokens.current == "ann"
        world.tokens.people.clear()
        assert (await refused(client.list_stacks())).code == "UNAUTHENTICATED"


async def test_a_stream_ends_with_its_token_and_goes_on_with_a_new_one(world: World):
    now = [1000.0]
    world.backend = msgspec.structs.replace(world.backend, clock=lambda: now[0])
    ann = world.tokens.people["ann"]
    world.tokens.people["short"] = msgspec.structs.replace(ann, expires_at=1000.2)
    _, endpoint = await world.serve()
    await world.client().create_stack("web", spec(ONE_NET))
    client = world.client("short", endpoints=endpoint)
    updates = client.watch_stack("web")
    await anext(updates)
    error = await refused(anext(updates))
    assert error.code == "UNAUTHENTICATED"


def test_endpoints_are_secure_except_where_it_is_local_or_said():
    assert parse_endpoints("a.org, b.org:1 https://c.org/,http://d.org,localhost,[::1]:5") == (
        Endpoint("a.org:8904"),
        Endpoint("b.org:1"),
        Endpoint("c.org:8904"),
        Endpoint("d.org:8904", secure=False),
        Endpoint("localhost:8904", secure=False),
        Endpoint("[::1]:5", secure=False),
    )
    for wrong in ("", "ftp://a.org"):
        with pytest.raises(ApiError):
            parse_endpoints(wrong)
