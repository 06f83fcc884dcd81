"""Small worlds in which one mutant or another must show itself. They assert nothing: the checker judges."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

from global_heat.model.errors import Error
from global_heat.regions.transport import Request
from global_heat.sim.blueprints import Blueprint, Site
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.etcd import Link
from global_heat.sim.stage import Stage
from global_heat.store.protocol import Entry

NET = Site("s0", "east", ports=0)
PORT = Site("s0", "east", ports=1)
_SLOW = 3.2
"""Seconds that the store takes to answer; less than what a renewal is waited for."""
FULL = Site("s0", "east", ports=2, servers=1, volumes=1, secret=1)


async def life(stage: Stage) -> None:
    """Created, updated in place and by replacement. The stage deletes it."""
    await stage.create(FULL, Site("s1", "west", watches="s0"))
    await stage.settled()
    await stage.update(
        Site("s0", "east", title=1, shape=1, ports=2, servers=1, volumes=1, secret=1),
        Site("s1", "west", watches="s0"),
    )
    await stage.settled()


async def update_in_place(stage: Stage) -> None:
    await stage.create(NET)
    await stage.settled()
    await stage.update(Site("s0", "east", ports=0, title=1))
    await stage.settled()


async def lost_answer(stage: Stage) -> None:
    """It was made, and nobody was told."""
    stage.meets(Fate(answer_lost=True), "/networks")
    await stage.create(NET)
    await stage.settled()


async def late_request(stage: Stage) -> None:
    """It arrives when its owner has just given it up."""
    stage.meets(Fate(delay_seconds=70.0), "/networks")
    await stage.create(NET)
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") >= 1)


async def killed_at_intent(stage: Stage) -> None:
    await stage.create(NET)
    await stage.until_intent("s0_net@east#1")
    await stage.owner("east").kill()
    await stage.settled()


async def late_after_a_take_over(stage: Stage) -> None:
    sent = stage.meets(Fate(delay_seconds=40.0, hold_seconds=4.0), "/networks")
    await stage.create(NET)
    await sent.wait()
    await stage.owner("east").kill()
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") == 2)


async def late_after_a_delete(stage: Stage) -> None:
    sent = stage.meets(Fate(delay_seconds=50.0, hold_seconds=4.5), "/networks")
    await stage.create(NET)
    await sent.wait()
    await stage.owner("east").kill()
    await stage.world.user.delete("web")
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") >= 1)


async def made_before_a_take_over(stage: Stage) -> None:
    """The heir finds by its token what its predecessor made."""
    sent = stage.meets(Fate(answer_lost=True), "/networks")
    await stage.create(NET)
    await sent.wait()
    await stage.until(lambda: stage.made("network.network") == 1)
    await stage.owner("east").kill()
    await stage.settled()


async def stopped_owner(stage: Stage) -> None:
    """It has the answer to its create when somebody else has adopted the thing."""
    stage.meets(Fate(return_seconds=3.0), "/networks")
    await stage.create(NET)
    await stage.until(lambda: stage.made("network.network") == 1)
    owner = stage.owner("east")
    owner.process.stop()
    await stage.settled()
    owner.process.go_on()
    await asyncio.sleep(60.0)


async def replayed(stage: Stage) -> None:
    stage.meets(Fate(replay_after_seconds=20.0), "/networks")
    await stage.create(NET)
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") == 2)


async def sick_lists(stage: Stage) -> None:
    """The heir's lists fail while what was made cannot be seen in them."""
    sent = stage.meets(Fate(hold_seconds=4.5, answer_lost=True), "/networks")
    await stage.create(NET)
    await sent.wait()
    await stage.owner("east").kill()
    faults = stage.world.cloud.regions["east"].faults
    faults.add(Disturbance(Fate(status=503), methods=("GET",), path=r"/networks\?"))
    await asyncio.sleep(60.0)
    faults.clear_rules()
    await stage.settled()


async def dropped_filters(stage: Stage) -> None:
    """A service that ignores what a list is filtered by."""
    stage.world.cloud.regions["east"].faults.drop_filters = True
    await stage.create(NET)
    await stage.settled()
    stage.meets(Fate(answer_lost=True), "/networks")
    await stage.update(NET, Site("s1", "east", ports=0))
    await stage.settled()


async def outage_during_an_update(stage: Stage) -> None:
    """The network service answers 503 to whoever looks."""
    await _update_while(stage, Fate(status=503))


async def proxy_during_an_update(stage: Stage) -> None:
    """Something before the network service knows nothing of the path."""
    await _update_while(stage, Fate(status=404))


async def _update_while(stage: Stage, fate: Fate) -> None:
    await stage.create(NET)
    await stage.settled()
    faults = stage.world.cloud.regions["east"].faults
    faults.add(Disturbance(fate, methods=("GET",), path=r"/networks/", times=6))
    await stage.update(Site("s0", "east", ports=0, title=1))
    await stage.settled()


