"""Group commits: what is about to be written is waited for a moment, so that it joins."""

from __future__ import annotations

import asyncio

_LINGER_SECONDS = 0.02
_HALF_SECONDS_MAX = 0.15
_TURNS = 3
"""Of the loop, from a write to the start of the steps that it lets begin."""


class Gathering:
    """A context manager: while entered, a step is about to write, and the next commit waits for that."""

    def __init__(self) -> None:
        self._expected = 0
        self._changed = asyncio.Event()
        self._committed_at = 0.0
        self._commit_seconds = 0.0

    def __enter__(self) -> None:
        self._expected += 1

    def __exit__(self, *_: object) -> None:
        self._expected -= 1
        if not self._expected:
            self._changed.set()

    def committed(self, began_at: float) -> None:
        """A commit is over that was begun then, by the loop's clock."""
        self._committed_at = asyncio.get_running_loop().time()
        self._commit_seconds = self._committed_at - began_at

    async def gathered(self) -> None:
        """Return when nobody is about to write any more, or when it is not worth waiting any longer.

        What follows from the last commit is worth half a commit's time: who misses this one waits for all
        of it.
        """
        now = asyncio.get_running_loop().time()
        half = min(self._commit_seconds / 2, _HALF_SECONDS_MAX)
        until = max(now + _LINGER_SECONDS, self._committed_at + half)
        try:
            async with asyncio.timeout_at(until):
                while True:
                    for _ in range(_TURNS):
                        await asyncio.sleep(0)
                    if not self._expected:
                        return
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            return
