"""Small worlds in which something is left behind, or looks as if it were."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec

from global_heat.model.leavings import Budget, Look, Orphan, Removal
from global_heat.model.names import Path, PhysicalId, Token
from global_heat.model.records import AttemptState
from global_heat.model.token import RANDOM_BYTES, mark, mint
from global_heat.regions.transport import Request
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.stage import Stage
from global_heat.sim.world import EPOCH, REGIONS, SETTINGS
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import absent

NET = Site("s0", "east", ports=0)
TWO_NETS = (NET, Site("s1", "east", ports=0))
FORGED = Token("a" * 42)


def removals(stage: Stage) -> list[Removal]:
    found = stage.world.cluster.scan(keys.REMOVALS, "", stage.world.cluster.revision)
    return [decode(Removal, entry.value) for entry in found]


def budgets(stage: Stage) -> list[Budget]:
    found = stage.world.cluster.scan(keys.BUDGETS, "", stage.world.cluster.revision)
    return [decode(Budget, entry.value) for entry in found]


def orphans(stage: Stage) -> list[Orphan]:
    found = stage.world.cluster.scan(keys.ORPHANS, "", stage.world.cluster.revision)
    return [decode(Orphan, entry.value) for entry in found]


def looks(stage: Stage) -> dict[str, Look]:
    found = stage.world.cluster.scan(keys.LOOKS, "", stage.world.cluster.revision)
    return {look.region: look for look in (decode(Look, entry.value) for entry in found)}


def stuck(stage: Stage) -> set[str]:
    return {attempt.stuck for attempt in stage.world.attempts() if attempt.stuck}


async def by_hand(
    stage: Stage, method: str, path: str, body: object = None, service: str = "network/v2.0"
) -> dict[str, Any]:
    """What a person does behind our back."""
    token = stage.world.cloud.keystone.token("demo", "demo")
    data = b"" if body is None else json.dumps(body).encode()
    url = f"http://east.sim/{service}{path}"
    transport = stage.world.cloud.transport("a person")
    response = await transport.send(Request(method, url, "east", {"X-Auth-Token": token}, data))
    assert response.status < 300, response
    answer: dict[str, Any] = json.loads(response.body or b"{}")
    return answer


async def network_by_hand(stage: Stage, description: str) -> str:
    """A person's own network."""
    made = await by_hand(
        stage, "POST", "/networks", {"network": {"name": "mine", "description": description}}
    )
    id: str = made["network"]["id"]
    stage.world.foreign.add(id)
    return id


async def copied_mark(stage: Stage) -> None:
    """A person copies the description of a network, long after that was made; it is then deleted, slowly."""
    await stage.create(NET)
    await stage.settled()
    await stage.closed()
    own = stage.record("s0_net@east#1").id
    description = (await by_hand(stage, "GET", f"/networks/{own}"))["network"]["description"]
    await network_by_hand(stage, description)
    stage.meets(Fate(return_seconds=30.0), "/networks", method="DELETE")
    await stage.world.user.delete("web")
    await stage.settled()
    await stage.closed()


async def forged_ledger(stage: Stage) -> None:
    """Somebody who can write into the store, and has no key, condemns a network by a token of his own."""
    await stage.create(NET)
    await stage.settled()
    await network_by_hand(stage, f"gh1-{FORGED}")
    real = next(attempt for attempt in stage.world.attempts() if attempt.kind == "network.network")
    now = EPOCH + asyncio.get_running_loop().time()
    attempt = msgspec.structs.replace(
        real,
        token=FORGED,
        state=AttemptState.CONDEMNED,
        path=Path("nobody"),
        id=PhysicalId(""),
        started_at=now - 5.0,
        cred_expires_at=now + 60.0,
        settled=False,
    )
    shard = Shard(attempt.region, attempt.project, attempt.stack)
    key = keys.attempt(shard, FORGED)
    puts = {key: encode(attempt), keys.sweep(shard, FORGED): b"{}"}
    await stage.world.user.store.commit(absent(key), put=puts)
    await stage.closed()


async def two_left(stage: Stage) -> None:
    """Two networks are made twice, by replays."""

    def decide(request: Request) -> Fate | None:
        made = request.method == "POST" and request.url.endswith("/networks")
        return Fate(replay_after_seconds=8.0) if made else None

    stage.world.cloud.regions["east"].faults.decide = decide
    await stage.create(*TWO_NETS)
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") == 4)
    stage.world.cloud.regions["east"].faults.decide = None


async def searched_again(stage: Stage) -> None:
    """Orphans are searched for, something is made, orphans are searched for."""
    await stage.create(NET)
    await stage.settled()
    assert await stage.world.until(lambda: "east" in looks(stage), 900.0)
    await stage.update(*TWO_NETS)
    await stage.settled()
    begun = looks(stage)["east"].at
    age = SETTINGS.orphan_seconds + SETTINGS.inventory_seconds
    assert await stage.world.until(lambda: looks(stage)["east"].at > begun + age, 4.0 * age)


async def lost_ledger(stage: Stage) -> list[str]:
    """Two things that were made by us, as a store sees them that was restored from before that. Their ids."""
    await stage.create(NET)
    await stage.settled()
    network = await by_hand(stage, "POST", "/networks", {"network": _made_by_us(stage, "network.network")})
    id: str = network["network"]["id"]
    wish = {**_made_by_us(stage, "network.subnet"), "network_id": id, "ip_version": 4, "cidr": "10.9.0.0/24"}
    subnet = await by_hand(stage, "POST", "/subnets", {"subnet": wish})
    return [id, subnet["subnet"]["id"]]


def _made_by_us(stage: Stage, kind: str) -> dict[str, Any]:
    world = stage.world
    key = world.seal().token_keys[0]
    token = mint(key, world.project, REGIONS[0], kind, world.chance.randbytes(RANDOM_BYTES))
    return {"name": "forgotten", "description": mark("of an old stack", token)}