async def two_alike(stage: Stage) -> None:
    """Two stacks whose things have the same names; one goes."""
    site = Site("s0", "east", ports=1, servers=1, key="mine")
    await stage.world.user.create("other", Blueprint((site,)).template())
    await stage.settled_all()
    await stage.create(site)
    await stage.settled_all()
    await stage.world.user.delete("web")
    await stage.settled_all()


async def replacement(stage: Stage) -> None:
    """What others in another region stand on is replaced."""
    await stage.create(PORT, Site("s1", "west", ports=0, watches="s0"))
    await stage.settled()
    await stage.update(
        Site("s0", "east", shape=1, ports=1), Site("s1", "west", ports=0, title=1, watches="s0")
    )
    await stage.settled()


async def retained(stage: Stage) -> None:
    await stage.create(Site("s0", "east", ports=0, volumes=1, retained=True))
    await stage.settled()


async def lagging_members(stage: Stage) -> None:
    """The replicas' nearest members of the store are seconds behind, and the cloud is slow."""
    for node in stage.world.nodes:
        node.link.member_lag = 3.0
    stage.meets(Fate(delay_seconds=10.0), "/networks")
    await stage.create(NET)
    await stage.settled()
    for node in stage.world.nodes:
        node.link.heal()


class _TwoMembers(Link):
    """A way to two members, one of which is far behind: each question goes to one or the other."""

    @property
    def member_lag(self) -> float:
        return 4.0 if int(asyncio.get_running_loop().time() * 1000) % 2 else 0.0

    @member_lag.setter
    def member_lag(self, seconds: float) -> None:
        """It stays as it is."""


async def members_far_apart(stage: Stage) -> None:
    for node in stage.world.nodes:
        node.link.__class__ = _TwoMembers
    await replacement(stage)
    for node in stage.world.nodes:
        node.link.__class__ = Link
        node.link.member_lag = 0.0
    await stage.settled()


async def lost_commits(stage: Stage) -> None:
    """What the first owner writes does not arrive."""
    await stage.create(PORT)
    await stage.until(lambda: bool(_claims(stage)))
    await asyncio.sleep(0.02)
    for node in stage.world.nodes:
        node.link.lose_requests = 1.0
    await asyncio.sleep(2.0)
    for node in stage.world.nodes:
        node.link.heal()
    await stage.settled()


async def lost_answers_of_commits(stage: Stage) -> None:
    """What the owner writes arrives, and it is not told so."""
    await stage.create(FULL, Site("s1", "west", watches="s0"))
    await stage.until(lambda: bool(_claims(stage)))
    await asyncio.sleep(0.02)
    for node in stage.world.nodes:
        node.link.lose_answers = 1.0
    await asyncio.sleep(2.0)
    for node in stage.world.nodes:
        node.link.heal()
    await stage.settled()


async def many_commits(stage: Stage) -> None:
    """The store is far away, by turns farther and less far: what is sent later may arrive before."""
    for node in stage.world.nodes:
        ways = itertools.cycle((0.5, 0.2))
        node.link.latency = ways.__next__
    await stage.create(
        Site("s0", "east", ports=4, servers=2, volumes=1, secret=1), Site("s1", "west", ports=3, watches="s0")
    )
    await stage.settled()


def _claims(stage: Stage) -> list[Entry]:
    return stage.world.cluster.scan("claims/", "", stage.world.cluster.revision)


async def unheard_update(stage: Stage) -> None:
    """The update was written; its user was not told, and repeats it for as long as that takes."""
    await stage.create(NET)
    await stage.settled()
    before = _operations(stage)
    update = asyncio.ensure_future(stage.update(Site("s0", "east", ports=0, title=1)))
    await stage.until(lambda: _operations(stage) > before)
    stage.world.user.link.lose_answers = 1.0
    await asyncio.sleep(90.0)
    stage.world.user.link.heal()
    await update
    await stage.settled()


def _operations(stage: Stage) -> int:
    return sum("/operations/" in key for w in stage.world.cluster.history for key, _ in w.changes)


async def deaf_store(stage: Stage) -> None:
    """What the user asks for arrives, or does not."""
    for n in range(6):
        stage.world.user.link.lose_requests = 0.7
        try:
            await stage.world.user.create(f"web{n}", Blueprint((NET,)).template())
        except Error:
            continue
    stage.world.user.link.heal()
    await stage.settled_all()


async def failed_and_killed(stage: Stage) -> None:
    """Whoever saw the create fail dies before it is rolled back."""
    stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
    await stage.create(Site("s0", "east", ports=1, servers=1), rollback=True)
    await stage.until(lambda: any(h.state == "CREATE_FAILED" for h in stage.world.headers()))
    await stage.owner("east").kill()
    await stage.settled_all()
    await asyncio.sleep(60.0)
    await stage.settled_all()


