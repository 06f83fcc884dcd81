"""What goes wrong in a simulated world, drawn by chance; and the end of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, NamedTuple

from global_heat.model.records import Header
from global_heat.sim.aim import Aim
from global_heat.sim.cloud.faults import Disturbance, Fate, Mangle
from global_heat.sim.cloud.inprocess import Cut
from global_heat.sim.meddling import Meddler
from global_heat.sim.node import Node
from global_heat.sim.world import EXEC_SECONDS, LAG_SECONDS, REGIONS, SimWorld

_HELD_SECONDS_MAX = EXEC_SECONDS - 0.1
_MUTATING = "/(network|compute|volume)/"
Fault = Callable[[], Awaitable[None]]


class Hand:
    """What all faults are made with."""

    def __init__(self, world: SimWorld, chance: random.Random, tell: Callable[[str], None]) -> None:
        self.world = world
        self.chance = chance
        self.tell = tell
        self.tasks: list[asyncio.Task[None]] = []
        self.leaving: list[Node] = []
        """Those that were asked to end: they will."""

    def later(self, least: float, most: float, end: Callable[[], None]) -> float:
        """Call `end` some seconds from now; how many."""
        seconds = self.chance.uniform(least, most)

        async def wait() -> None:
            await asyncio.sleep(seconds)
            end()

        self.begin(wait())
        return seconds

    def begin(self, work: Coroutine[Any, Any, None]) -> None:
        """Let something go on beside everything else, until calm."""
        self.tasks.append(asyncio.ensure_future(work))

    def region(self) -> str:
        return self.chance.choice(REGIONS)

    def node(self) -> Node:
        return self.chance.choice(self.world.nodes)


class Drawn(NamedTuple):
    """A fault that was drawn: when (loop time), which, and what chance had in store for it."""

    at: float
    second: bool
    """Whether it follows another one at once."""
    fault: int
    state: tuple[Any, ...]


class Trouble:
    """Faults F1 to F20 of `docs/reliability.md`, as far as a seed draws them."""

    def __init__(self, world: SimWorld, chance: random.Random, tell: Callable[[str], None]) -> None:
        self._hand = Hand(world, chance, tell)
        replicas = _OfReplicas(self._hand)
        sources = (replicas, _OfStore(self._hand), _OfClouds(self._hand), _Aimed(self._hand, replicas))
        self._faults: list[Fault] = [fault for source in sources for fault in source.faults()]
        self.drawn: list[Drawn] = []

    async def make(self, count: int, horizon: float) -> None:
        """So many faults within so many seconds."""
        chance = self._hand.chance
        moments = sorted(chance.uniform(0.0, horizon) for _ in range(count))
        start = asyncio.get_running_loop().time()
        for moment in moments:
            await _until(start + moment)
            await self._draw(start + moment, second=False)
            if chance.random() < 0.25:
                await self._draw(start + moment, second=True)

    async def _draw(self, at: float, second: bool) -> None:
        fault = self._hand.chance.randrange(len(self._faults))
        self.drawn.append(Drawn(at, second, fault, self._hand.chance.getstate()))
        await self._faults[fault]()

    async def repeat(self, drawn: Sequence[Drawn]) -> None:
        """These faults and no others, each as it was drawn."""
        now = -1.0
        for each in drawn:
            if each.at != now:
                await _until(each.at)
            now = each.at
            self._hand.chance.setstate(each.state)
            await self._faults[each.fault]()
            if not each.second:
                self._hand.chance.random()

    async def calm(self) -> None:
        """End all faults; start what is dead."""
        for task in self._hand.tasks:
            task.cancel()
        await asyncio.gather(*self._hand.tasks, return_exceptions=True)
        for node in self._hand.leaving:
            await node.kill()
        world = self._hand.world
        world.cluster.space = world.cluster.quorum = True
        world.cloud.heal()
        world.cloud.keystone.enable_user(world.cloud.keystone.user_id("demo"))
        world.trustless.clear()
        world.user.link.heal()
        for node in world.nodes:
            node.process.go_on()
            node.link.heal()
            if not node.alive:
                node.start()


class _OfReplicas:
    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    def faults(self) -> Sequence[Fault]:
        return (self._kill_one, self._kill_one, self._pause_one, self._drain_one, self._cut_from_cloud)

    async def kill(self, node: Node) -> None:
        if not node.alive:
            return
        await node.kill()
        seconds = self._hand.later(0.5, 60.0, lambda: None if node.alive else node.start())
        self._hand.tell(f"kill {node.name} for {seconds:.1f} s")

    async def pause(self, node: Node) -> None:
        process = node.process
        process.stop()
        seconds = self._hand.later(1.0, 50.0, process.go_on)
        self._hand.tell(f"stop {node.name} for {seconds:.1f} s")

    async def _kill_one(self) -> None:
        await self.kill(self._hand.node())

    async def _pause_one(self) -> None:
        await self.pause(self._hand.node())

    async def _drain_one(self) -> None:
        """A rolling restart's step."""
        node = self._hand.node()
        if not node.alive or node in self._hand.leaving:
            return
        self._hand.tell(f"ask {node.name} to leave")

        async def leave() -> None:
            await node.leave(30.0)
            self._hand.leaving.remove(node)
            if not node.alive:
                node.start()

        self._hand.leaving.append(node)
        self._hand.begin(leave())

    async def _cut_from_cloud(self) -> None:
        hand = self._hand
        node, region = hand.node(), hand.region()
        if not node.alive:
            return
        how = hand.chance.choice(list(Cut))
        hand.world.cloud.partition(node.name, region, how)
        seconds = hand.later(2.0, 60.0, lambda: hand.world.cloud.rejoin(node.name, region))
        hand.tell(f"cut {node.name} from {region} ({how}) for {seconds:.1f} s")


