"""A simulated operating system process: it runs, is stopped, goes on, dies."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")


class Process:
    """Whether a process runs. What a stopped one was about to send, it sends when it goes on."""

    def __init__(self) -> None:
        self._running = asyncio.Event()
        self._running.set()
        self._dead = False
        self.resumed: set[float] = set()
        """When it went on, by the loop's clock."""
        self._late: dict[asyncio.Task[Any], None] = {}

    def stop(self) -> None:
        self._running.clear()

    def go_on(self) -> None:
        if self.stopped:
            self.resumed.add(asyncio.get_running_loop().time())
        self._running.set()

    def die(self) -> None:
        """Nothing more is sent, also nothing that a stopped process was about to."""
        self._dead = True
        for task in list(self._late):
            task.cancel()

    @property
    def stopped(self) -> bool:
        return not self._running.is_set()

    async def send(self, call: Callable[[], Awaitable[T]]) -> T:
        """Carry out a call as the process is: at once, when it goes on, or never."""
        if self._dead:
            await asyncio.Event().wait()
        if not self.stopped:
            return await call()

        async def when_it_goes_on() -> T:
            await self._running.wait()
            return await call()

        # Whoever asked may have given up: a stopped process does not notice that before it sends.
        task = asyncio.ensure_future(when_it_goes_on())
        self._late[task] = None
        task.add_done_callback(self._forget)
        return await asyncio.shield(task)

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._late.pop(task, None)
        if not task.cancelled():
            task.exception()
