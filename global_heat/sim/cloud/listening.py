"""A region over real HTTP: one port, which can be cut and opened again."""

from __future__ import annotations

import asyncio

from aiohttp import web

from global_heat.regions.transport import Request
from global_heat.sim.cloud.delivery import Link, Refused, Reset, deliver
from global_heat.sim.cloud.region import FakeRegion

HOST = "127.0.0.1"
_BODY_BYTES_MAX = 16 * 1024 * 1024


class RegionPort:
    """Serves one region. The port stays the same for its whole life, also while it is cut."""

    def __init__(self) -> None:
        self._region: FakeRegion | None = None
        self._server: asyncio.Server | None = None
        self._http: web.Server | None = None
        self._port = 0

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    @property
    def is_open(self) -> bool:
        return self._server is not None

    def serve(self, region: FakeRegion) -> None:
        """From now on requests are answered by that region."""
        self._region = region

    async def open(self, port: int = 0) -> None:
        """Listen: on the port given, on the one of before, or on any free one."""
        if self._server is not None:
            return
        # A caller that hangs up ends its handler; what it asked for goes on in the delivery.
        self._http = web.Server(self._handle, handler_cancellation=True, access_log=None)
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._http, HOST, port or self._port, backlog=1024)
        self._port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Listen no more and drop all connections: callers are refused."""
        server, http = self._server, self._http
        if server is None or http is None:
            return
        self._server = self._http = None
        server.close()
        for connection in list(http.connections):
            if connection.transport is not None:
                connection.transport.abort()
        await http.shutdown(0)
        await server.wait_closed()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        region = self._region
        assert region is not None, "the port serves a region before anybody knows its address"
        if (request.content_length or 0) > _BODY_BYTES_MAX:
            return web.Response(status=413)
        asked = Request(
            request.method,
            f"{self.url}{request.path_qs}",
            region.name,
            dict(request.headers),
            await request.read(),
        )
        client = request.headers.get("user-agent", "")
        try:
            answer = await deliver(region, asked, Link(client))
        except (Refused, Reset):
            # Once the connection is there, it can only be broken.
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        body = b"" if request.method == "HEAD" else answer.body
        return web.Response(status=answer.status, headers=dict(answer.headers), body=body)