async def outage(stage: Stage) -> None:
    """A region that is down while a stack is made there, and comes back."""
    east = stage.world.cloud.regions["east"].faults
    east.unreachable = True
    await stage.create(Site("a", "east", ports=1), Site("b", "west", watches="a"))
    await asyncio.sleep(120.0)
    east.unreachable = False
    await stage.settled()


async def busy_and_cut_off(stage: Stage) -> None:
    """The store answers renewals late, then not at all, while an owner deletes what a person still uses."""
    world = stage.world
    await stage.create(NET)
    await stage.settled()
    network = stage.record("s0_net@east#1").id
    port = await _by_hand(stage, "POST", "/ports", {"port": {"network_id": network, "name": "mine"}})
    usual = [node.link.latency for node in world.nodes]
    for node in world.nodes:
        node.link.latency = lambda usual=node.link.latency: _SLOW if _renews() else usual()  # type: ignore[misc]
    owner = min(world.cluster.renewals, key=lambda client: not client.startswith("r0"))
    known = len(world.cluster.renewals[owner])
    await stage.until(lambda: len(world.cluster.renewals[owner]) > known + 1)
    answered = asyncio.get_running_loop().time()

    def decide(request: Request) -> Fate | None:
        if request.method != "DELETE" or not world.cluster.quorum:
            return None
        world.cluster.quorum = False
        return Fate(return_seconds=answered + 7.0 - asyncio.get_running_loop().time())

    world.cloud.regions["east"].faults.decide = decide
    await world.user.delete("web")
    await asyncio.sleep(40.0)
    world.cloud.heal()
    world.cluster.quorum = True
    for node, latency in zip(world.nodes, usual, strict=True):
        node.link.latency = latency
    await _by_hand(stage, "DELETE", f"/ports/{port['port']['id']}", None)
    await stage.settled()


async def no_store(stage: Stage) -> None:
    """The store takes no writes for a minute, in which a create is answered and the next one could begin."""
    sent = stage.meets(Fate(return_seconds=30.0), "/subnets")
    await stage.create(PORT)
    await sent.wait()
    await asyncio.sleep(0.5)
    stage.world.cluster.quorum = False
    await asyncio.sleep(60.0)
    stage.world.cluster.quorum = True
    await stage.settled()


def _renews() -> bool:
    """Whether it is the renewal of a lease that goes on now."""
    task = asyncio.current_task()
    return task is not None and str(task.get_coro().__qualname__).endswith("keep")  # type: ignore[union-attr]


async def _by_hand(stage: Stage, method: str, path: str, body: object) -> dict[str, Any]:
    """What a person does behind our back."""
    token = stage.world.cloud.keystone.token("demo", "demo")
    data = b"" if body is None else json.dumps(body).encode()
    url = f"http://east.sim/network/v2.0{path}"
    transport = stage.world.cloud.transport("a person")
    response = await transport.send(Request(method, url, "east", {"X-Auth-Token": token}, data))
    answer: dict[str, Any] = json.loads(response.body or b"{}")
    return answer


async def refused_token(stage: Stage) -> None:
    """Its token is revoked in the middle of its life, and the request with the next one is late."""
    await stage.create(NET)
    await stage.settled()
    await asyncio.sleep(25.0)
    posts = 0

    def decide(request: Request) -> Fate | None:
        nonlocal posts
        if request.method == "POST" and request.url.endswith("/networks"):
            posts += 1
            if posts == 1:
                stage.world.cloud.keystone.revoke(lambda grant: True)
            elif posts == 2:
                return Fate(delay_seconds=50.0)
        return None

    stage.world.cloud.regions["east"].faults.decide = decide
    await stage.update(NET, Site("s1", "east", ports=0))
    await stage.settled()


async def answered_slowly(stage: Stage) -> None:
    """What a create made stands there for long before its owner is told, while others are swept."""
    stage.meets(Fate(replay_after_seconds=5.0), "/networks")
    await stage.create(NET)
    await stage.settled()
    stage.meets(Fate(return_seconds=40.0), "/networks")
    await stage.update(NET, Site("s1", "east", ports=0))
    await stage.settled()


async def forged_token(stage: Stage) -> None:
    """A person's thing whose description looks like ours."""
    await stage.create(NET)
    await stage.settled()
    body = {"network": {"name": "mine", "description": "gh1-" + "a" * 42}}
    made = await _by_hand(stage, "POST", "/networks", body)
    stage.world.foreign.add(made["network"]["id"])
    await stage.update(NET, Site("s1", "east", ports=0))
    await stage.settled()
