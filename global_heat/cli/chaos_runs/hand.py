"""Carries the faults of a run out on its lab, and remembers what was done when, to whom."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from global_heat.cli.chaos_runs import space
from global_heat.cli.chaos_runs.figures import Death
from global_heat.cli.chaos_runs.schedule import FOR_ALL, Fault, Kind, Lane
from global_heat.cli.chaos_runs.witness import Witness
from global_heat.cli.lab.network import HOST, Condition
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.lab.status import read_status
from global_heat.model.errors import Error
from global_heat.sim.cloud.faults import Disturbance, Fate, Mangle

STOP_SECONDS = 15.0
_MENDINGS = 3
_SLOW_SECONDS = (0.2, 2.0)
_HELD_SECONDS_MAX = 4.5
"""Less than the lab's regions are registered with."""
_LAG_SECONDS = 0.8
_FAILURE_RATE = 0.15
_CUTS = {
    Kind.REGION_CUT: Condition.CUT,
    Kind.REGION_DEAF: Condition.DEAF,
    Kind.REGION_MUTE: Condition.MUTE,
}


class Done(msgspec.Struct):
    """One fault as it took place, in unix seconds. `regions` whose own it was; empty: everybody's."""

    kind: Kind
    regions: tuple[str, ...]
    began: float
    ended: float = float("inf")


