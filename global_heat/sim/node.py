"""A simulated process that runs a replica: it can be killed, stopped and let go on, cut off, slowed down."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Mapping

from global_heat.engine.access import StackClouds
from global_heat.engine.ports import Settings, World
from global_heat.engine.replica import Replica
from global_heat.model.errors import Error
from global_heat.model.names import Project, Region, ReplicaId, StackId
from global_heat.model.schema import Schemas
from global_heat.regions.calls import Calls
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import Credential
from global_heat.regions.health import RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.limits import Limits, Pace
from global_heat.regions.registry import Registry
from global_heat.regions.sessions import Sessions
from global_heat.regions.transport import Request, Response
from global_heat.resources.type import ResourceType
from global_heat.sim.cloud.inprocess import InProcessTransport
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.process import Process
from global_heat.store.documents import Documents
from global_heat.store.sealing import Seal


class _CloudWay:
    """A process's transport to the clouds."""

    def __init__(self, process: Process, inner: InProcessTransport) -> None:
        self._process = process
        self._inner = inner

    async def send(self, request: Request) -> Response:
        return await self._process.send(lambda: self._inner.send(request))


class Surroundings:
    """What all processes of a simulated world share."""

    def __init__(
        self,
        cluster: SimCluster,
        cloud: FakeCloud,
        registry: Registry,
        types: Mapping[str, ResourceType],
        schemas: Schemas,
        credential_of: Callable[[Project, StackId], Credential | None],
        clock: Callable[[], float],
        settings: Settings,
        key: bytes,
    ) -> None:
        self.cluster = cluster
        self.cloud = cloud
        self.registry = registry
        self.types = types
        self.schemas = schemas
        self.credential_of = credential_of
        self.clock = clock
        self.settings = settings
        self.key = key


class Node:
    """One replica in its process.

    `latency` gives the round trip in seconds to a region's cloud or `etcd`; `skew_seconds` is how far the
    clock of its machine is ahead.
    """

    def __init__(
        self,
        around: Surroundings,
        name: str,
        region: Region,
        chance: random.Random,
        latency: Callable[[str], float],
        skew_seconds: float = 0.0,
    ) -> None:
        self._around = around
        self._skew_seconds = skew_seconds
        self._replica: Replica | None = None
        self.name = name
        self.region = region
        self._chance = chance
        self._latency = latency
        self._lives = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.link: Link = self._new_link()
        self.process = Process()
        self._past: list[Process] = []

    @property
    def resumed(self) -> frozenset[float]:
        """When it went on after it was stopped, by the loop's clock."""
        return frozenset(at for process in (*self._past, self.process) for at in process.resumed)

    @property
    def alive(self) -> bool:
        return bool(self._tasks)

    def start(self) -> None:
        """Start a new process, which remembers nothing."""
        assert not self.alive, f"{self.name} runs already"
        self._lives += 1
        self._past.append(self.process)
        self.process = Process()
        self.link = self._new_link()
        random_bytes = self._chance.randbytes
        around = self._around

        def clock() -> float:
            return around.clock() + self._skew_seconds

        store = SimStore(around.cluster, f"{self.name}.{self._lives}", self.link, self.process)
        way = around.cloud.transport(self.name, lambda region: self._latency(region) / 2)
        transport = _CloudWay(self.process, way)
        health = RegionHealth(transport)
        calls = Calls(transport, health, Limits(lambda region, service: Pace()))
        sessions = Sessions(PlainIdentity(calls, clock), around.registry, clock, self.region)
        clouds = Clouds(around.registry, sessions, calls, clock)
        seal = Seal({"k1": around.key}, random_bytes)

        async def credential(project: Project, stack: StackId, cloud: str) -> Credential | None:
            return around.credential_of(project, stack)

        async def retire(project: Project, stack: StackId) -> None:
            return None

        world = World(
            store=store,
            documents=Documents(store, seal, around.schemas),
            seal=seal,
            clouds=StackClouds(clouds, credential, retire),
            health=health,
            types=around.types,
            clock=clock,
            random_bytes=random_bytes,
            settings=around.settings,
            replica=ReplicaId(f"{self.name}.{self._lives}"),
            region=self.region,
            distances=around.registry.distances,
        )
        self._replica = replica = Replica(world, on_renewal=lambda soft, hard: calls.change_until(soft))
        self._tasks = [asyncio.ensure_future(health.run()), asyncio.ensure_future(replica.run())]

    async def kill(self) -> None:
        """As by SIGKILL: what is on its way arrives, nothing more is sent."""
        self.process.die()
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def leave(self, patience_seconds: float) -> None:
        """As by SIGTERM: it gives back what it has, and is killed if that takes too long."""
        assert self._replica is not None, f"{self.name} does not run"
        with contextlib.suppress(TimeoutError, Error):
            async with asyncio.timeout(patience_seconds):
                await self._replica.stop()
        await self.kill()

    def failure(self) -> BaseException | None:
        """What ended a process that nobody killed."""
        for task in self._tasks:
            if task.done() and not task.cancelled() and task.exception() is not None:
                return task.exception()
        return None

    def _new_link(self) -> Link:
        return Link(lambda: self._latency("etcd"), self._chance.random)
