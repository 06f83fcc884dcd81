"""Wall time over T_min, and commits in sequence over D + 1: for the demo's template and for a chain."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

import msgspec

from global_heat.client import collect_spec
from global_heat.model.names import Path
from global_heat.proto.v1 import stack_pb2
from global_heat.sim import loop
from global_heat.sim.world import SimWorld
from tests.bench.figures import Figure, median
from tests.bench.history import Course, Walk, course, walk
from tests.bench.labs import Lab, spec
from tests.bench.limit import limit_seconds, service_seconds
from tests.bench.worlds import DEMO, create, demo_source, writes

CHAIN = 10
SIMULATED_RUNS = 10
LAB_RUNS = 3
OVERHEAD_GOAL = 1.5


class Run(msgspec.Struct, frozen=True):
    """One creation. Seconds."""

    wall: float
    limit: float
    clouds: float
    """The part of the limit that the services took."""
    commit: float
    """One commit, as measured."""
    walk: Walk
    course: Course

    @property
    def recorded(self) -> float:
        """From the wish's record to that of the end: without the request, and without being told."""
        return self.course.ended_at - self.course.wished_at

    @property
    def ratio(self) -> float:
        return self.wall / self.limit


def chain(length: int, region: str) -> str:
    """A template: networks, each of which waits for the one before."""
    lines = ["heat_template_version: 2021-04-16", "resources:"]
    for n in range(length):
        lines += [f"  net{n}:", "    type: OS::Neutron::Net", f"    region: {region}"]
        lines += [f"    depends_on: net{n - 1}"] if n else []
    return "\n".join(lines)


def simulated_overhead() -> list[Figure]:
    text, files = demo_source()
    runs = [loop.run(_simulate(seed, text, files)) for seed in range(SIMULATED_RUNS)]
    chained = loop.run(_simulate(0, chain(CHAIN, "east"), {}))
    return [
        overhead_figure("simulator", runs),
        commits_figure("demo, simulator", runs[0]),
        commits_figure(f"chain of {CHAIN}, simulator", chained),
    ]


async def _simulate(seed: int, text: str, files: dict[str, str]) -> Run:
    world = SimWorld(seed)
    world.start()
    await world.until(lambda: len(world.cluster.scan("replicas/", "", world.cluster.revision)) == 3, 30.0)
    stack = await create(world, "bench", text, files)
    assert await world.settled(), world.headers()
    assert world.headers()[0].state == "CREATE_COMPLETE", world.headers()
    found = course(writes(world), stack)
    service = service_seconds(found.attempts, list(world.cloud.journal))
    latency = world.nodes[0].link.latency
    commit = sum(latency() for _ in range(100)) / 100
    await world.stop()
    return make_run(found.ended_at - found.wished_at, found, service, commit)


async def measured_overhead(lab: Lab) -> list[Figure]:
    """On a lab of three regions."""
    demo = collect_spec(DEMO / "stack.yaml")
    runs = [await _measure(lab, f"overhead-{n}", demo) for n in range(LAB_RUNS)]
    chained = await _measure(lab, "chain", spec(chain(CHAIN, "north")))
    return [
        overhead_figure("lab", runs),
        commits_figure("demo, lab", runs[0]),
        commits_figure(f"chain of {CHAIN}, lab", chained),
    ]


async def _measure(lab: Lab, name: str, wished: stack_pb2.StackSpec) -> Run:
    """Create it, from the first byte that the client sends to the answer that all is done; delete it."""
    commits_before = await lab.commits()
    asked = time.time()
    operation = await lab.client.create_stack(name, wished)
    await lab.done(operation)
    wall = time.time() - asked
    commits = await lab.commits() - commits_before
    stack = operation.metadata.stack_uid
    await lab.until("header", stack, asked, b'"COMPLETE"')
    found = course(lab.writes, stack)
    service = service_seconds(found.attempts, await lab.journal())
    await lab.delete(name)
    return make_run(wall, found, service, commits.mean)


def make_run(wall: float, course: Course, service: Mapping[Path, float], commit: float) -> Run:
    return Run(
        wall=wall,
        limit=limit_seconds(course, service, commit),
        clouds=limit_seconds(course, service, 0.0),
        commit=commit,
        walk=walk(course),
        course=course,
    )


def overhead_figure(where: str, runs: Sequence[Run]) -> Figure:
    ratios = [run.ratio for run in runs]
    run = sorted(runs, key=lambda each: each.ratio)[len(runs) // 2]
    spread = f"n={len(runs)}, {min(ratios):.2f} to {max(ratios):.2f}"
    recorded = median([each.recorded / each.limit for each in runs])
    return Figure(
        f"overhead over T_min, demo, {where}",
        median(ratios),
        f"{median(ratios):.2f} ({spread}; record to record {recorded:.2f}; e.g. wall {run.wall:.2f} s,"
        f" T_min {run.limit:.2f} s: clouds {run.clouds:.2f} s, c {1000 * run.commit:.0f} ms)",
        OVERHEAD_GOAL,
    )


def commits_figure(what: str, run: Run) -> Figure:
    walk = run.walk
    goal = walk.levels + 1 + walk.crossings
    crossed = f" + {walk.crossings} for crossing" if walk.crossings else ""
    shards = ", ".join(f"{region} {n}" for region, n in sorted(run.course.shard_commits.items()))
    return Figure(
        f"commits in sequence, {what}",
        walk.commits,
        f"{walk.commits} (D + 1 = {walk.levels + 1}{crossed}; all of a shard: {shards})",
        goal,
    )
