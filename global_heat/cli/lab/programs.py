"""The lab's own programs: `python -m global_heat.cli.lab.programs network|clouds DIRECTORY`."""

from __future__ import annotations

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from aiohttp import web

from global_heat.cli.lab import layout
from global_heat.cli.lab.callers import Callers
from global_heat.cli.lab.layout import Lab
from global_heat.cli.lab.network import HOST, Condition, Network
from global_heat.cli.lab.processes import Processes
from global_heat.sim.cloud.server import serve_cloud


async def main(program: str, directory: Path) -> None:
    """Run until SIGTERM."""
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    lab = layout.load(directory)
    serving = serve_network(lab, directory) if program == "network" else serve_clouds(lab)
    async with serving:
        await stopped.wait()


@contextlib.asynccontextmanager
async def serve_network(lab: Lab, directory: Path) -> AsyncIterator[None]:
    """The gates, and a port to change and to see the regions' conditions."""
    network = Network(lab.gates, lab.rtt_seconds, Callers(lambda: _roots(lab, directory)).region)
    runner = web.AppRunner(_control(network), access_log=None)
    await runner.setup()
    try:
        await network.open()
        await web.TCPSite(runner, HOST, lab.network_port).start()
        yield
    finally:
        await runner.cleanup()
        await network.close()


@contextlib.asynccontextmanager
async def serve_clouds(lab: Lab) -> AsyncIterator[None]:
    """One process stands for all regions' clouds: their Keystones share what they know, as real ones do."""
    serving = serve_cloud(
        [region.name for region in lab.regions],
        random.SystemRandom(),
        start=datetime.now(UTC).timestamp(),
        token_seconds=lab.token_seconds,
        ports={region.name: region.cloud for region in lab.regions},
        control_port=lab.clouds_port,
    )
    async with serving as served:
        for region in lab.regions:
            served.cloud.keystone.catalogue.add(region.name, f"http://{HOST}:{region.cloud_gate}")
        yield


def _roots(lab: Lab, directory: Path) -> dict[int, str]:
    regions = {region.member: region.name for region in lab.regions}
    regions |= {replica.name: replica.region for replica in lab.replicas}
    return {pid: regions[name] for name, pid in Processes(directory / "run").roots(regions).items()}


def _control(network: Network) -> web.Application:
    async def show(request: web.Request) -> web.Response:
        return web.json_response(network.conditions)

    async def change(request: web.Request) -> web.Response:
        await network.change(request.match_info["region"], Condition((await request.text()).strip()))
        return web.json_response(network.conditions)

    application = web.Application()
    application.router.add_get("/", show)
    application.router.add_put("/{region}", change)
    return application


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2])))