class _OfStore:
    def __init__(self, hand: Hand) -> None:
        self._hand = hand

    def faults(self) -> Sequence[Fault]:
        return (
            self._cut_from_store,
            self._lose_answers,
            self._delay_requests,
            self._lag_member,
            self._expire_lease,
            self._lose_quorum,
            self._change_leader,
            self._compact,
            self._fill,
        )

    async def _cut_from_store(self) -> None:
        node = self._hand.node()
        link = node.link
        link.cut = True
        seconds = self._hand.later(2.0, 40.0, lambda: setattr(link, "cut", False))
        self._hand.tell(f"cut {node.name} from the store for {seconds:.1f} s")

    async def _lose_answers(self) -> None:
        node = self._hand.node()
        link = node.link if self._hand.chance.random() < 0.8 else self._hand.world.user.link
        link.lose_answers = self._hand.chance.choice((0.2, 0.5, 1.0))
        seconds = self._hand.later(2.0, 20.0, lambda: setattr(link, "lose_answers", 0.0))
        self._hand.tell(
            f"lose {link.lose_answers:.0%} of the store's answers to {node.name} for {seconds:.1f} s"
        )

    async def _delay_requests(self) -> None:
        node = self._hand.node()
        link = node.link if self._hand.chance.random() < 0.8 else self._hand.world.user.link
        link.late_requests = self._hand.chance.choice((0.2, 0.5))
        seconds = self._hand.later(2.0, 20.0, lambda: setattr(link, "late_requests", 0.0))
        self._hand.tell(f"{link.late_requests:.0%} of {node.name}'s commits come late for {seconds:.1f} s")

    async def _lag_member(self) -> None:
        node = self._hand.node()
        link = node.link
        link.member_lag = self._hand.chance.uniform(0.1, 5.0)
        self._hand.later(5.0, 40.0, lambda: setattr(link, "member_lag", 0.0))
        self._hand.tell(f"the member of {node.name} lags by {link.member_lag:.1f} s")

    async def _expire_lease(self) -> None:
        leases = self._hand.world.cluster.leases()
        if leases:
            self._hand.world.cluster.expire(self._hand.chance.choice(leases), "an old leader")
            self._hand.tell("a lease is revoked early")

    async def _lose_quorum(self) -> None:
        cluster = self._hand.world.cluster
        cluster.quorum = False
        seconds = self._hand.later(1.0, 40.0, lambda: setattr(cluster, "quorum", True))
        self._hand.tell(f"no quorum for {seconds:.1f} s")

    async def _change_leader(self) -> None:
        self._hand.world.cluster.change_leader()
        self._hand.tell("a new leader")

    async def _compact(self) -> None:
        self._hand.world.cluster.compact()
        self._hand.tell("compacted")

    async def _fill(self) -> None:
        cluster = self._hand.world.cluster
        cluster.space = False
        seconds = self._hand.later(1.0, 30.0, lambda: setattr(cluster, "space", True))
        self._hand.tell(f"no space for {seconds:.1f} s")


