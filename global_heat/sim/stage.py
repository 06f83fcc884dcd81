"""A stage for stories: a small world with one stack, played to its end and judged by every invariant."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from global_heat.engine.ports import Settings
from global_heat.model.records import Attempt, AttemptState, Event, EventBatch, Incarnation
from global_heat.model.values import Json
from global_heat.regions.transport import Request
from global_heat.sim import loop
from global_heat.sim.blueprints import Blueprint, Site
from global_heat.sim.checker import Violation, check_gone, check_history, check_rest
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.node import Node
from global_heat.sim.world import SETTINGS, SimWorld
from global_heat.store.codec import decode

_CLOSE_SECONDS = 3000.0
"""Attempts are closed first, then trusts are removed and looked for once more."""
Story = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A world with one stack, `web`, and what a story needs to play with it."""

    def __init__(self, world: SimWorld) -> None:
        self.world = world

    def meets(self, fate: Fate, path: str, method: str = "POST", region: str = "east") -> asyncio.Event:
        """Let the next such request meet this fate; the event tells that it was sent."""
        sent = asyncio.Event()

        def decide(request: Request) -> Fate | None:
            if sent.is_set() or request.method != method or path not in request.url:
                return None
            sent.set()
            return fate

        self.world.cloud.regions[region].faults.decide = decide
        return sent

    async def create(self, *sites: Site, rollback: bool = False) -> None:
        await self.world.user.create("web", Blueprint(sites).template(), rollback)

    async def update(self, *sites: Site, rollback: bool = False) -> None:
        await self.world.user.update("web", Blueprint(sites).template(), rollback)

    def state(self) -> str:
        return next(header.state for header in self.world.headers() if header.name == "web")

    def record(self, ref: str) -> Incarnation:
        return next(record for record in self.world.records() if record.ref == ref)

    def events(self) -> list[Event]:
        """All that was told of the stacks, in the order of their commits."""
        found = self.world.cluster.scan("stacks/", "", self.world.cluster.revision)
        batches = [entry for entry in found if entry.key.split("/")[3] == "events"]
        batches.sort(key=lambda entry: entry.mod_revision)
        return [event for entry in batches for event in decode(EventBatch, entry.value).events]

    def attribute(self, ref: str, name: str, stack: str = "web") -> Json:
        """What is recorded of an attribute."""
        header = self.world.header(stack)
        assert header is not None
        record = next(i for i in self.world.records_by_stack()[header.id] if i.ref == ref)
        return self.world.documents(self.world.user.store).attributes(header, record)[name]

    def refs(self) -> set[str]:
        return {record.ref for record in self.world.records()}

    def things(self, kind: str) -> list[str]:
        """The ids of the live things of a kind."""
        return [made.id for made in self.world.cloud.truth() if made.kind == kind and made.origin == "user"]

    def made(self, kind: str) -> int:
        """How many of a kind were ever made."""
        regions = self.world.cloud.regions.values()
        return sum(made.kind == kind and made.origin == "user" for r in regions for made in r.history())

    def posts(self, path: str) -> int:
        return sum(entry.method == "POST" and path in entry.path for entry in self.world.cloud.journal)

    def claimed(self, region: str) -> bool:
        """Whether the stack's shard in a region has an owner."""
        return bool(self.world.cluster.scan(f"claims/{region}/", "", self.world.cluster.revision))

    def owner(self, region: str) -> Node:
        """The node that holds the claim of the stack's shard in a region."""
        claims = self.world.cluster.scan(f"claims/{region}/", "", self.world.cluster.revision)
        assert len(claims) == 1, claims
        name = claims[0].value.decode().split('"replica":"')[1].split(".")[0]
        return next(node for node in self.world.nodes if node.name == name)

    async def until(self, condition: Callable[[], bool], seconds: float = 300.0) -> None:
        """Look after every step of the loop, so that a moment of no length is not missed."""
        clock = asyncio.get_running_loop()
        end = clock.time() + seconds
        while not condition():
            assert clock.time() < end, "it never came to that"
            await asyncio.sleep(0.0002)

    async def until_intent(self, ref: str) -> None:
        """Until the intent to create it is recorded and its request not sent yet."""
        await self.until(lambda: any(r.ref == ref and r.state == "INTENT" for r in self.world.records()))

    async def settled(self) -> str:
        """The stack's state once nothing more happens."""
        await self.settled_all()
        return self.state()

    async def settled_all(self) -> None:
        """Until nothing more happens to any stack."""
        assert await self.world.settled(), self.world.headers()

    def attempts(self) -> list[AttemptState]:
        found = self.world.cluster.scan("attempts/", "", self.world.cluster.revision)
        return [decode(Attempt, entry.value).state for entry in found]

    async def closed(self) -> None:
        """Until no request that was ever sent can still land."""
        assert await self.world.until(lambda: self.world.swept() == 0, 900.0)


def play(story: Story, replicas: int = 3, seed: int = 1, settings: Settings = SETTINGS) -> list[Violation]:
    """Play a story in a world of its own; judge all of it, delete the stacks, judge again.

    What the story itself raises comes out.
    """
    return loop.run(_play(story, replicas, seed, settings))


async def _play(story: Story, replicas: int, seed: int, settings: Settings) -> list[Violation]:
    world = SimWorld(seed, replicas, settings)
    world.start()
    stage = Stage(world)
    await story(stage)
    found = await _at_rest(world)
    if not found:
        for header in world.headers():
            if not header.deleted:
                await world.user.delete(header.id)
        found = await _at_rest(world)
        found += check_gone(world.evidence())
        found += [
            Violation(16, f"{h.name} is {h.state}: {h.reason}") for h in world.headers() if not h.deleted
        ]
    found += check_history(world.evidence())
    for node in world.nodes:
        if (failure := node.failure()) is not None:
            found.append(Violation(0, f"{node.name} ended by {failure!r}"))
    await world.stop()
    return found


async def _at_rest(world: SimWorld) -> list[Violation]:
    if await world.settled() and not await world.until(lambda: world.swept() == 0, _CLOSE_SECONDS):
        return [Violation(18, f"{world.swept()} attempts are never closed")]
    return check_rest(world.evidence(), world.records(), world.headers())
