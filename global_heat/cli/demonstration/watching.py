"""A stack that is followed: shown as it goes, and waited for until it has come to some point."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from types import TracebackType

from rich.console import Console

from global_heat.cli.failure import TIMED_OUT, Failed
from global_heat.cli.messages import last
from global_heat.cli.progress import show
from global_heat.client import Client
from global_heat.proto.v1 import event_pb2, stack_pb2, stack_service_pb2

WAIT_SECONDS_MAX = 120.0


class Watching:
    """A context manager: shows the stack on the console until its operation is over, or the context ends."""

    def __init__(self, client: Client, name: str, console: Console) -> None:
        self._client = client
        self._name = name
        self._console = console
        self._news = asyncio.Event()
        self._parked_at: dict[str, float] = {}
        self.stack = stack_pb2.Stack()
        """As it was told last."""
        self.events: dict[str, event_pb2.Event] = {}
        """By name: a watch that goes on elsewhere may tell one twice."""
        self.parked_seconds = 0.0
        """How long regions were parked, all told, of those that are not any more."""

    async def __aenter__(self) -> Watching:
        self._task = asyncio.create_task(show(self._updates(), self._console))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    async def until(self, what: str, holds: Callable[[Watching], bool]) -> None:
        """Wait until that holds of what was told. Raises `Failed` when it takes too long."""
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                while not holds(self):
                    news = asyncio.create_task(self._news.wait())
                    await asyncio.wait({news, self._task}, return_when=asyncio.FIRST_COMPLETED)
                    news.cancel()
                    self._news.clear()
                    if self._task.done() and not holds(self):
                        self._task.result()
                        raise Failed(TIMED_OUT, f"{self._name} came to its end, but never: {what}")
        except TimeoutError:
            raise Failed(TIMED_OUT, f"not within {WAIT_SECONDS_MAX:g} s: {what}") from None

    async def end(self) -> None:
        """Wait until all is told."""
        try:
            async with asyncio.timeout(WAIT_SECONDS_MAX):
                await self._task
        except TimeoutError:
            raise Failed(TIMED_OUT, f"{self._name} is not done after {WAIT_SECONDS_MAX:g} s") from None

    @property
    def completed(self) -> int:
        """Changes of resources that were told as complete."""
        return sum(1 for event in self.events.values() if event.resource and event.status == "COMPLETE")

    def state(self, region: str) -> int:
        """A `ShardState`."""
        return next((each.state for each in self.stack.regions if last(each.region) == region), 0)

    async def _updates(self) -> AsyncIterator[stack_service_pb2.WatchStackResponse]:
        async for update in self._client.watch_stack(self._name, until_done=True):
            match update.WhichOneof("update"):
                case "stack":
                    self.stack = update.stack
                    self._count_parked()
                case "event":
                    self.events[update.event.name] = update.event
            self._news.set()
            yield update

    def _count_parked(self) -> None:
        now = asyncio.get_running_loop().time()
        for region in self.stack.regions:
            if region.state == stack_pb2.SHARD_STATE_PARKED:
                self._parked_at.setdefault(region.region, now)
            elif region.region in self._parked_at:
                self.parked_seconds += now - self._parked_at.pop(region.region)