class Hand:
    """`tell` hears, in words, what is done."""

    def __init__(
        self, lab: RunningLab, witness: Witness, chance: random.Random, tell: Callable[[str], None]
    ) -> None:
        self._lab = lab
        self._witness = witness
        self._chance = chance
        self._tell = tell
        self._dead: set[str] = set()
        self._over = asyncio.Event()
        self.done: list[Done] = []
        self.deaths: list[Death] = []

    @property
    def counts(self) -> Counter[Kind]:
        return Counter(done.kind for done in self.done)

    async def work(self, lanes: Sequence[Lane], seconds: float) -> None:
        """Go through all lanes at once; after so many seconds nothing begins any more."""
        asyncio.get_running_loop().call_later(seconds, self._over.set)

        async def go(lane: Lane) -> None:
            for fault in lane:
                await asyncio.sleep(fault.wait_seconds)
                if self._over.is_set():
                    return
                await self._inflict(fault)

        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(go(lane))

    async def calm(self) -> None:
        """Mend everything. Raises as `RunningLab.start` when that is not possible."""
        self._dead.clear()
        await self._lab.ask_clouds("POST", "heal")
        for attempt in range(_MENDINGS):
            try:
                await self._lab.restore(*(region.name for region in self._lab.lab.regions))
                return
            except Error as error:
                self._tell(f"not all is back: {error}")
                if attempt == _MENDINGS - 1:
                    raise

    # one fault

    async def _inflict(self, fault: Fault) -> None:
        """From its beginning to its end. That something is not back at once is no end of the run."""
        try:
            match fault.kind:
                case Kind.REPLICA_KILL | Kind.REPLICA_PAUSE:
                    await self._replica(fault)
                case Kind.REPLICAS_RESTART:
                    await self._restart(fault)
                case Kind.CLOUD_SLOW | Kind.CLOUD_FAILING:
                    await self._cloud(fault)
                case Kind.STORE_FULL:
                    await self._full(fault)
                case Kind.REGION_KILL | Kind.REGION_PAUSE:
                    await self._region(fault)
                case Kind.REGION_CUT | Kind.REGION_DEAF | Kind.REGION_MUTE:
                    await self._cut(fault)
                case _:
                    await self._members(fault)
        except Error as error:
            self._tell(f"{fault.kind}: not mended at once: {str(error).splitlines()[0]}")

    def _begin(self, kind: Kind, *regions: str, of: str = "") -> Done:
        done = Done(kind, () if kind in FOR_ALL else regions, time.time())
        self.done.append(done)
        self._tell(f"{kind}: {of or ', '.join(regions)}")
        return done

    async def _region(self, fault: Fault) -> None:
        region = fault.targets[0]
        done = self._begin(fault.kind, region)
        self._dead.add(region)
        now = time.time()
        self.deaths += [Death(now, replica.name) for replica in self._lab.lab.replicas_of(region)]
        await (self._lab.kill if fault.kind is Kind.REGION_KILL else self._lab.pause)(region)
        await asyncio.sleep(fault.seconds)
        self._dead.discard(region)
        await self._mend_region(done, region)

    async def _cut(self, fault: Fault) -> None:
        region = fault.targets[0]
        done = self._begin(fault.kind, region)
        await self._lab.cut(region, _CUTS[fault.kind])
        await asyncio.sleep(fault.seconds)
        await self._mend_region(done, region)

    async def _members(self, fault: Fault) -> None:
        """Etcd members alone: the leader, one, or so many that no majority is left."""
        leaders = [row["region"] for row in await read_status(self._lab) if row["etcd"] == "leader"]
        order = list(fault.targets)
        if fault.kind not in (Kind.MEMBER_KILL, Kind.MEMBER_PAUSE):
            order.sort(key=lambda region: region not in leaders)
        lost = len(order) // 2 + 1 if fault.kind in FOR_ALL else 1
        regions = order[:lost]
        done = self._begin(fault.kind, *regions)
        kills = fault.kind in (Kind.LEADER_KILL, Kind.MEMBER_KILL, Kind.QUORUM_KILL)
        for region in regions:
            (self._lab.members.kill if kills else self._lab.members.pause)(region)
        await asyncio.sleep(fault.seconds)
        try:
            await self._lab.members.restore(*regions)
        finally:
            self._end(done)

    async def _full(self, fault: Fault) -> None:
        endpoints = [f"{HOST}:{region.etcd}" for region in self._lab.lab.regions]
        if not await space.fill(endpoints):
            self._tell("etcd did not come to be full")
            return
        done = self._begin(fault.kind, of="all members")
        await asyncio.sleep(fault.seconds)
        try:
            revision = await space.throw_out(endpoints)
            # What is forgotten must have been heard.
            await self._witness.caught_up(revision)
            await space.make_room(endpoints, revision)
        finally:
            self._end(done)

    async def _replica(self, fault: Fault) -> None:
        name = fault.targets[0]
        done = self._begin(fault.kind, self._home(name), of=name)
        self.deaths.append(Death(time.time(), name))
        await (self._lab.kill if fault.kind is Kind.REPLICA_KILL else self._lab.pause)(name)
        await asyncio.sleep(fault.seconds)
        await self._mend_replica(done, name)

    async def _restart(self, fault: Fault) -> None:
        """All replicas, one after the other, asked to end; no more once it is time to mend."""
        for name in fault.targets:
            if self._over.is_set():
                return
            if self._home(name) in self._dead:
                continue
            done = self._begin(fault.kind, self._home(name), of=name)
            await asyncio.to_thread(self._lab.processes.stop, [name], STOP_SECONDS)
            try:
                await self._mend_replica(done, name)
            except Error as error:
                self._tell(f"{name} is not back at once: {str(error).splitlines()[0]}")

    async def _cloud(self, fault: Fault) -> None:
        region = fault.targets[0]
        done = self._begin(fault.kind, region)
        path = f"regions/{region}"
        if fault.kind is Kind.CLOUD_SLOW:
            await self._set(path, latency_seconds=_SLOW_SECONDS, list_lag_seconds=_LAG_SECONDS)
        else:
            rates = dict.fromkeys(("compute.server", "volume.volume"), _FAILURE_RATE)
            await self._set(path, failure_rates=rates)
            for disturbance in disturbances(self._chance):
                await self._lab.ask_clouds("POST", f"{path}/disturbances", _json(disturbance))
        await asyncio.sleep(fault.seconds)
        await self._set(path, latency_seconds=(0.0, 0.0), list_lag_seconds=0.0, failure_rates={})
        await self._lab.ask_clouds("DELETE", f"{path}/disturbances")
        self._end(done)

    async def _set(self, path: str, **faults: Any) -> None:
        await self._lab.ask_clouds("PATCH", f"{path}/faults", _json(faults))

    # its end

    async def _mend_region(self, done: Done, region: str) -> None:
        try:
            await self._lab.restore(region)
        finally:
            self._end(done)

    async def _mend_replica(self, done: Done, name: str) -> None:
        """In a region that is dead it stays so until the region returns."""
        try:
            if self._home(name) not in self._dead:
                await self._lab.restore(name)
        finally:
            self._end(done)

    def _end(self, done: Done) -> None:
        done.ended = time.time()
        self._tell(f"{done.kind}: mended after {done.ended - done.began:.1f} s")

    def _home(self, replica: str) -> str:
        return next(each.region for each in self._lab.lab.replicas if each.name == replica)


def disturbances(chance: random.Random) -> list[Disturbance]:
    """Some of what can happen to a request, each to a part of them."""
    fates = (
        Fate(answer_lost=True, reset=True),
        Fate(answer_lost=True),
        Fate(dropped=True, reset=True),
        Fate(status=500),
        Fate(status=500, effect=True),
        Fate(status=503),
        Fate(status=429, retry_after_seconds=1),
        Fate(mangle=Mangle.GARBAGE),
        Fate(mangle=Mangle.TRUNCATED),
        Fate(delay_seconds=chance.uniform(1.0, 15.0)),
        Fate(hold_seconds=chance.uniform(0.1, _HELD_SECONDS_MAX)),
        Fate(replay_after_seconds=chance.uniform(0.1, 15.0)),
    )
    changes = ("POST", "PUT", "DELETE")
    return [
        Disturbance(fate, chance.choice((("POST",), changes, (*changes, "GET"))), probability=0.15)
        for fate in chance.sample(fates, 4)
    ]


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()
