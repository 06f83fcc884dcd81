"""A small HTTP port for those who watch a process: numbers, is it alive, is it ready, how are the regions."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from global_heat.cli.serving.config import split_address
from global_heat.cli.serving.metrics import Metrics
from global_heat.model.errors import Fault, Invalid

Readiness = Callable[[], Awaitable[dict[str, bool]]]
"""What must be so for a process to be of use, by name."""


@asynccontextmanager
async def observed(
    path: str,
    address: str,
    metrics: Metrics,
    readiness: Readiness,
    regions: Callable[[], dict[str, Any]],
) -> AsyncIterator[None]:
    """Answer at `address` while the context is open; `path` is where the configuration says it."""

    async def alive(request: web.Request) -> web.Response:
        return web.Response(text="alive\n")

    async def ready(request: web.Request) -> web.Response:
        found = await readiness()
        return _json(found, 200 if all(found.values()) else 503)

    async def numbers(request: web.Request) -> web.Response:
        return web.Response(body=metrics.text(), headers={"Content-Type": CONTENT_TYPE_LATEST})

    async def how_regions_do(request: web.Request) -> web.Response:
        return _json(regions(), 200)

    application = web.Application()
    application.router.add_get("/healthz", alive)
    application.router.add_get("/readyz", ready)
    application.router.add_get("/metrics", numbers)
    application.router.add_get("/regions", how_regions_do)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    place = split_address(address)
    assert place is not None, "the configuration was checked"
    try:
        await web.TCPSite(runner, *place).start()
    except OSError as error:
        await runner.cleanup()
        raise Invalid(f"cannot listen on {address}", Fault(path, str(error))) from None
    try:
        yield
    finally:
        await runner.cleanup()


def _json(body: dict[str, Any], status: int) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
