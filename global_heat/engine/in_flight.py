"""The mutating calls of a shard: sent only while the lease is good, and let land where that may be."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from global_heat.engine.lease import LeaseKeeper

T = TypeVar("T")
_LANDING_SECONDS_MAX = 60.0


class InFlight:
    def __init__(self, lease: LeaseKeeper) -> None:
        self._lease = lease
        self._calls: dict[asyncio.Task[Any], None] = {}

    @property
    def busy(self) -> bool:
        return bool(self._calls)

    async def send(self, call: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Send a mutating call, once, only while the lease is good.

        It goes on when the step is cancelled meanwhile: who follows would have to look for what it did.
        """
        await self._lease.until_may_act()
        inner = asyncio.ensure_future(call())
        self._calls[inner] = None

        def ended(task: asyncio.Task[T]) -> None:
            del self._calls[task]
            if not task.cancelled():
                task.exception()  # who asked may be gone

        inner.add_done_callback(ended)
        return await asyncio.shield(inner)

    async def landed(self) -> None:
        """Return when none is under way, or when one has taken too long."""
        if self._calls:
            await asyncio.wait(list(self._calls), timeout=_LANDING_SECONDS_MAX)

    def cut(self) -> None:
        for call in list(self._calls):
            call.cancel()
