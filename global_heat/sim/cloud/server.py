"""The fake cloud as a process: `python -m global_heat.sim.cloud.server east west`.

One port for each region, one for control, all on the loopback. When all of them listen, one line of JSON
tells where: {"auth_url", "control", "regions": {name: url}}. The process ends with its parent.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiohttp import web

from global_heat.sim.cloud.control import Control
from global_heat.sim.cloud.listening import HOST, RegionPort
from global_heat.sim.cloud.settings import Settings
from global_heat.sim.cloud.world import FakeCloud

_PARENT_LOOK_SECONDS = 0.5


@dataclass(frozen=True)
class ServedCloud:
    cloud: FakeCloud
    auth_url: str
    control_url: str
    region_urls: Mapping[str, str]

    def line(self) -> str:
        """What a parent process reads."""
        return json.dumps(
            {"auth_url": self.auth_url, "control": self.control_url, "regions": dict(self.region_urls)}
        )


@contextlib.asynccontextmanager
async def serve_cloud(
    names: Sequence[str],
    rng: random.Random,
    *,
    start: float,
    settings: Settings | Mapping[str, Settings] | None = None,
    token_seconds: float = 3600.0,
    shared: Sequence[str] = (),
    ports: Mapping[str, int] | None = None,
    control_port: int = 0,
    journal_entries_max: int | None = 200_000,
) -> AsyncIterator[ServedCloud]:
    """Serve a cloud while the context is open. `start` is now in unix seconds.

    `ports` by region and `control_port`: 0 is any free one.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    region_ports = {name: RegionPort() for name in names}
    async with contextlib.AsyncExitStack() as stack:
        for name, port in region_ports.items():
            await port.open((ports or {}).get(name, 0))
            stack.push_async_callback(port.close)
        cloud = FakeCloud(
            names,
            lambda: start + loop.time() - began,
            rng,
            settings=settings,
            shared=shared,
            token_seconds=token_seconds,
            urls={name: port.url for name, port in region_ports.items()},
            journal_entries_max=journal_entries_max,
        )
        for name, region in cloud.regions.items():
            region_ports[name].serve(region)
        runner = web.AppRunner(Control(cloud, region_ports).application(), access_log=None)
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, HOST, control_port)
        await site.start()
        host, port_number = runner.addresses[0][:2]
        yield ServedCloud(
            cloud,
            cloud.auth_url(),
            f"http://{host}:{port_number}",
            {name: port.url for name, port in region_ports.items()},
        )


async def _run(options: argparse.Namespace) -> None:
    parent = os.getppid()
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    ports = {
        name: options.port_base + 1 + index if options.port_base else 0
        for index, name in enumerate(options.regions)
    }
    serving = serve_cloud(
        options.regions,
        random.Random(options.seed),
        start=datetime.now(UTC).timestamp(),
        settings=Settings.fast() if options.fast else None,
        token_seconds=options.token_seconds,
        shared=options.shared.split(",") if options.shared else (),
        ports=ports,
        control_port=options.port_base,
    )
    async with serving as served:
        print(served.line(), flush=True)
        while not stopped.is_set() and os.getppid() == parent:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_PARENT_LOOK_SECONDS):
                    await stopped.wait()


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGTERM, SIGINT or the parent's end."""
    parser = argparse.ArgumentParser(prog="python -m global_heat.sim.cloud.server", description=__doc__)
    parser.add_argument("regions", nargs="+", metavar="REGION", help="names of the regions")
    parser.add_argument("--seed", type=int, default=1, help="of all ids and of all chance")
    parser.add_argument("--fast", action="store_true", help="servers and volumes are ready at once")
    parser.add_argument("--token-seconds", type=float, default=3600.0, help="how long a token lives")
    parser.add_argument(
        "--shared", default="", help="services with one endpoint for all, the first region's: identity,image"
    )
    parser.add_argument(
        "--port-base", type=int, default=0, help="control port; the regions follow. 0: any free ones"
    )
    asyncio.run(_run(parser.parse_args(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
