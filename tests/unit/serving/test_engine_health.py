"""What a front door knows of the regions: what its engine says of them."""

from __future__ import annotations

import asyncio

from aiohttp import web

from global_heat.cli.serving.front_door import EngineHealth
from global_heat.model.names import Region

TOLD = {
    "north": {"state": "up", "why": ""},
    "south": {"state": "slow", "why": "answers take about 9.0 s"},
    "west": {"state": "down", "why": "no service answers"},
}


def test_slow_and_down_are_told_apart_with_the_reason() -> None:
    asyncio.run(slow_and_down())


async def slow_and_down() -> None:
    asked = asyncio.Event()

    async def regions(request: web.Request) -> web.Response:
        asked.set()
        return web.json_response(TOLD)

    application = web.Application()
    application.router.add_get("/regions", regions)
    runner = web.AppRunner(application, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    health = EngineHealth(f"127.0.0.1:{runner.addresses[0][1]}")
    assert health.slowness(Region("south")) is None, "nothing is known yet"
    following = asyncio.create_task(health.follow())
    try:
        while not health.told():
            await asyncio.wait_for(asked.wait(), 30)
            await asyncio.sleep(0)
    finally:
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        await runner.cleanup()
    seen = {name: (health.trouble(Region(name)), health.slowness(Region(name))) for name in TOLD}
    assert seen == {
        "north": (None, None),
        "south": (None, "answers take about 9.0 s"),
        "west": ("no service answers", None),
    }
