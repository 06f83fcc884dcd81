"""HTTP to the regions' services: one request, sent once, over aiohttp."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
from collections.abc import Callable

import aiohttp
from yarl import URL

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.registry import RegionSpec
from global_heat.regions.transport import Request, Response

CONNECT_SECONDS = 5.0
KEEP_ALIVE_SECONDS = 15.0
UNACKNOWLEDGED_SECONDS = 20
"""What was sent and not acknowledged by the other side's kernel is given up after that."""
BODY_BYTES_MAX = 64 * 1024 * 1024
_READS = ("GET", "HEAD")
_NOT_SENT = (
    aiohttp.ClientConnectorError,
    aiohttp.ConnectionTimeoutError,
    aiohttp.InvalidURL,
    aiohttp.NonHttpUrlClientError,
)


class _Broken(Exception):
    """The connection broke under the request. Not one of aiohttp's own, which it would answer by sending
    a PUT or a DELETE again."""


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    try:
        return await handler(request)
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError):
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError) as broken:
        raise _Broken(str(broken) or type(broken).__name__) from broken


class AiohttpTransport:
    """The `Transport` of real clouds. Each region has its own connections and its own trust.

    A changing call has a connection of its own: on one kept from before, that the other side may just be
    closing, it would too often be uncertain whether the call got through.
    """

    def __init__(
        self,
        find_spec: Callable[[Region], RegionSpec | None] = lambda region: None,
        connections_max: int = 64,
    ) -> None:
        """`find_spec` says whose certificates to trust; connections are limited by region, twice: for reads
        and for changes."""
        self._find_spec = find_spec
        self._connections_max = connections_max
        self._sessions: dict[tuple[str, bool], tuple[RegionSpec | None, aiohttp.ClientSession]] = {}
        self._retired: list[aiohttp.ClientSession] = []

    async def send(self, request: Request) -> Response:
        session = self._session(request.region, request.method in _READS)
        timeout = aiohttp.ClientTimeout(
            total=request.timeout_seconds, sock_connect=min(CONNECT_SECONDS, request.timeout_seconds)
        )
        try:
            async with session.request(
                request.method,
                URL(request.url, encoded=True),
                headers=request.headers,
                data=request.body or None,
                timeout=timeout,
                allow_redirects=False,
            ) as answer:
                headers = {name.lower(): value for name, value in answer.headers.items()}
                return Response(answer.status, headers, await _body(answer, request.region))
        except _NOT_SENT as refused:
            raise Transient(f"{request.region}: no connection ({_words(refused)})") from refused
        except TimeoutError as late:
            raise Ambiguous(f"{request.region}: no answer within {request.timeout_seconds:g} s") from late
        except (aiohttp.ClientError, OSError, _Broken) as broken:
            raise Ambiguous(f"{request.region}: the connection broke ({_words(broken)})") from broken

    async def close(self) -> None:
        """Close all connections."""
        for session in [*self._retired, *(session for _, session in self._sessions.values())]:
            await session.close()
        self._retired.clear()
        self._sessions.clear()

    async def __aenter__(self) -> AiohttpTransport:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self.close()

    def _session(self, region: str, reads: bool) -> aiohttp.ClientSession:
        spec = self._find_spec(Region(region))
        known = self._sessions.get((region, reads))
        if known is not None and known[0] == spec:
            return known[1]
        if known is not None:
            # The region's record changed. What is in flight may end as it began.
            self._retired.append(known[1])
        session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                limit=self._connections_max,
                ssl=_tls(spec),
                socket_factory=_open_socket,
                force_close=not reads,
                keepalive_timeout=KEEP_ALIVE_SECONDS if reads else None,
            ),
            headers={"User-Agent": "global-heat"},
            cookie_jar=aiohttp.DummyCookieJar(),
            middlewares=(_send_once,),
        )
        self._sessions[region, reads] = (spec, session)
        return session


async def _body(answer: aiohttp.ClientResponse, region: str) -> bytes:
    """Read the body to its end, but not without end."""
    chunks = bytearray()
    async for chunk in answer.content.iter_any():
        chunks += chunk
        if len(chunks) > BODY_BYTES_MAX:
            answer.close()
            raise Ambiguous(f"{region}: the answer is longer than {BODY_BYTES_MAX} bytes")
    return bytes(chunks)


def _open_socket(address: aiohttp.AddrInfoType) -> socket.socket:
    family, kind, protocol = address[:3]
    opened = socket.socket(family, kind, protocol)
    with contextlib.suppress(OSError):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_SECONDS * 1000)
    return opened


def _tls(spec: RegionSpec | None) -> ssl.SSLContext:
    """Raises `Transient` when the authority's certificate cannot be read."""
    try:
        context = ssl.create_default_context(cafile=spec.ca_file if spec and spec.ca_file else None)
    except OSError as fault:
        raise Transient(f"{spec.name if spec else ''}: the CA file cannot be read: {fault}") from fault
    if spec is not None and not spec.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _words(fault: BaseException) -> str:
    """A connector's error in the operating system's words, without an address that differs by service."""
    if isinstance(fault, aiohttp.ClientConnectorError) and fault.os_error.errno:
        return os.strerror(fault.os_error.errno).lower()
    return str(fault) or type(fault).__name__
