"""One run: a lab, load, faults; then calm, and the verdict."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import msgspec

from global_heat.cli.chaos_runs import judging
from global_heat.cli.chaos_runs.figures import spread, takeovers
from global_heat.cli.chaos_runs.hand import Hand
from global_heat.cli.chaos_runs.load import Worker
from global_heat.cli.chaos_runs.probes import PERIOD_SECONDS, Probe, untouched
from global_heat.cli.chaos_runs.report import Report
from global_heat.cli.chaos_runs.schedule import draw
from global_heat.cli.chaos_runs.witness import Witness
from global_heat.cli.lab.access import connect
from global_heat.cli.lab.running import RunningLab
from global_heat.model.errors import Ambiguous, Transient
from global_heat.sim.evidence import Violation

SETTLE_SECONDS_MAX = 240.0
CLOSE_SECONDS_MAX = 180.0
_LOOK_SECONDS = 0.5
Tell = Callable[[str], None]


class Wish(msgspec.Struct, frozen=True):
    """How long faults go on, and how many clients there are."""

    seconds: float = 90.0
    clients: int = 6


class Run:
    """One run on a lab that is up."""

    def __init__(self, lab: RunningLab, seed: int, wish: Wish, witness: Witness, tell: Tell) -> None:
        chance = random.Random(f"chaos load {seed}")
        regions = [region.name for region in lab.lab.regions]
        self._lab = lab
        self._wish = wish
        self._witness = witness
        self._tell = tell
        self._lanes = draw(seed, wish.seconds, regions, [replica.name for replica in lab.lab.replicas])
        self._hand = Hand(lab, witness, random.Random(chance.getrandbits(64)), tell)
        self._workers = [
            Worker(f"client{n}", connect(lab), regions, random.Random(chance.getrandbits(64)))
            for n in range(wish.clients)
        ]
        self._probes = [Probe(region, connect(lab, self._endpoints(region))) for region in regions]
        self.report = Report(seed)

    async def close(self) -> None:
        for client in (*(each.client for each in self._workers), *(each.client for each in self._probes)):
            await client.connection.close()

    async def go(self) -> Report:
        """From the first wish to the verdict."""
        await self._trouble()
        ended_at = time.monotonic()
        self._tell("calm")
        await self._hand.calm()
        await self._until_none(judging.busy, SETTLE_SECONDS_MAX, 16)
        self.report.calm_seconds = time.monotonic() - ended_at
        await self._until_none(judging.swept, CLOSE_SECONDS_MAX, 18)
        known = [each for worker in self._workers for each in worker.known]
        self._blame(await judging.judge_rest(self._lab, self._witness, known))
        self._tell("everything is deleted")
        for worker in self._workers:
            await worker.delete_all()
        for probe in self._probes:
            await probe.delete_all()
        await self._until_none(judging.busy, SETTLE_SECONDS_MAX, 16)
        await self._until_none(judging.swept, CLOSE_SECONDS_MAX, 18)
        told = [operation for worker in self._workers for operation in worker.told]
        self._blame(await judging.judge_end(self._lab, self._witness, told))
        self._blame(judging.outbursts(self._lab.processes.directory))
        for worker in self._workers:
            self._blame(worker.violations)
        await self._count()
        return self.report

    async def _trouble(self) -> None:
        """Load, probes and faults at once; clients and faults come to their end by themselves."""
        probing = [asyncio.create_task(probe.run()) for probe in self._probes]
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._hand.work(self._lanes, self._wish.seconds))
                for worker in self._workers:
                    group.create_task(worker.work(self._wish.seconds))
        finally:
            for task in probing:
                task.cancel()
            await asyncio.gather(*probing, return_exceptions=True)

    async def _until_none(
        self, look: Callable[[RunningLab], Awaitable[list[str]]], seconds: float, invariant: int
    ) -> None:
        """Wait until nothing is left; what is left when the time is up is a violation."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while True:
            try:
                left = await look(self._lab)
            except (Transient, Ambiguous) as error:
                left = [str(error)]
            if not left:
                return
            if loop.time() >= until:
                self._blame([Violation(invariant, f"{each} after {seconds:g} s of calm") for each in left])
                return
            await asyncio.sleep(_LOOK_SECONDS)

    async def _count(self) -> None:
        report, hand = self.report, self._hand
        found = await judging.evidence(self._lab, self._witness)
        judging.keep(self._lab.directory / "evidence", found)
        history, clouds = found.history, found.cloud
        report.faults = hand.counts
        report.stacks = sum(len(worker.known) for worker in self._workers)
        report.resources = sum(
            each.origin == "user" for past in clouds.regions.values() for each in past.history()
        )
        report.requests = sum(1 for _ in clouds.journal)
        report.revisions = len(history)
        report.takeovers = takeovers(history, hand.deaths)
        for worker in self._workers:
            report.asked += worker.asked
        for probe in self._probes:
            calm = untouched(probe.region, probe.waits, hand.done)
            report.waits[probe.region] = spread((wait.seconds for wait in probe.waits), PERIOD_SECONDS)
            report.waits_untouched[probe.region] = spread((wait.seconds for wait in calm), PERIOD_SECONDS)

    def _blame(self, violations: list[Violation]) -> None:
        for each in violations:
            self._tell(f"invariant {each.invariant}: {each.story}")
        self.report.violations += violations

    def _endpoints(self, region: str) -> str:
        return ",".join(replica.endpoint for replica in self._lab.lab.replicas_of(region))


async def run_once(lab: RunningLab, seed: int, wish: Wish, tell: Tell) -> Report:
    """Start the lab and do all of it. The lab is left as it is: whoever made it ends it.

    Raises `Invalid` and `Transient` when the lab does not start, or does not come back once all is calm.
    """
    await lab.start(tell)
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(lab.store())
        witness = Witness(store)
        watching = asyncio.create_task(witness.run())
        run = Run(lab, seed, wish, witness, tell)
        stack.push_async_callback(run.close)
        going = asyncio.create_task(run.go())
        try:
            await asyncio.wait({watching, going}, return_when=asyncio.FIRST_COMPLETED)
            if watching.done():
                watching.result()
            return going.result()
        finally:
            for task in (going, watching):
                task.cancel()
            await asyncio.gather(going, watching, return_exceptions=True)
