"""One member of the cluster as we reach it: its channel, and how long it is passed over after a failure."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Protocol, TypeVar, cast

import grpc
import grpc.aio
from grpc.aio import EOF  # type: ignore[attr-defined]

from global_heat.store.etcd.settings import Settings, Tls
from global_heat.store.etcd.verdict import CallFailed, Verdict, verdict
from global_heat.store.etcd.wire import rpc_pb2 as wire

# A short blink after which a member without a leader is asked again: an election lasts a few of them.
LEADERLESS_SECONDS = 0.3

OPTIONS: list[tuple[str, int]] = [
    # etcd allows a ping every 5 s, and only while a call is open. They find the member whose host is gone.
    ("grpc.keepalive_time_ms", 6_000),
    ("grpc.keepalive_timeout_ms", 3_000),
    ("grpc.keepalive_permit_without_calls", 0),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 2_000),
    ("grpc.max_reconnect_backoff_ms", 2_000),
    ("grpc.max_receive_message_length", -1),
    # Nothing below us may send a transaction twice.
    ("grpc.enable_retries", 0),
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy meant for the outside world does not lead to the cluster.
    ("grpc.enable_http_proxy", 0),
]


class Message(Protocol):
    def SerializeToString(self) -> bytes: ...


Q = TypeVar("Q", bound=Message)
R = TypeVar("R")
Metadata = tuple[tuple[str, str], ...]


class Method(Generic[Q, R]):
    """A method of etcd's API: its path, and how the answer is read."""

    def __init__(self, path: str, request: type[Q], parse: Callable[[bytes], R]) -> None:
        self.path = f"/etcdserverpb.{path}"
        self.request = request
        self.parse = parse

    def __str__(self) -> str:
        return self.path.rpartition("/")[2]


RANGE = Method("KV/Range", wire.RangeRequest, wire.RangeResponse.FromString)
TXN = Method("KV/Txn", wire.TxnRequest, wire.TxnResponse.FromString)
GRANT = Method("Lease/LeaseGrant", wire.LeaseGrantRequest, wire.LeaseGrantResponse.FromString)
REVOKE = Method("Lease/LeaseRevoke", wire.LeaseRevokeRequest, wire.LeaseRevokeResponse.FromString)
KEEP_ALIVE = Method(
    "Lease/LeaseKeepAlive", wire.LeaseKeepAliveRequest, wire.LeaseKeepAliveResponse.FromString
)
WATCH = Method("Watch/Watch", wire.WatchRequest, wire.WatchResponse.FromString)
AUTHENTICATE = Method("Auth/Authenticate", wire.AuthenticateRequest, wire.AuthenticateResponse.FromString)
STATUS = Method("Maintenance/Status", wire.StatusRequest, wire.StatusResponse.FromString)


class Stream(Generic[Q, R]):
    """A stream both ways. Every failure is a `CallFailed`."""

    def __init__(self, call: grpc.aio.StreamStreamCall[Q, R]) -> None:
        self._call = call

    async def send(self, request: Q) -> None:
        try:
            await self._call.write(request)
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error
        except asyncio.InvalidStateError as error:
            raise CallFailed(Verdict.UNKNOWN, "the stream has ended") from error

    async def receive(self) -> R:
        """The next answer. Cancelling it ends the stream."""
        try:
            answer = await self._call.read()
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error
        if answer is EOF:
            raise CallFailed(Verdict.UNKNOWN, "the member ended the stream")
        return cast(R, answer)

    def cancel(self) -> None:
        self._call.cancel()


class Endpoint:
    """A member's channel. To be made inside a running event loop."""

    def __init__(self, address: str, settings: Settings) -> None:
        self.address = address
        self._attempt_seconds = settings.attempt_seconds
        self._penalty_seconds = settings.penalty_seconds
        self._penalty_seconds_max = settings.penalty_seconds_max
        self._failures = 0
        self.shunned_until = 0.0
        self._channel = (
            grpc.aio.insecure_channel(address, OPTIONS)
            if settings.tls is None
            else grpc.aio.secure_channel(address, _credentials(settings.tls), OPTIONS)
        )
        self._calls: dict[str, Any] = {}

    async def close(self) -> None:
        await self._channel.close(grace=None)

    async def call(self, method: Method[Q, R], request: Q, seconds: float, metadata: Metadata) -> R:
        """Call once. Raises `CallFailed`."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        await self._connected(seconds)
        if method.path not in self._calls:
            self._calls[method.path] = self._channel.unary_unary(method.path, _serialize, method.parse)
        try:
            answer: R = await self._calls[method.path](
                request, timeout=max(deadline - loop.time(), 0.0), metadata=metadata
            )
        except grpc.aio.AioRpcError as error:
            raise _failure(error) from error
        return answer

    @contextlib.asynccontextmanager
    async def open(
        self, method: Method[Q, R], seconds: float, metadata: Metadata
    ) -> AsyncIterator[Stream[Q, R]]:
        """Open a stream while the block lasts; `seconds` bounds the connecting. Raises `CallFailed`."""
        await self._connected(seconds)
        if method.path not in self._calls:
            self._calls[method.path] = self._channel.stream_stream(method.path, _serialize, method.parse)
        stream: Stream[Q, R] = Stream(self._calls[method.path](metadata=metadata))
        try:
            yield stream
        finally:
            stream.cancel()

    async def ask(self, method: Method[Q, R], request: Q, seconds: float, metadata: Metadata) -> R:
        """One question and one answer on a stream of its own. Raises `CallFailed`."""
        try:
            async with asyncio.timeout(seconds), self.open(method, seconds, metadata) as stream:
                await stream.send(request)
                return await stream.receive()
        except TimeoutError:
            raise CallFailed(Verdict.UNKNOWN, f"no answer within {seconds:.1f} s") from None

    async def _connected(self, seconds: float) -> None:
        """Wait until the connection stands or has failed. If neither comes in time, nothing can have left.

        After a failure a call fails at once, and its error says why: let it.
        """
        settled = (grpc.ChannelConnectivity.READY, grpc.ChannelConnectivity.TRANSIENT_FAILURE)
        seconds = min(seconds, self._attempt_seconds)
        try:
            async with asyncio.timeout(seconds):
                while (state := self._channel.get_state(try_to_connect=True)) not in settled:
                    await self._channel.wait_for_state_change(state)
        except TimeoutError:
            raise CallFailed(Verdict.UNSENT, f"no connection within {seconds:.1f} s") from None

    def answered(self) -> None:
        self._failures = 0
        self.shunned_until = 0.0

    def failed(self, *, leaderless: bool = False) -> None:
        """Pass this member over for a while. Many calls that fail together count as one failure."""
        now = asyncio.get_running_loop().time()
        if now < self.shunned_until:
            return
        if leaderless:
            self.shunned_until = now + LEADERLESS_SECONDS
            return
        self.shunned_until = now + min(self._penalty_seconds * 2**self._failures, self._penalty_seconds_max)
        self._failures = min(self._failures + 1, 16)


def _failure(error: grpc.aio.AioRpcError) -> CallFailed:
    details = error.details() or ""
    return CallFailed(verdict(error.code(), details), f"{error.code().name}: {details}")


def _serialize(message: Message) -> bytes:
    return message.SerializeToString()


def _credentials(tls: Tls) -> grpc.ChannelCredentials:
    return grpc.ssl_channel_credentials(tls.authority, tls.key, tls.certificate)
