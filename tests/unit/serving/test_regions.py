"""The registry, as the store has it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from global_heat.cli.serving.outside import Distances, Regions
from global_heat.cli.serving.setup import Setup
from global_heat.model.names import Region
from global_heat.model.records import RegionRecord
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import encode
from tests.unit.serving.bench import EAST, WEST, Bench
from tests.unit.serving.conftest import changed, good

Load = Callable[..., Setup]


def record(name: Region) -> bytes:
    return encode(RegionRecord(name=name, auth_url=f"http://{name}/v3", cloud="fake"))


def test_it_follows_the_records_and_completes_them(load: Load) -> None:
    config = load(changed(good(), "regions", {"east": {"distances": {"west": 0.2}}})).config

    async def main() -> None:
        store = Bench().store
        await store.commit(put={keys.region(EAST): record(EAST)})
        regions, loaded = Regions(store, config), asyncio.Event()
        distances = Distances(regions.registry)
        following = asyncio.ensure_future(regions.follow(loaded))
        await loaded.wait()
        assert regions.registry.names == [EAST]
        assert distances[EAST] == {WEST: 0.2} and dict(distances) == {EAST: {WEST: 0.2}}
        await store.commit(put={keys.region(WEST): record(WEST), keys.region(Region("x")): b'{"name": 1}'})
        await asyncio.sleep(1)
        assert regions.registry.names == [EAST, WEST], "a record that cannot be read hides no other"
        await store.commit(delete=[keys.region(EAST)])
        await asyncio.sleep(1)
        assert regions.registry.names == [WEST]
        following.cancel()
        with suppress(asyncio.CancelledError):
            await following

    run(main())


def test_a_region_registered_a_moment_ago_is_known(load: Load) -> None:
    config = load(good()).config

    async def main() -> None:
        bench: Any = Bench()
        regions = Regions(bench.store, config)
        await bench.store.commit(put={keys.region(WEST): record(WEST)})
        await regions.know(WEST)
        assert regions.registry.get(WEST).cloud == "fake"
        before = bench.cluster.revision
        await regions.know(WEST)
        assert bench.cluster.revision == before

    run(main())
