"""1,000 OS::Heat::None in one stack: what its life costs, on one replica and on three."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from global_heat.cli.lab import readiness
from global_heat.cli.lab.network import HOST
from global_heat.proto.v1 import operation_pb2, stack_pb2
from tests.bench import processes
from tests.bench.figures import Figure
from tests.bench.labs import Lab, metric, spec
from tests.bench.processes import Cost

RESOURCES = 1000
PARTS = ("engine", "API", "etcd")
HEAT = {"create": (1.18, 1.05), "update": (1.22, 1.02), "delete": (0.74, 0.81)}
"""What Heat took for a stack of 10 on another machine of two cores: wall seconds, and CPU seconds of its
engine alone. Without the second that it sleeps for each resource; its update changed nothing."""
_HEAT_RESOURCES = 10
BETTER = 50
"""The goal: so many times better than that, for each resource."""
MEMORY_GOAL = 300.0


class Meter(msgspec.Struct, frozen=True):
    """All counters at one moment."""

    at: float
    cost: dict[str, Cost]
    """By part."""
    transactions: float
    written: float
    """Bytes that etcd was given to keep, on one member."""


class Phase(msgspec.Struct, frozen=True):
    """What one operation took."""

    name: str
    seconds: float
    cpu: dict[str, float]
    transactions: float
    written: float


def template(regions: Sequence[str], count: int) -> str:
    lines = ["heat_template_version: 2021-04-16", "resources:"]
    for n in range(count):
        lines.append(f"  r{n}: {{type: OS::Heat::None, region: {regions[n % len(regions)]}}}")
    return "\n".join(lines)


async def thousand(lab: Lab, where: str) -> list[Figure]:
    regions = [region.name for region in lab.running.lab.regions]
    wished = spec(template(regions, RESOURCES))
    wider = spec(template(regions, RESOURCES + 1))
    client = lab.client
    phases = [
        await _phase(lab, "create", lambda: client.create_stack("thousand", wished)),
        await _phase(
            lab, "update", lambda: client.update_stack(stack_pb2.Stack(name="thousand", spec=wider))
        ),
        await _phase(lab, "delete", lambda: client.delete_stack("thousand")),
    ]
    figures = [figure for phase in phases for figure in (_speed(where, phase), _cpu(where, phase))]
    return [*figures, _memory(where, await _meter(lab))]


async def _phase(lab: Lab, name: str, ask: Callable[[], Awaitable[operation_pb2.Operation | None]]) -> Phase:
    before = await _meter(lab)
    await lab.done(await ask())
    after = await _meter(lab)
    return Phase(
        name,
        after.at - before.at,
        {part: after.cost[part].cpu - before.cost[part].cpu for part in PARTS},
        after.transactions - before.transactions,
        after.written - before.written,
    )


async def _meter(lab: Lab) -> Meter:
    layout, running = lab.running.lab, lab.running.processes
    mains = running.roots(replica.name for replica in layout.replicas).values()
    members = list(running.roots(region.member for region in layout.regions).values())
    ours = [pid for main in mains for pid in processes.descendants(main)]
    page = await readiness.ask("GET", f"http://{HOST}:{layout.regions[0].etcd}/metrics")
    text = page.decode()
    return Meter(
        time.monotonic(),
        {
            "engine": processes.cost(processes.with_word(ours, "serving.engine")),
            "API": processes.cost(processes.with_word(ours, "serving.front_door")),
            "etcd": processes.cost(members),
        },
        metric(text, "etcd_mvcc_txn_total"),
        metric(text, "etcd_debugging_mvcc_total_put_size_in_bytes"),
    )


def _speed(where: str, phase: Phase) -> Figure:
    rate = RESOURCES / phase.seconds
    return Figure(
        f"1,000 None, {where}, {phase.name}: resources/s",
        rate,
        f"{rate:.0f} ({phase.seconds:.2f} s; etcd per resource: {phase.transactions / RESOURCES:.3f} txns,"
        f" {phase.written / RESOURCES:.0f} bytes)",
        round(BETTER * _HEAT_RESOURCES / HEAT[phase.name][0]),
        at_least=True,
    )


def _cpu(where: str, phase: Phase) -> Figure:
    each = 1000 * sum(phase.cpu.values()) / RESOURCES
    parts = ", ".join(f"{part} {phase.cpu[part]:.2f} s" for part in PARTS)
    return Figure(
        f"1,000 None, {where}, {phase.name}: CPU ms/resource",
        each,
        f"{each:.2f} ({parts})",
        round(1000 * HEAT[phase.name][1] / _HEAT_RESOURCES / BETTER, 1),
    )


def _memory(where: str, meter: Meter) -> Figure:
    memory = {part: meter.cost[part].memory for part in PARTS}
    text = ", ".join(f"{part} {memory[part]:.0f}" for part in PARTS)
    return Figure(
        f"1,000 None, {where}, peak memory, MiB", memory["engine"], f"{text} (one process each)", MEMORY_GOAL
    )
