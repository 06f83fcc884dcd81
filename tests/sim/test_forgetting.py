"""What is left of a deleted stack goes when its records do."""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from global_heat.sim import loop
from global_heat.sim.world import SETTINGS, SimWorld

TEMPLATE = "heat_template_version: 2018-08-31\nresources: {h: {type: OS::Heat::WaitConditionHandle}}\n"


def test_a_signal_that_came_while_its_handle_went_is_forgotten_with_the_stack() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    async def story() -> None:
        world = SimWorld(1, 1, msgspec.structs.replace(SETTINGS, retention_seconds=100.0))
        world.start()
        operation = await world.user.create("web", TEMPLATE)
        assert await world.settled()
        await world.user.delete("web")
        assert await world.settled()
        late = f"signals/{world.project}/{operation.stack}/h@east#1/1"
        await world.user.store.commit(put={late: b"{}"})
        assert await world.until(lambda: world.headers() == [], 600.0)
        assert world.cluster.scan("signals/", "", world.cluster.revision) == []
        await world.stop()
        await asyncio.sleep(0)

    loop.run(story())
