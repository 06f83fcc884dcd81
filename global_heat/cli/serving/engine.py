"""The process that works: it holds a lease, claims shards and changes clouds."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from importlib.metadata import version

import msgspec
import structlog

from global_heat.cli.evaluator import WorkerEvaluator
from global_heat.cli.serving.alarm import HardAlarm, default_disposition
from global_heat.cli.serving.child import run_part
from global_heat.cli.serving.documents import DocumentsAside
from global_heat.cli.serving.metrics import Metrics, RegionGauge
from global_heat.cli.serving.observing import observed
from global_heat.cli.serving.outside import Distances, Outside, outside, store_answers
from global_heat.cli.serving.setup import Setup
from global_heat.engine.access import StackClouds
from global_heat.engine.claims import Claims
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import Opened, World
from global_heat.engine.replica import Replica
from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.model.leavings import Orphan, OrphanState
from global_heat.model.names import Region, ReplicaId
from global_heat.resources.catalogue import KINDS, load_schemas
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Entry, Store

log = structlog.get_logger()
COUNT_SECONDS = 15.0


class LeavingGauges(msgspec.Struct, frozen=True):
    """What is shown of attempts and of what they left."""

    open_attempts: RegionGauge
    held_deletions: RegionGauge
    orphans: RegionGauge


async def run_engine(setup: Setup, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then give everything back. Raises `Invalid` when it cannot work at all."""
    default_disposition()
    async with outside(setup) as out:
        alarm = HardAlarm(lambda: out.calls.changing)

        def renewed(soft: float, hard: float) -> None:
            # The calls first: what the alarm waits for at `soft` is what this has been told to cut then.
            out.calls.change_until(soft)
            alarm.renewed(soft, hard)

        replica = Replica(_world(out), version("global-heat"), renewed)
        gauges = show(out.metrics, lambda: replica.lease, lambda: replica.claims)
        await out.until_store_is_fit()
        loaded = asyncio.Event()
        async with (
            observed(
                "observe.engine",
                out.config.observe.engine,
                out.metrics,
                lambda: _readiness(out.store, replica),
                lambda: _regions(out),
            ),
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(out.regions.follow(loaded)),
                group.create_task(out.health.run()),
                group.create_task(_count_leavings(out, replica, gauges)),
            ]
            await loaded.wait()
            working = group.create_task(replica.run())
            await stop.wait()
            await _drain(replica, out.config.drain_seconds)
            for task in (working, *tasks):
                task.cancel()
        alarm.off()


async def _drain(replica: Replica, seconds: float) -> None:
    """Claim nothing more, let calls end, give the lease back; what is not given back ends with the lease."""
    log.info("draining")
    try:
        async with asyncio.timeout(seconds):
            await replica.stop()
    except (Transient, Ambiguous, Fenced) as error:
        log.warning("the lease could not be given back", error=str(error))
    except TimeoutError:
        log.warning("draining took too long: what is under way is left to who claims it next")
    else:
        log.info("drained")


def _world(out: Outside) -> World:
    config = out.config
    # Two processes of one name would take each other's claims for their own.
    name = f"{config.replica.id}-{secrets.token_hex(3)}"
    structlog.contextvars.bind_contextvars(replica=name)
    return World(
        store=out.store,
        documents=DocumentsAside(out.store, out.seal, load_schemas(), WorkerEvaluator()),
        seal=out.seal,
        clouds=_StackClouds(out),
        trusts=out.trusts,
        health=out.health,
        types=KINDS,
        clock=time.time,
        random_bytes=secrets.token_bytes,
        settings=config.engine,
        replica=ReplicaId(name),
        region=config.home,
        address=config.replica.address or config.listen.address,
        distances=Distances(out.registry),
        on_published=out.metrics.published,
    )


class _StackClouds(StackClouds):
    """Whatever a task logs after it opened a cloud for a stack names the stack."""

    def __init__(self, out: Outside) -> None:
        super().__init__(out.clouds, out.trusts.find)
        self._regions = out.regions

    async def open(self, shard: Shard) -> Opened:
        structlog.contextvars.bind_contextvars(stack=shard.stack, region=shard.region)
        await self._regions.know(shard.region)
        return await super().open(shard)


async def _readiness(store: Store, replica: Replica) -> dict[str, bool]:
    lease = replica.lease
    return {"store": await store_answers(store), "lease": lease is not None and lease.may_act}


def _regions(out: Outside) -> dict[str, dict[str, str]]:
    found = {name: out.health.condition(name) for name in out.registry.names}
    return {name: {"state": str(each.state), "why": each.why} for name, each in found.items()}


def show(
    metrics: Metrics, lease: Callable[[], LeaseKeeper | None], claims: Callable[[], Claims | None]
) -> LeavingGauges:
    """Register what an engine shows of itself; the gauges of what is left behind are for who counts that."""

    def of_claims(number: Callable[[Claims], float]) -> Callable[[], float]:
        def value() -> float:
            held = claims()
            return number(held) if held is not None else 0.0

        return value

    def margin() -> float:
        held = lease()
        return held.margin_seconds if held is not None else 0.0

    owned, waiting, parked = (
        of_claims(number) for number in (lambda c: c.owned, lambda c: c.waiting, lambda c: c.parked)
    )
    metrics.gauge("global_heat_claims", "Shards that this replica owns.", owned)
    metrics.gauge("global_heat_queue_depth", "Shards with work that nobody has claimed.", waiting)
    metrics.gauge("global_heat_parked_shards", "Owned shards that wait for their region.", parked)
    metrics.gauge(
        "global_heat_lease_margin_seconds", "Until no changing call may be begun, unless renewed.", margin
    )
    return LeavingGauges(
        open_attempts=metrics.by_region(
            "global_heat_open_attempts", "Attempts to create that are not settled yet."
        ),
        held_deletions=metrics.by_region(
            "global_heat_held_deletions", "What this replica's sweeper would delete and may not, now."
        ),
        orphans=metrics.by_region(
            "global_heat_suspect_orphans", "Things with our mark that nothing accounts for, undecided."
        ),
    )


async def _count_leavings(out: Outside, replica: Replica, gauges: LeavingGauges) -> None:
    """Count from time to time what is open, what waits and what nobody accounts for."""
    while True:
        names = out.registry.names
        with suppress(Transient, Ambiguous):
            found = await out.store.scan(keys.sweeps(), local=True, keys_only=True)
            counts = Counter(Region(entry.key.split("/")[1]) for entry in found.entries)
            gauges.open_attempts.show(counts, names)
            orphans = (await out.store.scan(keys.ORPHANS, local=True)).entries
            gauges.orphans.show(suspects_by_region(orphans), names)
        gauges.held_deletions.show(replica.sweeper.held if replica.sweeper is not None else {}, names)
        await asyncio.sleep(COUNT_SECONDS)


def suspects_by_region(entries: Iterable[Entry]) -> Counter[Region]:
    """How many orphans nobody has decided about."""
    orphans = (decode(Orphan, entry.value) for entry in entries)
    return Counter(orphan.region for orphan in orphans if orphan.state is OrphanState.SUSPECT)


if __name__ == "__main__":
    sys.exit(run_part("engine", run_engine))
