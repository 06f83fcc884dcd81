"""How fast each service of each region is called, and how many calls at once."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable

import msgspec

from global_heat.model.names import Region

PAUSE_SECONDS = 1.0
PAUSE_SECONDS_MAX = 30.0


class Pace(msgspec.Struct, frozen=True):
    """What one service is asked to bear."""

    per_second: float = 200.0
    burst: int = 100
    in_flight_max: int = 64


class Limit:
    """One service's limit: a bucket of `burst` tokens that fills at `per_second`, and slots for calls in
    flight. Who waits for a token, or for the end of a pause, holds no slot. First come, first served.
    """

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._slots = asyncio.Semaphore(pace.in_flight_max)
        self._full_at = 0.0
        """When the bucket is full again, if nobody takes a token."""
        self._paused_until = 0.0
        self._refusals = 0

    @contextlib.asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot while a call is in flight."""
        await self._take_token()
        while True:
            await self._slots.acquire()
            pause = self._paused_until - asyncio.get_running_loop().time()
            if pause <= 0:
                break
            self._slots.release()
            await asyncio.sleep(pause)
        try:
            yield
        finally:
            self._slots.release()

    def pause(self, retry_after_seconds: float | None) -> None:
        """The service said "too many": start nothing before what it wished, else a growing while."""
        self._refusals += 1
        if retry_after_seconds is None:
            retry_after_seconds = min(PAUSE_SECONDS * 2 ** (self._refusals - 1), PAUSE_SECONDS_MAX)
        until = asyncio.get_running_loop().time() + retry_after_seconds
        self._paused_until = max(self._paused_until, until)

    def ease(self) -> None:
        """The service took a call."""
        self._refusals = 0

    async def _take_token(self) -> None:
        now = asyncio.get_running_loop().time()
        interval = 1.0 / self._pace.per_second
        self._full_at = max(self._full_at, now) + interval
        wait = self._full_at - now - self._pace.burst * interval
        if wait > 0:
            await asyncio.sleep(wait)


class Limits:
    """The limits of all services; `pace_of` says what each is asked to bear."""

    def __init__(self, pace_of: Callable[[Region, str], Pace] = lambda region, service: Pace()) -> None:
        self._pace_of = pace_of
        self._limits: dict[tuple[Region, str], Limit] = {}

    def of(self, region: Region, service: str) -> Limit:
        limit = self._limits.get((region, service))
        if limit is None:
            limit = self._limits[region, service] = Limit(self._pace_of(region, service))
        return limit
