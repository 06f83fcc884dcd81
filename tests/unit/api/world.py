"""A front door over a simulated store, with the real compiler and planner; and hands to play the engine."""

from __future__ import annotations

import asyncio
import itertools
import os
import time
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path as FilePath

import grpc
import msgspec
import pytest

import global_heat.resources
from global_heat.api.auth import Who
from global_heat.api.policy import Policy
from global_heat.api.ports import Backend, Checked
from global_heat.api.server import Listen, bind, build_server
from global_heat.client import ApiError, Client, Connection, FixedToken, parse_endpoints
from global_heat.model.errors import Fault, Invalid, Reason, Transient
from global_heat.model.names import Path as ResourcePath
from global_heat.model.names import PhysicalId, Project, Region, ReplicaId, StackId
from global_heat.model.records import (
    Event,
    EventBatch,
    Header,
    HookRecord,
    Incarnation,
    ShardRecord,
    State,
    TrustAttempt,
    TrustRecord,
    Waiting,
)
from global_heat.model.schema import Schemas
from global_heat.proto.v1 import stack_pb2
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.documents import Documents
from global_heat.store.reading import read_stack
from global_heat.store.registry import add_region
from global_heat.store.sealing import Seal
from global_heat.store.trust_ledger import MadeTrust, begin, condemn
from global_heat.store.wishes import Wishes, end_header

EAST, WEST = Region("RegionOne"), Region("RegionTwo")
SUPPORTED = {
    "OS::Neutron::Net": {"name", "admin_state_up", "shared"},
    "OS::Neutron::Subnet": {"name", "network", "cidr"},
    "OS::Heat::RandomString": {"length"},
}
TWO_REGIONS = """
heat_template_version: 2018-08-31
description: two networks
parameters:
  label: {type: string, default: plain}
  secret: {type: string, default: open-sesame, hidden: true}
resources:
  net:
    type: OS::Neutron::Net
    properties: {name: {get_param: label}}
  subnet:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}
  far:
    type: OS::Neutron::Net
    region: RegionTwo
    properties: {name: {get_param: secret}}
outputs:
  network: {description: where, value: {get_resource: net}}
"""
ONE_NET = """
heat_template_version: 2018-08-31
resources:
  net: {type: "OS::Neutron::Net"}
"""


class Person(msgspec.Struct, frozen=True):
    user: str
    project: Project
    roles: tuple[str, ...] = ("member", "reader")
    expires_at: float = 4e9


class Tokens:
    """Checks tokens against a list."""

    def __init__(self) -> None:
        self.down = False
        self.people: dict[str, Person] = {
            "ann": Person("ann", Project("red")),
            "bob": Person("bob", Project("blue")),
            "root": Person("root", Project("red"), ("admin",)),
            "eye": Person("eye", Project("red"), ("reader",)),
            "old": Person("old", Project("red"), expires_at=1.0),
            "nobody": Person("nobody", Project("red"), ("heat_stack_user",)),
        }

    async def check(self, token: str) -> Who:
        if self.down:
            raise Transient("Keystone does not answer")
        if token not in self.people:
            raise Invalid("the token is not valid", reason=Reason.UNAUTHENTICATED)
        return self.people[token]


class Trusts:
    """Makes a trust for each wish and remembers which, with its intent in the ledger."""

    def __init__(self, store: SimStore) -> None:
        self._store = store
        self.made: list[tuple[str, StackId, tuple[Region, ...]]] = []
        self.standing: list[tuple[StackId, str]] = []
        self.meeting: asyncio.Barrier | None = None
        """Where those who have a trust made wait for each other."""
        self.asked = asyncio.Event()

    async def ensure(self, who, token, project, stack, regions) -> Sequence[MadeTrust]:
        self.made.append((token, stack, tuple(regions)))
        expires_at = 4e9 + len(self.made)
        attempt = TrustAttempt(
            cloud="default",
            project=project,
            stack=stack,
            user=who.user,
            user_project=project,
            expires_at=expires_at,
            started_at=0.0,
            cred_expires_at=who.expires_at,
        )
        sealed = f"trust {len(self.made)}"
        record = TrustRecord(cloud="default", sealed=sealed, user=who.user, expires_at=expires_at)
        before = await self._store.get(keys.trust(project, stack, "default"))
        made = MadeTrust(record, await begin(self._store, attempt), before)
        self.standing.append((stack, record.sealed))
        self.asked.set()
        if self.meeting is not None:
            await self.meeting.wait()
        return [made]

    async def condemn(self, trusts) -> None:
        for made in trusts:
            if await condemn(self._store, made.attempt) is not None:
                stack = decode(TrustAttempt, made.attempt.value).stack
                self.standing.remove((stack, made.record.sealed))


