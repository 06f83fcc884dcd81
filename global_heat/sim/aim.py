"""Faults that are aimed: at the moment between an intent and its request, at an heir, at a take-over."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable

from global_heat.model.records import Claim, TrustAttempt
from global_heat.regions.transport import Request
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.etcd import Written
from global_heat.sim.node import Node
from global_heat.sim.world import EXEC_SECONDS, REGIONS, SimWorld
from global_heat.store.codec import decode
from global_heat.store.keys import TRUSTS

_PATIENCE_SECONDS = 60.0
Hit = Callable[[Node], Awaitable[None]]


class Aim:
    """Waits for a moment in the history of the store or in a region's requests, and hits who made it."""

    def __init__(self, world: SimWorld, chance: random.Random, tell: Callable[[str], None]) -> None:
        self._world = world
        self._chance = chance
        self._tell = tell

    async def hit_intent(self, hit: Hit) -> None:
        """Whoever has just recorded an attempt, before he knows it: its request waits to be sent."""
        written = await self._next(_is_intent)
        if written is not None:
            await self._hit(written, hit, "that has recorded an intent")

    async def hit_write(self, hit: Hit) -> None:
        """Whoever writes the next, or third, or tenth commit of a shard, before he knows it."""
        written = None
        for _ in range(self._chance.choice((1, 2, 3, 5, 10))):
            written = await self._next(_is_step)
        if written is not None:
            await self._hit(written, hit, "that has just committed")

    async def hit_heirs(self, hit: Hit) -> None:
        """An owner, then who takes over from him, then the next one."""
        for _ in range(self._chance.randint(2, 3)):
            written = await self._next(_is_claim)
            if written is None:
                return
            for _ in range(self._chance.randint(0, 4)):
                written = await self._next(_is_step, written.client) or written
            await self._hit(written, hit, "that has taken over")

    async def hit_sender(self, hit: Hit, lease_seconds: float) -> None:
        """The owner that sends the next request to create or delete: it lands around the take-over."""
        chance = self._chance
        region = chance.choice(REGIONS)
        methods = chance.choice((("POST",), ("POST", "PUT"), ("PUT", "DELETE")))
        fate = Fate(
            delay_seconds=max(0.0, lease_seconds + chance.uniform(-4.0, 6.0)),
            hold_seconds=chance.choice((0.0, chance.uniform(0.0, EXEC_SECONDS - 0.1))),
        )
        sent = asyncio.Event()
        mutating = ("/network/", "/compute/", "/volume/")

        def decide(request: Request) -> Fate | None:
            if sent.is_set() or request.method not in methods or not any(m in request.url for m in mutating):
                return None
            sent.set()
            return fate

        faults = self._world.cloud.regions[region].faults
        faults.decide = decide
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                await sent.wait()
        except TimeoutError:
            return
        finally:
            if faults.decide is decide and not sent.is_set():
                faults.decide = None
        self._tell(f"a {'/'.join(methods)} to {region} meets {fate}")
        await asyncio.sleep(chance.uniform(0.0, 0.2))
        claims = self._world.cluster.scan(f"claims/{region}/", "", self._world.cluster.revision)
        if claims:
            await self._strike(
                self._node(decode(Claim, claims[0].value).replica), hit, "that may have sent it"
            )

    async def hit_front_door(self, seconds: float) -> None:
        """Kill the front door so long after it has written that it will ask for a trust."""
        cluster, after = self._world.cluster, self._world.cluster.revision
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while not any(_is_trust_intent(written) for written in cluster.since(after)):
                    after = cluster.revision
                    await cluster.grown()
        except TimeoutError:
            return
        await asyncio.sleep(seconds)
        self._tell("kill the front door, which has recorded that it asks for a trust")
        self._world.user.front_door.kill()

    async def _next(self, matches: Callable[[Written], bool], client: str = "") -> Written | None:
        """The next commit of that sort by one of ours (by that client); None: none came."""
        cluster = self._world.cluster
        after = cluster.revision
        try:
            async with asyncio.timeout(_PATIENCE_SECONDS):
                while True:
                    await cluster.grown()
                    for written in cluster.since(after):
                        after = written.revision
                        if matches(written) and client in ("", written.client) and self._node(written.client):
                            return written
        except TimeoutError:
            return None

    def _node(self, client: str) -> Node | None:
        return next((node for node in self._world.nodes if client.startswith(f"{node.name}.")), None)

    async def _hit(self, written: Written, hit: Hit, why: str) -> None:
        await self._strike(self._node(written.client), hit, f"{why} ({written.revision})")

    async def _strike(self, node: Node | None, hit: Hit, why: str) -> None:
        if node is None or not node.alive:
            return
        self._tell(f"{node.name}, {why}:")
        await hit(node)


def _is_intent(written: Written) -> bool:
    return any(
        key.startswith("attempts/") and value and b'"INTENT"' in value for key, value in written.changes
    )


def _is_trust_intent(written: Written) -> bool:
    return any(
        key.startswith(TRUSTS) and value and not decode(TrustAttempt, value).condemned
        for key, value in written.changes
    )


def _is_step(written: Written) -> bool:
    return any(key.startswith("stacks/") and "/shards/" in key for key, _ in written.changes)


def _is_claim(written: Written) -> bool:
    return any(key.startswith("claims/") and value is not None for key, value in written.changes)
