"""What the deletion policy Snapshot makes of volumes and servers, against the fake cloud."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from global_heat.model.errors import Ambiguous
from global_heat.model.names import PhysicalId
from global_heat.model.token import verifies
from global_heat.regions.cloud import Conflict, Gone
from global_heat.resources.catalogue import ALL, KINDS
from global_heat.resources.type import Failed, Handle, SnapshotType
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.loop import run
from tests.unit.resources.bench import EAST, KEY, Bench, Made

SAVED = ("OS::Cinder::Volume", "OS::Nova::Server")
each = pytest.mark.parametrize("name", SAVED)


def snapshot_type(name: str) -> SnapshotType:
    found = ALL[name].saved_as
    assert found is not None and KINDS[found.name] is found and found.handle is Handle.TOKEN
    return found


async def thing(bench: Bench, name: str) -> Made:
    if name == "OS::Cinder::Volume":
        return await bench.make(name, size=1)
    net = await bench.make("OS::Neutron::Net")
    await bench.make("OS::Neutron::Subnet", network=net.id, cidr="10.0.0.0/24")
    return await bench.make(name, image="cirros", flavor="m1.small", networks=[{"network": net.id}])


async def taken(bench: Bench, type: SnapshotType, of: Made) -> Made:
    props: Any = await type.resolve(bench.cloud, {"of": of.id})
    making = bench.making(type, props)
    return Made(type, await type.create(bench.cloud, making, props), making, props)


def test_those_that_can_be_saved_say_so() -> None:
    assert {name for name, type in ALL.items() if type.saves} == set(SAVED)
    assert {name for name, type in ALL.items() if type.saved_as is not None} == set(SAVED)


@each
def test_it_is_found_by_its_token_and_outlives_the_thing(name: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            type, of = snapshot_type(name), await thing(bench, name)
            made = await taken(bench, type, of)
            found = [body for body in await type.observe(bench.cloud) if type.token_of(body)]
            assert [(type.identify(body), type.token_of(body)) for body in found] == [
                (made.id, made.making.token)
            ]
            assert verifies(made.making.token, (KEY,), bench.project, EAST, type.kind)
            await bench.until_ready(made)
            await bench.delete(of)
            assert type.ready(await bench.shown(made))
            assert (await bench.shown(made))["name"] == made.making.name
            await bench.delete(made)
            assert await type.show(bench.cloud, made.id) is None

    run(main())


@each
def test_a_lost_answer_leaves_one_that_can_be_found(name: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            type, of = snapshot_type(name), await thing(bench, name)
            bench.region.faults.add(Disturbance(Fate(answer_lost=True), methods=("POST",), times=1))
            with pytest.raises(Ambiguous):
                await taken(bench, type, of)
            assert len([body for body in await type.observe(bench.cloud) if type.token_of(body)]) == 1

    run(main())


@each
def test_while_one_is_made_the_thing_is_busy_and_what_is_gone_is_gone(name: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            type, of = snapshot_type(name), await thing(bench, name)
            made = await taken(bench, type, of)
            with pytest.raises(Conflict):
                await type.resolve(bench.cloud, {"of": of.id})
            await bench.until_ready(made)
            await asyncio.sleep(1.0)
            assert await type.resolve(bench.cloud, {"of": of.id})
            with pytest.raises(Gone):
                await type.resolve(bench.cloud, {"of": PhysicalId("00000000-0000-4000-8000-000000000000")})

    run(main())


@each
def test_one_that_fails_says_so(name: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            type, of = snapshot_type(name), await thing(bench, name)
            bench.region.faults.failing[type.kind] = 1
            made = await taken(bench, type, of)
            with pytest.raises(Failed, match="is in status"):
                await bench.until_ready(made)
            await bench.delete(made)

    run(main())
