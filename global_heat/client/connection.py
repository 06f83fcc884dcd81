"""Calls to whichever replica answers: fail-over, retries that are safe, streams that go on elsewhere.

A mutation carries a request id, so that the same request sent to another replica happens once.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any

import grpc
import msgspec

from global_heat.client.errors import ApiError
from global_heat.client.handshake import TLS_MISMATCH, in_words, mismatch
from global_heat.client.tokens import TokenSource

PORT = 8904
ANSWER_BYTES_MAX = 16 << 20
_ELSEWHERE = ("UNAVAILABLE", "CANCELLED")
"""What a replica says that cannot be asked now, or that ends: we have cancelled nothing."""
_CONCERNS_CLOUDS = ("CreateStack", "UpdateStack", "ApplyStack", "PlanStack", "ValidateTemplate")
"""For the others it is enough who calls, and no further Keystone has to answer."""
_BACKOFF_SECONDS = 0.1
_BACKOFF_SECONDS_MAX = 5.0
_OPTIONS = [
    ("grpc.max_receive_message_length", ANSWER_BYTES_MAX),
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    # Which endpoint is tried, when and how often is decided here.
    ("grpc.enable_retries", 0),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 2_000),
]


class Tls(msgspec.Struct, frozen=True):
    """PEM texts; without `authority` those that gRPC brings."""

    authority: bytes | None = None
    certificate: bytes | None = None
    key: bytes | None = None


class Endpoint(msgspec.Struct, frozen=True):
    """`target` is `host:port`."""

    target: str
    secure: bool = True


def parse_endpoints(text: str) -> tuple[Endpoint, ...]:
    """Endpoints from `https://a:8904,b:8904,http://c`: TLS, except on loopback or where http:// is said."""
    found = []
    for item in filter(None, (part.strip() for part in text.replace(" ", ",").split(","))):
        scheme, sign, rest = item.rpartition("://")
        target = rest.rstrip("/")
        if sign and scheme not in ("http", "https", "grpc", "grpcs"):
            raise ApiError("INVALID_ARGUMENT", f"{item!r} is no endpoint: write https://HOST:PORT")
        host, _, port = target.rpartition(":")
        if not port.isdigit():
            host, target = target, f"{target}:{PORT}"
        secure = scheme in ("https", "grpcs") if sign else not _is_loopback(host.strip("[]"))
        found.append(Endpoint(target, secure))
    if not found:
        raise ApiError("INVALID_ARGUMENT", "no endpoint: give --endpoint or set GLOBAL_HEAT_ENDPOINTS")
    return tuple(found)


