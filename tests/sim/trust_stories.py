"""Small worlds in which a trust may be lost: its front door dies, its answer, its record."""

from __future__ import annotations

import asyncio

from global_heat.model.records import TrustAttempt
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.stage import Stage
from global_heat.store import keys
from global_heat.store.codec import decode

NET = Site("s0", "east", ports=0)
_PATH = "/OS-TRUST/trusts"


def trusts(stage: Stage) -> list[str]:
    """The handles of the trusts that Keystone has."""
    return [trust.handle for trust in stage.world.cloud.keystone.trusts.values()]


def trust_attempts(stage: Stage) -> list[TrustAttempt]:
    """What the ledger has of trusts."""
    cluster = stage.world.cluster
    entries = cluster.scan(keys.TRUSTS, "", cluster.revision)
    return [decode(TrustAttempt, entry.value) for entry in entries]


async def _creates(stage: Stage) -> asyncio.Task[None]:
    """A user who asks for a stack."""
    return asyncio.ensure_future(stage.create(NET))


async def dead_before_asking(stage: Stage) -> None:
    """The front door dies between its intent and the request."""
    creating = await _creates(stage)
    await stage.until(lambda: bool(trust_attempts(stage)))
    stage.world.user.front_door.kill()
    await creating
    await stage.settled()


async def dead_before_recording(stage: Stage) -> None:
    """The trust is made, and the front door dies before the stack is written."""
    stage.meets(Fate(return_seconds=3.0), _PATH)
    creating = await _creates(stage)
    await stage.until(lambda: bool(trusts(stage)))
    stage.world.user.front_door.kill()
    await creating
    await stage.settled()


async def unheard(stage: Stage) -> None:
    """The trust is made, and its front door is not told."""
    stage.meets(Fate(answer_lost=True), _PATH)
    await stage.create(NET)
    await stage.settled()


async def late(stage: Stage) -> None:
    """The request arrives when it has been given up, and the stack has another trust."""
    stage.meets(Fate(delay_seconds=30.0, hold_seconds=4.0), _PATH)
    await stage.create(NET)
    await stage.settled()
    await stage.until(lambda: len(trusts(stage)) == 2)


async def late_and_dead(stage: Stage) -> None:
    """The request arrives in the last moment in which its token is good; who sent it is dead."""
    sent = stage.meets(Fate(delay_seconds=55.0, hold_seconds=4.5), _PATH)
    creating = await _creates(stage)
    await sent.wait()
    stage.world.user.front_door.kill()
    await creating
    await stage.settled()
    await stage.until(lambda: len(trusts(stage)) == 2)


async def stopped(stage: Stage) -> None:
    """The front door has its trust, and stands still for longer than a wish may take."""
    creating = await _creates(stage)
    await stage.until(lambda: bool(trusts(stage)))
    process = stage.world.user.front_door.process
    process.stop()
    await stage.until(lambda: not trusts(stage))
    process.go_on()
    await creating
    await stage.settled()


async def answered_slowly(stage: Stage) -> None:
    """The trust stands there for two sweeps before its front door is told."""
    stage.meets(Fate(return_seconds=15.0), _PATH)
    await stage.create(NET)
    await stage.settled()


async def killed_at_the_end(stage: Stage) -> None:
    """All replicas die between the end of a trust's record and its removal."""
    await stage.create(NET)
    await stage.settled()
    await stage.world.user.delete("web")
    await stage.until(lambda: any(attempt.condemned for attempt in trust_attempts(stage)))
    for node in stage.world.nodes:
        await node.kill()
    for node in stage.world.nodes:
        node.start()
    await stage.closed()


async def disabled_at_the_end(stage: Stage) -> None:
    """Its user is disabled when the trust is to go, and for a while nobody can remove it."""
    keystone = stage.world.cloud.keystone
    await stage.create(NET)
    await stage.settled()
    await stage.world.user.delete("web")
    await stage.settled()
    keystone.disable_user(keystone.user_id("demo"))
    await asyncio.sleep(400.0)
    keystone.enable_user(keystone.user_id("demo"))
    await stage.closed()


async def replaced(stage: Stage) -> None:
    """Somebody has removed the trust; an update brings another."""
    await stage.create(NET)
    await stage.settled()
    keystone = stage.world.cloud.keystone
    for id in list(keystone.trusts):
        keystone.delete_trust(id)
    await asyncio.sleep(60.0)
    await stage.update(NET)
    await stage.settled()