class _OfClouds:
    def __init__(self, hand: Hand) -> None:
        self._hand = hand
        self._meddler = Meddler(hand.world, hand.chance, hand.tell)

    def faults(self) -> Sequence[Fault]:
        return (
            self._down_region,
            self._disturb_calls,
            self._disturb_calls,
            self._disturb_calls,
            self._slow_region,
            self._lag_lists,
            self._down_cell,
            self._fail_things,
            self._down_service,
            self._revoke_tokens,
            self._disable_user,
            self._lose_trust,
            self._disturb_trusts,
            self._meddler.delete_something,
            self._meddler.rename_something,
        )

    async def _down_region(self) -> None:
        hand, region = self._hand, self._hand.region()
        faults = hand.world.cloud.regions[region].faults
        faults.unreachable = True
        faults.hanging = hand.chance.random() < 0.5

        def end() -> None:
            faults.unreachable = False

        seconds = hand.later(5.0, 120.0, end)
        if hand.chance.random() < 0.5:
            for node in [node for node in hand.world.nodes if node.region == region and node.alive]:
                await node.kill()
                hand.later(seconds, seconds, lambda node=node: None if node.alive else node.start())  # type: ignore[misc]
        hand.tell(f"{region} is down for {seconds:.1f} s (hanging: {faults.hanging})")

    async def _disturb_calls(self) -> None:
        hand, draw, region = self._hand, self._hand.chance, self._hand.region()
        late, held = draw.uniform(1.0, 100.0), draw.uniform(0.1, _HELD_SECONDS_MAX)
        fate = draw.choice(
            (
                Fate(answer_lost=True),
                Fate(answer_lost=True, reset=True),
                Fate(dropped=True),
                Fate(dropped=True, reset=True),
                Fate(refused=True),
                Fate(status=500),
                Fate(status=500, effect=True),
                Fate(status=503),
                Fate(status=429, retry_after_seconds=2),
                Fate(mangle=Mangle.GARBAGE),
                Fate(mangle=Mangle.TRUNCATED),
                Fate(delay_seconds=late),
                Fate(hold_seconds=held),
                Fate(delay_seconds=late / 2, hold_seconds=held),
                Fate(replay_after_seconds=draw.uniform(0.1, 50.0)),
                Fate(return_seconds=draw.uniform(1.0, 80.0)),
            )
        )
        methods = draw.choice((("POST",), ("POST",), ("PUT",), ("DELETE",), ("POST", "PUT", "DELETE", "GET")))
        times = draw.choice((1, 2, 5, 20))
        probability = draw.choice((0.3, 1.0))
        hand.world.cloud.regions[region].faults.add(
            Disturbance(fate, methods, times=times, probability=probability, path=_MUTATING)
        )
        hand.tell(f"{region}: {times} × {'/'.join(methods)} ({probability:.0%}) meet {fate}")

    async def _disturb_trusts(self) -> None:
        """The next requests for trusts, or to delete one, in whatever region."""
        hand, draw = self._hand, self._hand.chance
        late, held = draw.uniform(1.0, 100.0), draw.uniform(0.1, _HELD_SECONDS_MAX)
        fate = draw.choice(
            (
                Fate(answer_lost=True),
                Fate(answer_lost=True, reset=True),
                Fate(dropped=True),
                Fate(refused=True),
                Fate(status=503),
                Fate(status=500, effect=True),
                Fate(mangle=Mangle.GARBAGE),
                Fate(delay_seconds=late),
                Fate(delay_seconds=late / 2, hold_seconds=held),
                Fate(replay_after_seconds=draw.uniform(0.1, 50.0)),
                Fate(return_seconds=draw.uniform(1.0, 80.0)),
            )
        )
        times = draw.choice((1, 2, 5))
        for region in REGIONS:
            hand.world.cloud.regions[region].faults.add(
                Disturbance(fate, ("POST", "DELETE"), times=times, path="/OS-TRUST/trusts")
            )
        hand.tell(f"{times} times a trust's request meets {fate}")

    async def _slow_region(self) -> None:
        region = self._hand.region()
        faults = self._hand.world.cloud.regions[region].faults
        faults.latency_seconds = self._hand.chance.choice(((0.5, 3.0), (2.0, 20.0)))
        self._hand.later(5.0, 60.0, lambda: setattr(faults, "latency_seconds", (0.0, 0.0)))
        self._hand.tell(f"{region} is slow by {faults.latency_seconds} s")

    async def _lag_lists(self) -> None:
        region = self._hand.region()
        faults = self._hand.world.cloud.regions[region].faults
        faults.list_lag_seconds = self._hand.chance.uniform(0.1, LAG_SECONDS)
        faults.list_ghost_seconds = self._hand.chance.choice((0.0, LAG_SECONDS))
        faults.drop_filters = self._hand.chance.random() < 0.5

        def end() -> None:
            faults.list_lag_seconds = faults.list_ghost_seconds = 0.0

        self._hand.later(5.0, 60.0, end)
        self._hand.tell(f"{region}: lists lag by {faults.list_lag_seconds:.1f} s")

    async def _down_cell(self) -> None:
        region = self._hand.region()
        faults = self._hand.world.cloud.regions[region].faults
        faults.cell_down = True
        seconds = self._hand.later(2.0, 40.0, lambda: setattr(faults, "cell_down", False))
        self._hand.tell(f"{region}: a cell is down for {seconds:.1f} s")

    async def _fail_things(self) -> None:
        region = self._hand.region()
        kind = self._hand.chance.choice(("compute.server", "compute.server", "volume.volume"))
        self._hand.world.cloud.regions[region].faults.failing[kind] = self._hand.chance.choice((1, 3))
        self._hand.tell(f"{region}: the next {kind} ends in ERROR")

    async def _down_service(self) -> None:
        region = self._hand.region()
        down = self._hand.world.cloud.regions[region].faults.down
        service = self._hand.chance.choice(("identity", "identity", "compute", "network", "volume"))
        down.add(service)
        seconds = self._hand.later(2.0, 40.0, lambda: down.discard(service))
        self._hand.tell(f"{region}: {service} is down for {seconds:.1f} s")

    async def _revoke_tokens(self) -> None:
        self._hand.world.cloud.keystone.revoke(lambda grant: True)
        self._hand.tell("all tokens are revoked")

    async def _disable_user(self) -> None:
        keystone = self._hand.world.cloud.keystone
        demo = keystone.user_id("demo")
        keystone.disable_user(demo)
        seconds = self._hand.later(1.0, 30.0, lambda: keystone.enable_user(demo))
        self._hand.tell(f"the user is disabled for {seconds:.1f} s")

    async def _lose_trust(self) -> None:
        world = self._hand.world
        headers: list[Header] = world.headers()
        if headers:
            id = self._hand.chance.choice(headers).id
            world.trustless.add(id)
            seconds = self._hand.later(2.0, 60.0, lambda: world.trustless.discard(id))
            self._hand.tell(f"stack {id} has no trust for {seconds:.1f} s")


