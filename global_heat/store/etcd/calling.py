"""Calls to the cluster as a whole: which member, how long, again or not, with which token."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import TypeVar

from global_heat.model.errors import Ambiguous, Error, Fenced, Invalid, Reason, Transient
from global_heat.store.etcd.endpoint import AUTHENTICATE, Endpoint, Message, Metadata, Method
from global_heat.store.etcd.settings import Settings
from global_heat.store.etcd.verdict import CallFailed, Verdict
from global_heat.store.etcd.wire import rpc_pb2 as wire

PAUSE_SECONDS = 0.05
PAUSE_SECONDS_MAX = 0.4
LOGINS_MAX = 2
# A member that is cut off from the cluster shall say so instead of keeping silent.
REQUIRE_LEADER: Metadata = (("hasleader", "true"),)

Q = TypeVar("Q", bound=Message)
R = TypeVar("R")


class Cluster:
    """The members that the settings name, the nearest first, and our session with them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.endpoints = [Endpoint(address, settings) for address in settings.endpoints]
        self._token: str | None = None
        self._login = asyncio.Lock()

    async def close(self) -> None:
        for endpoint in self.endpoints:
            await endpoint.close()

    def pick(self) -> Endpoint:
        """The nearest member that is not passed over; if all are, the one whose time is up first."""
        now = asyncio.get_running_loop().time()
        for endpoint in self.endpoints:
            if endpoint.shunned_until <= now:
                return endpoint
        return min(self.endpoints, key=lambda endpoint: endpoint.shunned_until)

    async def metadata(self) -> Metadata:
        """What goes with every call. Logs in first if need be, once for all calls that wait for it."""
        password = self.settings.password
        if password is None:
            return REQUIRE_LEADER
        async with self._login:
            if self._token is None:
                request = wire.AuthenticateRequest(name=password.user, password=password.password)
                # An unused token of a login whose answer was lost does no harm: it runs out.
                self._token = (await self.call(AUTHENTICATE, request, repeatable=True)).token
            return (*REQUIRE_LEADER, ("token", self._token))

    def forget(self, metadata: Metadata) -> None:
        """Log in again before the next call, unless somebody has since."""
        if ("token", self._token) in metadata:
            self._token = None

    async def call(self, method: Method[Q, R], request: Q, *, repeatable: bool) -> R:
        """Call a unary method. As `run`."""

        async def once(endpoint: Endpoint, seconds: float, metadata: Metadata) -> R:
            return await endpoint.call(method, request, seconds, metadata)

        return await self.run(str(method), once, repeatable=repeatable, login=method is not AUTHENTICATE)

    async def run(
        self,
        name: str,
        once: Callable[[Endpoint, float, Metadata], Awaitable[R]],
        *,
        repeatable: bool,
        login: bool = True,
    ) -> R:
        """Ask one member, or several in turn, for at most `call_seconds` (and as long for a login before).

        What is not repeatable goes to another member only if the first certainly did not carry it out.

        Raises `Transient`, `Ambiguous` (never if repeatable), `Fenced` (the lease is gone), `Invalid`, and
        `CallFailed` for a revision that is compacted or in the future.
        """
        loop = asyncio.get_running_loop()
        metadata = await self.metadata() if login else REQUIRE_LEADER
        deadline = loop.time() + self.settings.call_seconds
        logins = 0
        for tries in itertools.count(1):
            endpoint = self.pick()
            left = max(deadline - loop.time(), 0.0)
            seconds = min(left, self.settings.attempt_seconds) if repeatable else left
            try:
                answer = await once(endpoint, seconds, metadata)
            except CallFailed as error:
                failure = error
            else:
                endpoint.answered()
                return answer
            if failure.verdict is Verdict.LOGIN and login and self.settings.password and logins < LOGINS_MAX:
                logins += 1
                self.forget(metadata)
                metadata = await self.metadata()
                continue
            if refused := refusal(name, failure):
                raise refused from failure
            endpoint.failed(leaderless=failure.verdict is Verdict.LEADERLESS)
            if failure.verdict is Verdict.UNKNOWN and not repeatable:
                raise Ambiguous(f"etcd {name} at {endpoint.address}: {failure}") from failure
            pause = pause_seconds(tries // len(self.endpoints)) if tries % len(self.endpoints) == 0 else 0.0
            if loop.time() + pause >= deadline:
                raise Transient(f"etcd {name} at {endpoint.address}: {failure}") from failure
            await asyncio.sleep(pause)
        raise AssertionError("unreachable")


def pause_seconds(rounds: int) -> float:
    """How long to wait after that many fruitless rounds through all members."""
    return min(PAUSE_SECONDS * float(1 << min(rounds, 8)), PAUSE_SECONDS_MAX)


def refusal(name: str, failure: CallFailed) -> Error | CallFailed | None:
    """The error that a definite answer stands for. None: another member may do better."""
    text = f"etcd {name}: {failure}"
    match failure.verdict:
        case Verdict.UNKNOWN | Verdict.UNSENT | Verdict.LEADERLESS:
            return None
        case Verdict.COMPACTED | Verdict.FUTURE:
            return failure
        case Verdict.FULL:
            return Transient(f"{text}. Compact, defragment and disarm the alarm, or raise the quota")
        case Verdict.NO_LEASE:
            return Fenced(text)
        case Verdict.FORBIDDEN:
            return Invalid(text, reason=Reason.FORBIDDEN)
        case Verdict.LOGIN | Verdict.PASSWORD:
            return Invalid(text, reason=Reason.UNAUTHENTICATED)
        case Verdict.INVALID:
            return Invalid(text)