class LookUps:
    def __init__(self) -> None:
        self.faults: tuple[Fault, ...] = ()
        self.lacking: tuple[Fault, ...] = ()
        self.not_checked: tuple[Fault, ...] = ()
        self.asked: list[object] = []
        self.needed: list[object] = []

    async def check(self, who, token, lookups, needs) -> Checked:
        self.asked.extend(lookups)
        self.needed.extend(needs)
        return Checked(self.faults, self.lacking, self.not_checked)


class Health:
    def __init__(self) -> None:
        self.down: dict[Region, str] = {}
        self.slow: dict[Region, str] = {}

    def trouble(self, region: Region) -> str | None:
        return self.down.get(region)

    def slowness(self, region: Region) -> str | None:
        return self.slow.get(region)


class World:
    """The front door with all behind it. Must be made in the loop it is used in."""

    def __init__(self) -> None:
        self.cluster = SimCluster()
        self.store = SimStore(self.cluster, "api", Link(lambda: 0.0, lambda: 1.0))
        data = FilePath(global_heat.resources.__file__).with_name("resource-types.json").read_bytes()
        self.seal = Seal({"one": b"\1" * 32}, os.urandom)
        self.documents = Documents(self.store, self.seal, Schemas.decode(data, SUPPORTED))
        self.tokens, self.trusts, self.lookups, self.health = (
            Tokens(),
            Trusts(self.store),
            LookUps(),
            Health(),
        )
        numbers = itertools.count(1)
        self.wishes = Wishes(self.documents, time.time, lambda: f"id-{next(numbers):04d}")
        self.policy = Policy()
        self.backend = Backend(
            wishes=self.wishes,
            documents=self.documents,
            tokens=self.tokens,
            policy=self.policy,
            trusts=self.trusts,
            lookups=self.lookups,
            health=self.health,
            home=EAST,
            clock=time.time,
        )
        self.endpoint = ""
        self._clients: list[Client] = []
        self._servers: list[grpc.aio.Server] = []

    def client(self, token: str = "ann", endpoints: str = "") -> Client:
        connection = Connection(parse_endpoints(endpoints or self.endpoint), FixedToken(token), seconds=10.0)
        self._clients.append(Client(connection))
        return self._clients[-1]

    async def serve(self) -> tuple[grpc.aio.Server, str]:
        """A replica's front door over this store, and its endpoint. It is stopped with the world."""
        server = build_server(self.backend)
        port = bind(server, Listen("127.0.0.1:0"))
        self.stop_with_it(server)
        await server.start()
        return server, f"127.0.0.1:{port}"

    def stop_with_it(self, server: grpc.aio.Server) -> None:
        self._servers.append(server)

    async def close(self) -> None:
        for client in self._clients:
            await client.connection.close()
        for server in self._servers:
            await server.stop(None)

    # what the engine would do

    async def header(self, name: str, project: str = "red") -> Header:
        view = await self._view(name, project)
        return view.header

    async def build(self, name: str, *, events: bool = True, project: str = "red") -> None:
        """Record that every step of the current plan is done, region by region, and end the stack."""
        view = await self._view(name, project)
        plan = await self.documents.plan(view.header.project, view.header.id, view.plan)
        for region in plan.regions:
            await self._build_region(name, region, events, project)

    async def park(self, name: str, region: Region, on: str) -> None:
        view = await self._view(name, "red")
        record = ShardRecord(region=region, plan=view.plan.number, parked=Waiting(on, 1e9))
        await self._put(keys.shard(view.header.project, view.header.id, region), record)

    async def pause(self, name: str, path: str, hook: str, region: Region) -> None:
        """Record that a step waits at a hook."""
        header = (await self._view(name, "red")).header
        record = HookRecord(
            path=ResourcePath(path), region=region, hook=hook, operation=header.operation, since=time.time()
        )
        await self._put(keys.hook(header.project, header.id, record.path, region, hook), record)

    async def fail(self, name: str, reason: str) -> None:
        view = await self._view(name, "red")
        header = msgspec.structs.replace(view.header, stopping=True, reason=reason, open=())
        await self._put(keys.header(header.project, header.id), end_header(header, time.time()))

    async def _build_region(self, name: str, region: Region, events: bool, project: str) -> None:
        view = await self._view(name, project)
        header = view.header
        plan = await self.documents.plan(header.project, header.id, view.plan)
        steps = [step for step in plan.of(region) if step.kind == "apply"]
        puts: dict[str, bytes] = {}
        for step in steps:
            id = PhysicalId(f"{region}-{step.path}")
            ref = f"{step.path}@{region}#1"
            incarnation = Incarnation(
                path=step.path,
                region=region,
                n=1,
                type=step.type,
                state=State.READY,
                plan=plan.number,
                id=id,
                hashes=await self._hashes(view.header, step.path),
                sealed=self.documents.seal_incarnation(header, ref, {"": id, "name": step.path}, {}),
                created_at=time.time(),
                updated_at=time.time(),
            )
            puts[keys.resource(header.project, header.id, step.path, region, 1)] = encode(incarnation)
        old = view.shards.get(region)
        seq = (old.events if old else 0) + 1
        shard = ShardRecord(
            region=region,
            plan=plan.number,
            events=seq,
            owner=ReplicaId("r1"),
            done=len(steps),
            steps=len(steps),
        )
        puts[keys.shard(header.project, header.id, region)] = encode(shard)
        if events:
            batch = EventBatch(
                region=region,
                seq=seq,
                plan=plan.number,
                events=tuple(
                    Event(at=time.time(), path=step.path, type=step.type, action="CREATE", status="COMPLETE")
                    for step in steps
                ),
            )
            puts[keys.event(header.project, header.id, region, seq)] = encode(batch)
        left = tuple(each for each in header.open if each != region)
        header = msgspec.structs.replace(header, open=left)
        puts[keys.header(header.project, header.id)] = encode(
            header if left else end_header(header, time.time())
        )
        await self.store.commit(put=puts)
        await self.store.commit(delete=[keys.work(keys.Shard(region, header.project, header.id))])

    async def _hashes(self, header: Header, path: str) -> dict[str, str]:
        tree = await self.documents.tree(header, header.revision)
        hash_one = self.documents.hash_property(header)
        values = tree.properties(path, _Built(tree))
        return {key: hash_one(key, value) for key, value in values.items() if value is not None}

    async def _view(self, name: str, project: str):
        entry = await self.store.get(keys.name(Project(project), name))
        id = StackId(msgspec.json.decode(entry.value)["stack"]) if entry else StackId(name)
        return await read_stack(self.store, Project(project), id, local=False)

    async def _put(self, key: str, record) -> None:
        await self.store.commit(put={key: encode(record)})


class _Built:
    """The resources as `build` records them."""

    def __init__(self, tree) -> None:
        self._tree = tree

    def reference(self, path):
        return f"{self._tree.definitions[path].region}-{path}"

    def attribute(self, path, name):
        return path if name == "name" else None


@asynccontextmanager
async def front_door() -> AsyncIterator[World]:
    """A world whose server runs, with two regions registered."""
    world = World()
    for name in (EAST, WEST):
        await add_region(world.store, name, {"auth_url": f"https://{name}.example.org/v3"})
    _, world.endpoint = await world.serve()
    try:
        yield world
    finally:
        await world.close()


def spec(template: str = TWO_REGIONS, **parameters: object) -> stack_pb2.StackSpec:
    made = stack_pb2.StackSpec(template=template)
    made.parameters.update(parameters)
    return made


def stack(name: str, template: str = TWO_REGIONS, etag: str = "", **parameters: object) -> stack_pb2.Stack:
    return stack_pb2.Stack(name=name, spec=spec(template, **parameters), etag=etag)


async def refused(call: Awaitable[object]) -> ApiError:
    """The error of a call that must fail."""
    with pytest.raises(ApiError) as caught:
        await call
    return caught.value
