"""From the kill -9 of a shard's owner to what its successor records first, against the lease's time to live.

The owner is killed while a server that it has made is being built: the successor has nothing to wait for but
the lease. (A request whose outcome nobody knows is looked for twice, the region's lag apart.)
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Sequence

from global_heat.cli.lab.files import LEASE_SECONDS
from global_heat.cli.lab.layout import LabReplica
from global_heat.model.names import Path, Region
from global_heat.sim import loop
from global_heat.sim.world import REGIONS, SETTINGS, SimWorld
from global_heat.store import keys
from tests.bench.figures import Figure, median, percentile
from tests.bench.labs import Lab, spec
from tests.bench.worlds import create

BUILDING = b'"CREATED"'
KILLS = 5
SIMULATED_KILLS = 50
GRACE_SECONDS = 1.0
"""The goal is the lease's time to live and so much more."""


def template(region: Region) -> str:
    """A server on a port: somebody has to look when it is ready."""
    return f"""
heat_template_version: 2021-04-16
resources:
  network: {{type: OS::Neutron::Net, region: {region}}}
  server:
    type: OS::Nova::Server
    region: {region}
    depends_on: subnet
    properties:
      {{flavor: m1.small, image: cirros, networks: [{{network: {{get_resource: network}}}}]}}
  subnet:
    type: OS::Neutron::Subnet
    region: {region}
    properties: {{network: {{get_resource: network}}, cidr: 10.9.0.0/24}}
"""


def simulated_takeover() -> Figure:
    seconds = [loop.run(_simulate(seed)) for seed in range(SIMULATED_KILLS)]
    return _figure("simulator", seconds, SETTINGS.lease_seconds)


async def _simulate(seed: int) -> float:
    world = SimWorld(seed)
    world.start()
    now = asyncio.get_running_loop().time
    # The lease may be young or about to be renewed.
    await asyncio.sleep(random.Random(seed).uniform(5.0, 20.0))
    region = REGIONS[seed % len(REGIONS)]
    stack = await create(world, "bench", template(region))
    shard = keys.Shard(region, world.project, stack)
    server = keys.incarnations(world.project, stack, Path("server"))

    def is_being_built() -> bool:
        found = world.cluster.scan(server, "", world.cluster.revision)
        return any(BUILDING in entry.value for entry in found)

    await _until(is_being_built)
    claim = world.cluster.entry(keys.claim(shard), world.cluster.revision)
    assert claim is not None
    owner = next(node for node in world.nodes if f'"{node.name}.' in claim.value.decode())
    killed_at, written = now(), len(world.cluster.history)
    await owner.kill()
    record = keys.shard(world.project, stack, region)

    def recorded() -> bool:
        """By another than the one who is dead, whose last words may still arrive."""
        return any(
            not each.client.startswith(f"{owner.name}.") and any(key == record for key, _ in each.changes)
            for each in world.cluster.history[written:]
        )

    await _until(recorded)
    taken = now() - killed_at
    assert await world.settled()
    await world.stop()
    return taken


async def _until(holds: Callable[[], bool]) -> None:
    """Looks every millisecond of virtual time."""
    while not holds():  # noqa: ASYNC110 - no event tells of all that may hold
        await asyncio.sleep(0.001)


async def measured_takeover(lab: Lab) -> Figure:
    """On a lab of three regions: each in turn loses its replica, which is started again meanwhile."""
    replicas = lab.running.lab.replicas
    seconds = []
    restoring = None
    for n in range(KILLS):
        replica = replicas[n % len(replicas)]
        seconds.append(await _kill(lab, f"takeover-{n}", replica))
        if restoring is not None:
            await restoring
        restoring = asyncio.create_task(lab.running.restore(replica.name))
    if restoring is not None:
        await restoring
    return _figure("lab", seconds, LEASE_SECONDS)


async def _kill(lab: Lab, name: str, replica: LabReplica) -> float:
    asked = time.time()
    operation = await lab.client.create_stack(name, spec(template(Region(replica.region))))
    stack = operation.metadata.stack_uid
    await lab.until("server", stack, asked, BUILDING)
    claim = await lab.until("claims", stack, asked)
    assert f'"{replica.name}-'.encode() in (claim.value or b""), f"{claim.value!r} is not of {replica.name}"
    killed_at = time.time()
    await lab.running.kill(replica.name)
    successor = await lab.until("claims", stack, killed_at, b"replica")
    first = await lab.until("shards", stack, successor.at)
    await lab.done(operation)
    await lab.delete(name)
    return first.at - killed_at


def _figure(where: str, seconds: Sequence[float], ttl: float) -> Figure:
    middle = median(seconds)
    late = percentile(seconds, 0.99)
    return Figure(
        f"take-over after kill -9 over lease TTL, {where}",
        late / ttl,
        f"{middle / ttl:.2f}, p99 {late / ttl:.2f} (median {middle:.2f} s, p99 {late:.2f} s, TTL {ttl:g} s,"
        f" n={len(seconds)})",
        round((ttl + GRACE_SECONDS) / ttl, 2),
    )