class _Aimed:
    """Kill or pause somebody at a chosen moment; see `sim.aim`."""

    def __init__(self, hand: Hand, replicas: _OfReplicas) -> None:
        self._hand = hand
        self._aim = Aim(hand.world, hand.chance, hand.tell)
        self._replicas = replicas

    def faults(self) -> Sequence[Fault]:
        return (
            self._at_intent,
            self._at_intent,
            self._at_write,
            self._at_heirs,
            self._at_sending,
            self._at_trust,
        )

    def _hit(self) -> Callable[[Node], Awaitable[None]]:
        return self._hand.chance.choice((self._replicas.kill, self._replicas.pause))

    async def _at_intent(self) -> None:
        self._hand.begin(self._aim.hit_intent(self._hit()))

    async def _at_write(self) -> None:
        self._hand.begin(self._aim.hit_write(self._hit()))

    async def _at_heirs(self) -> None:
        self._hand.begin(self._aim.hit_heirs(self._hit()))

    async def _at_trust(self) -> None:
        """The front door, some moments after it has recorded that it will ask for a trust."""
        moment = self._hand.chance.choice((0.0, 0.001, self._hand.chance.uniform(0.0, 0.3)))
        self._hand.begin(self._aim.hit_front_door(moment))

    async def _at_sending(self) -> None:
        lease_seconds = self._hand.world.settings.lease_seconds
        self._hand.begin(self._aim.hit_sender(self._hit(), lease_seconds))


async def _until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
