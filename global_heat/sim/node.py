"""A simulated process that runs a replica: it can be killed, stopped and let go on, cut off, slowed down."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

from global_heat.engine.access import StackClouds
from global_heat.engine.ports import World
from global_heat.engine.replica import Replica
from global_heat.model.errors import Error
from global_heat.model.names import Project, Region, ReplicaId, StackId
from global_heat.regions.credentials import Credential
from global_heat.sim.etcd import Link
from global_heat.sim.outside import Outside, Surroundings
from global_heat.sim.process import Process


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

        outside = Outside(
            around,
            self.name,
            f"{self.name}.{self._lives}",
            self.region,
            self.process,
            self.link,
            self._latency,
            clock,
            random_bytes,
        )

        async def credential(project: Project, stack: StackId, cloud: str) -> Credential | None:
            return None if stack in around.trustless else await outside.trusts.find(project, stack, cloud)

        world = World(
            store=outside.store,
            documents=outside.documents,
            seal=outside.seal,
            clouds=StackClouds(outside.clouds, credential),
            trusts=outside.trusts,
            health=outside.health,
            types=around.types,
            clock=clock,
            random_bytes=random_bytes,
            settings=around.settings,
            replica=ReplicaId(f"{self.name}.{self._lives}"),
            region=self.region,
            distances=around.registry.distances,
        )
        self._replica = replica = Replica(
            world, on_renewal=lambda soft, hard: outside.calls.change_until(soft)
        )
        self._tasks = [asyncio.ensure_future(outside.health.run()), asyncio.ensure_future(replica.run())]

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