class Connection:
    """Channels to all endpoints, made when first used. Use it in one event loop and close it there.

    `seconds`: for a whole call, retries included. `attempt_seconds`: how long one endpoint may stay silent
    before the next is asked, if there is another. `cloud_tokens`: of clouds but home, by their names.
    """

    def __init__(
        self,
        endpoints: Sequence[Endpoint],
        tokens: TokenSource,
        tls: Tls | None = None,
        *,
        seconds: float = 60.0,
        attempt_seconds: float = 15.0,
        cloud_tokens: Mapping[str, TokenSource] | None = None,
    ) -> None:
        assert endpoints
        self._endpoints = tuple(endpoints)
        self._tokens = tokens
        self._cloud_tokens = cloud_tokens or {}
        self._tls = tls or Tls()
        self._seconds = seconds
        self._attempt_seconds = attempt_seconds
        self._channels: dict[Endpoint, grpc.aio.Channel] = {}
        self._current = 0

    async def close(self) -> None:
        for channel in self._channels.values():
            await channel.close(None)
        self._channels.clear()

    async def call(
        self, stub: Callable[..., Any], method: str, request: Any, seconds: float | None = None
    ) -> Any:
        """Raises `ApiError`. Whatever is UNAVAILABLE or broken off is asked again, of the next endpoint."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + (self._seconds if seconds is None else seconds)
        effort = _Effort()
        while True:
            remaining = deadline - loop.time()
            attempt = remaining if len(self._endpoints) == 1 else min(remaining, self._attempt_seconds)
            if seconds is not None:
                attempt = remaining
            try:
                metadata = await self._metadata(method, effort.renewing)
                ask = getattr(stub(self._channel()), method)
                return await ask(request, timeout=max(attempt, 0.001), metadata=metadata)
            except grpc.aio.AioRpcError as error:
                wrong = self._told(error)
            pause = self._next(wrong, effort)
            if pause is None or loop.time() + pause >= deadline:
                raise wrong
            await asyncio.sleep(pause)

    async def stream(
        self,
        stub: Callable[..., Any],
        method: str,
        request_from: Callable[[str], Any],
        resume_token: str = "",
        patience_seconds: float = 60.0,
    ) -> AsyncIterator[Any]:
        """Messages that have a `resume_token`, going on elsewhere after it when an endpoint is lost.

        `request_from`: the request that goes on after a token (empty: begins). A token that is too old makes
        it begin again. Raises `ApiError` once nobody has answered for `patience_seconds`.
        """
        loop = asyncio.get_running_loop()
        heard = loop.time()
        effort = _Effort()
        while True:
            try:
                metadata = await self._metadata(method, effort.renewing)
                ask = getattr(stub(self._channel()), method)
                async for message in ask(request_from(resume_token), metadata=metadata):
                    heard, effort = loop.time(), _Effort()
                    resume_token = message.resume_token
                    yield message
                return
            except grpc.aio.AioRpcError as error:
                wrong = self._told(error)
            if wrong.code == "OUT_OF_RANGE" and resume_token:
                resume_token = ""
                continue
            pause = self._next(wrong, effort)
            if pause is None or loop.time() + pause - heard >= patience_seconds:
                raise wrong
            await asyncio.sleep(pause)

    def _next(self, wrong: ApiError, effort: _Effort) -> float | None:
        """Seconds to pause before the next attempt; None: there is no use in another."""
        if wrong.code == "UNAUTHENTICATED" and not effort.renewed:
            effort.renewing = effort.renewed = True
            return 0.0
        effort.renewing = False
        silent = wrong.code == "DEADLINE_EXCEEDED" and len(self._endpoints) > 1 and not wrong.reason
        if wrong.code not in _ELSEWHERE and not silent:
            return None
        if wrong.reason == TLS_MISMATCH:
            effort.mismatched.add(self._endpoints[self._current])
            if len(effort.mismatched) == len(set(self._endpoints)):
                return None
        self._current = (self._current + 1) % len(self._endpoints)
        effort.failed += 1
        if effort.failed % len(self._endpoints):
            return 0.0
        rounds = effort.failed // len(self._endpoints)
        pause: float = min(_BACKOFF_SECONDS_MAX, _BACKOFF_SECONDS * 2 ** min(rounds - 1, 10))
        return max(pause, min(wrong.retry_after_seconds or 0.0, _BACKOFF_SECONDS_MAX))

    def _told(self, error: grpc.aio.AioRpcError) -> ApiError:
        wrong, target = ApiError.of_call(error), self._endpoints[self._current].target
        if wrong.code == "UNAVAILABLE" and not wrong.reason:
            why = mismatch(target, wrong.message)
            reason = TLS_MISMATCH if why else ""
            return ApiError(wrong.code, why or in_words(target, wrong.message), reason=reason)
        return wrong

    async def _metadata(self, method: str, renew: bool) -> tuple[tuple[str, str], ...]:
        metadata = [("x-auth-token", await self._tokens.token(renew=renew))]
        if method in _CONCERNS_CLOUDS:
            for cloud, tokens in self._cloud_tokens.items():
                metadata.append(("x-cloud-token", f"{cloud}={await tokens.token(renew=renew)}"))
        return tuple(metadata)

    def _channel(self) -> grpc.aio.Channel:
        endpoint = self._endpoints[self._current]
        channel = self._channels.get(endpoint)
        if channel is None:
            channel = self._channels[endpoint] = self._open(endpoint)
        return channel

    def _open(self, endpoint: Endpoint) -> grpc.aio.Channel:
        if not endpoint.secure:
            return grpc.aio.insecure_channel(endpoint.target, options=_OPTIONS)
        credentials = grpc.ssl_channel_credentials(
            root_certificates=self._tls.authority,
            private_key=self._tls.key,
            certificate_chain=self._tls.certificate,
        )
        return grpc.aio.secure_channel(endpoint.target, credentials, options=_OPTIONS)


class _Effort:
    """What one call has tried so far."""

    def __init__(self) -> None:
        self.failed = 0
        self.renewing = False
        self.renewed = False
        self.mismatched: set[Endpoint] = set()


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
