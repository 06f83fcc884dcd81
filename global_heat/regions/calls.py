"""The one way out to a region: every call is admitted, paced, sent once, and its outcome told.

Before it is sent: the region's health admits it, the service's limit gives it a slot, and, if it changes
something, the replica's deadline has not passed. When the deadline passes while such a call is in flight,
the call is cut.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import msgspec

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.answers import request_id_of, retry_after_of
from global_heat.regions.health import UNREACHED, RegionHealth
from global_heat.regions.limits import Limits
from global_heat.regions.transport import Request, Response, Transport


class Cut(Ambiguous):
    """The replica's deadline passed while the call was in flight: its connection was closed."""


class Outcome(enum.StrEnum):
    ANSWERED = "answered"
    REFUSED = "refused"
    """It certainly did not reach the service."""
    UNANSWERED = "unanswered"
    CUT = "cut"
    ABANDONED = "abandoned"
    """Whoever made the call gave it up."""


class CallRecord(msgspec.Struct, frozen=True):
    """One call that is over, for metrics and logs. No token, no query, no body."""

    region: Region
    service: str
    method: str
    path: str
    outcome: Outcome
    status: int
    """0 without an answer."""
    seconds: float
    request_id: str
    """The service's own."""


class Call:
    """A call in flight."""

    def __init__(self) -> None:
        self.response: Response | None = None

    def answered(self, response: Response) -> None:
        self.response = response


class Calls:
    """All calls of one process."""

    def __init__(
        self,
        transport: Transport,
        health: RegionHealth,
        limits: Limits,
        on_call: Callable[[CallRecord], None] = lambda record: None,
    ) -> None:
        self._transport = transport
        self.health = health
        self._limits = limits
        self._on_call = on_call
        self._deadline = float("inf")
        self._alarm: asyncio.TimerHandle | None = None
        self._in_flight: dict[asyncio.Timeout, None] = {}

    @property
    def changing(self) -> int:
        """How many calls that change something are in flight."""
        return len(self._in_flight)

    def change_until(self, deadline: float) -> None:
        """Let calls that change something be sent and be in flight until then, by the loop's clock.

        Called again with every renewal of the lease. Without it there is no deadline.
        """
        self._deadline = deadline
        if self._alarm is not None:
            self._alarm.cancel()
        self._alarm = asyncio.get_running_loop().call_at(deadline, self.cut)

    def cut(self) -> None:
        """Give up every changing call in flight, now: `Cut` is raised in it and its socket closed."""
        now = asyncio.get_running_loop().time()
        for scope in list(self._in_flight):
            if not scope.expired():
                scope.reschedule(now)

    async def send(self, request: Request, service: str, changes: bool) -> Response:
        """Send it once. Raises `Transient` (certainly not sent) or `Ambiguous`; any answer is returned."""
        async with self.one(Region(request.region), service, request.method, request.url, changes) as call:
            if changes:
                response = await self._send_until_cut(request)
            else:
                response = await self._transport.send(request)
            call.answered(response)
        return response

    @contextlib.asynccontextmanager
    async def one(
        self, region: Region, service: str, method: str, url: str, changes: bool
    ) -> AsyncIterator[Call]:
        """Be around one call, whatever sends it; what sends it says `answered`."""
        loop = asyncio.get_running_loop()
        self.health.admit(region, service)
        async with self._limits.of(region, service).slot():
            self.health.admit(region, service)
            if changes and loop.time() >= self._deadline:
                raise Transient("the replica's lease is about to end: nothing is changed now")
            call = Call()
            started = loop.time()
            outcome, why = Outcome.ABANDONED, ""
            overdue = loop.call_later(self.health.policy.overdue_seconds, self.health.suspect, region)
            try:
                yield call
                outcome = Outcome.ANSWERED
            except Cut:
                outcome = Outcome.CUT
                raise
            except Ambiguous as silence:
                outcome, why = Outcome.UNANSWERED, str(silence)
                raise
            except Transient as refusal:
                outcome, why = Outcome.REFUSED, str(refusal)
                raise
            finally:
                overdue.cancel()
                if call.response is not None:
                    outcome = Outcome.ANSWERED
                seconds = loop.time() - started
                self._tell(region, service, outcome, call.response, why, seconds)
                self._on_call(_record(region, service, method, url, outcome, call.response, seconds))

    async def _send_until_cut(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(None) as scope:
                self._in_flight[scope] = None
                try:
                    return await self._transport.send(request)
                finally:
                    del self._in_flight[scope]
        except TimeoutError as late:
            raise Cut(
                f"{request.method} to {request.region} was cut: the replica's lease is not sure"
            ) from late

    def _tell(
        self,
        region: Region,
        service: str,
        outcome: Outcome,
        response: Response | None,
        why: str,
        seconds: float,
    ) -> None:
        """Let health and limit learn from the outcome."""
        if outcome in (Outcome.CUT, Outcome.ABANDONED):
            return
        if response is None:
            self.health.failed(region, service, why)
            return
        limit = self._limits.of(region, service)
        retry_after = retry_after_of(response)
        if response.status == 429 or (response.status == 503 and retry_after is not None):
            limit.pause(retry_after)
        else:
            limit.ease()
        if response.status in UNREACHED:
            self.health.failed(region, service, f"it answers {response.status}")
        else:
            self.health.answered(region, service, seconds)


def _record(
    region: Region,
    service: str,
    method: str,
    url: str,
    outcome: Outcome,
    response: Response | None,
    seconds: float,
) -> CallRecord:
    return CallRecord(
        region=region,
        service=service,
        method=method,
        path=urlsplit(url).path,
        outcome=outcome,
        status=response.status if response else 0,
        seconds=seconds,
        request_id=request_id_of(response) if response else "",
    )
