"""What goes wrong in a simulated world, drawn by chance; and the end of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable

from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.cloud.inprocess import Cut
from global_heat.sim.node import Node
from global_heat.sim.world import REGIONS, SimWorld


class Trouble:
    """Faults F1 to F16 of `docs/reliability.md`, as far as a seed draws them."""

    def __init__(self, world: SimWorld, chance: random.Random, tell: Callable[[str], None]) -> None:
        self._world = world
        self._chance = chance
        self._tell = tell
        self._ends: list[asyncio.Task[None]] = []

    async def make(self, count: int, horizon: float) -> None:
        """So many faults within so many seconds."""
        faults = (
            self._kill,
            self._kill,
            self._pause,
            self._cut_from_store,
            self._lose_store_answers,
            self._lag_member,
            self._cut_from_cloud,
            self._down_region,
            self._disturb_calls,
            self._disturb_calls,
            self._lag_lists,
            self._expire_lease,
            self._lose_quorum,
            self._change_leader,
            self._compact,
            self._fill_store,
            self._fail_things,
            self._down_keystone,
        )
        moments = sorted(self._chance.uniform(0.0, horizon) for _ in range(count))
        loop = asyncio.get_running_loop()
        start = loop.time()
        for moment in moments:
            await asyncio.sleep(max(0.0, start + moment - loop.time()))
            await self._chance.choice(faults)()
            if self._chance.random() < 0.25:
                await self._chance.choice(faults)()

    async def calm(self) -> None:
        """End all faults; start what is dead."""
        for end in self._ends:
            end.cancel()
        await asyncio.gather(*self._ends, return_exceptions=True)
        world = self._world
        world.cluster.quorum = world.cluster.space = True
        world.cloud.heal()
        world.user.link.lose_answers = 0.0
        for node in world.nodes:
            node.process.go_on()
            node.link.cut = False
            node.link.lose_answers = node.link.lose_requests = node.link.member_lag = 0.0
            if not node.alive:
                node.start()

    # faults

    def _node(self) -> Node:
        return self._chance.choice(self._world.nodes)

    def _later(self, least: float, most: float, end: Callable[[], None]) -> float:
        """Call `end` some seconds from now; how many."""
        seconds = self._chance.uniform(least, most)

        async def wait() -> None:
            await asyncio.sleep(seconds)
            end()

        self._ends.append(asyncio.ensure_future(wait()))
        return seconds

    async def _kill(self) -> None:
        node = self._node()
        if not node.alive:
            return
        await node.kill()
        seconds = self._later(0.5, 60.0, lambda: None if node.alive else node.start())
        self._tell(f"kill {node.name} for {seconds:.1f} s")

    async def _pause(self) -> None:
        node = self._node()
        node.process.stop()
        process = node.process
        seconds = self._later(1.0, 50.0, process.go_on)
        self._tell(f"stop {node.name} for {seconds:.1f} s")

    async def _cut_from_store(self) -> None:
        node = self._node()
        link = node.link
        link.cut = True
        seconds = self._later(2.0, 40.0, lambda: setattr(link, "cut", False))
        self._tell(f"cut {node.name} from the store for {seconds:.1f} s")

    async def _lose_store_answers(self) -> None:
        node = self._node()
        link = node.link
        link.lose_answers = self._chance.choice((0.2, 0.5, 1.0))
        seconds = self._later(2.0, 20.0, lambda: setattr(link, "lose_answers", 0.0))
        self._tell(f"lose {link.lose_answers:.0%} of the store's answers to {node.name} for {seconds:.1f} s")

    async def _lag_member(self) -> None:
        node = self._node()
        link = node.link
        link.member_lag = self._chance.uniform(0.1, 5.0)
        self._later(5.0, 40.0, lambda: setattr(link, "member_lag", 0.0))
        self._tell(f"the member of {node.name} lags by {link.member_lag:.1f} s")

    async def _cut_from_cloud(self) -> None:
        node, region = self._node(), self._chance.choice(REGIONS)
        if not node.alive:
            return
        how = self._chance.choice(list(Cut))
        self._world.cloud.partition(node.name, region, how)
        seconds = self._later(2.0, 60.0, lambda: self._world.cloud.rejoin(node.name, region))
        self._tell(f"cut {node.name} from {region} ({how}) for {seconds:.1f} s")

    async def _down_region(self) -> None:
        region = self._chance.choice(REGIONS)
        faults = self._world.cloud.regions[region].faults
        faults.unreachable = True
        faults.hanging = self._chance.random() < 0.5

        def end() -> None:
            faults.unreachable = False

        seconds = self._later(5.0, 120.0, end)
        killed = [node for node in self._world.nodes if node.region == region and node.alive]
        if self._chance.random() < 0.5:
            for node in killed:
                await node.kill()
                self._later(seconds, seconds, lambda node=node: None if node.alive else node.start())  # type: ignore[misc]
        self._tell(f"{region} is down for {seconds:.1f} s (hanging: {faults.hanging})")

    async def _disturb_calls(self) -> None:
        region = self._chance.choice(REGIONS)
        faults = self._world.cloud.regions[region].faults
        draw = self._chance
        fate = draw.choice(
            (
                Fate(answer_lost=True),
                Fate(dropped=True),
                Fate(refused=True),
                Fate(status=500),
                Fate(status=500, effect=True),
                Fate(status=503),
                Fate(status=429, retry_after_seconds=2),
                Fate(delay_seconds=draw.uniform(1.0, 100.0)),
                Fate(hold_seconds=draw.uniform(0.1, 4.9)),
                Fate(delay_seconds=draw.uniform(1.0, 50.0), hold_seconds=draw.uniform(0.1, 4.9)),
                Fate(replay_after_seconds=draw.uniform(0.1, 30.0)),
                Fate(return_seconds=draw.uniform(1.0, 80.0)),
            )
        )
        methods = draw.choice((("POST",), ("POST",), ("PUT",), ("DELETE",), ("POST", "PUT", "DELETE", "GET")))
        times = draw.choice((1, 2, 5, 20))
        probability = draw.choice((0.3, 1.0))
        faults.add(
            Disturbance(
                fate, methods, times=times, probability=probability, path="/(network|compute|volume)/"
            )
        )
        self._tell(f"{region}: {times} × {'/'.join(methods)} ({probability:.0%}) meet {fate}")

    async def _lag_lists(self) -> None:
        region = self._chance.choice(REGIONS)
        faults = self._world.cloud.regions[region].faults
        faults.list_lag_seconds = self._chance.uniform(0.1, 0.9)
        faults.drop_filters = self._chance.random() < 0.5
        self._later(5.0, 60.0, lambda: setattr(faults, "list_lag_seconds", 0.0))
        self._tell(f"{region}: lists lag by {faults.list_lag_seconds:.1f} s")

    async def _expire_lease(self) -> None:
        leases = self._world.cluster.leases()
        if leases:
            self._world.cluster.expire(self._chance.choice(leases), "an old leader")
            self._tell("a lease is revoked early")

    async def _lose_quorum(self) -> None:
        cluster = self._world.cluster
        cluster.quorum = False
        seconds = self._later(1.0, 40.0, lambda: setattr(cluster, "quorum", True))
        self._tell(f"no quorum for {seconds:.1f} s")

    async def _change_leader(self) -> None:
        self._world.cluster.change_leader()
        self._tell("a new leader")

    async def _compact(self) -> None:
        self._world.cluster.compact()
        self._tell("compacted")

    async def _fill_store(self) -> None:
        cluster = self._world.cluster
        cluster.space = False
        seconds = self._later(1.0, 30.0, lambda: setattr(cluster, "space", True))
        self._tell(f"no space for {seconds:.1f} s")

    async def _fail_things(self) -> None:
        region = self._chance.choice(REGIONS)
        self._world.cloud.regions[region].faults.failing["compute.server"] = 1
        self._tell(f"{region}: the next server ends in ERROR")

    async def _down_keystone(self) -> None:
        region = self._chance.choice(REGIONS)
        down = self._world.cloud.regions[region].faults.down
        down.add("identity")
        seconds = self._later(2.0, 40.0, lambda: down.discard("identity"))
        self._tell(f"{region}: Keystone is down for {seconds:.1f} s")
