"""The parent of the processes that make a replica: starts them, starts them again, ends them.

It knows nothing of stores and clouds, so that hardly anything can bring it down.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger()

READS_AGAIN = "front-door"
"""The part that SIGHUP is for."""
EXIT_CONFIG = 78
"""sysexits.h: EX_CONFIG. The part says that starting it again as it is cannot help."""
BACKOFF_SECONDS = 0.5
BACKOFF_SECONDS_MAX = 30.0
HEALTHY_SECONDS = 60.0
"""A part that lived so long is started again at once."""
_MODULES = {
    "front-door": "global_heat.cli.serving.front_door",
    "engine": "global_heat.cli.serving.engine",
}


def parts(config: Path) -> dict[str, Sequence[str]]:
    """The commands of a replica's parts. Each is told its parent, to end with it."""
    parent = str(os.getpid())
    return {name: (sys.executable, "-m", module, str(config), parent) for name, module in _MODULES.items()}


def environment() -> Mapping[str, str]:
    """A part's environment: ours. What gRPC's core has to say is no JSON, and its errors are told by us."""
    return {"GRPC_VERBOSITY": "NONE", **os.environ}


class Supervisor:
    """Keeps the parts, given as commands by name. Once told to end they have `drain_seconds`; then they are
    killed."""

    def __init__(self, parts: Mapping[str, Sequence[str]], drain_seconds: float) -> None:
        self._parts = parts
        self._drain_seconds = drain_seconds
        self._stopping = asyncio.Event()
        self._processes: dict[str, asyncio.subprocess.Process] = {}
        self._status = 0

    async def run(self) -> int:
        """Run all parts until SIGTERM or SIGINT, or until one says that it is no use; the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop)
        loop.add_signal_handler(signal.SIGHUP, self._signal, signal.SIGHUP, (READS_AGAIN,))
        async with asyncio.TaskGroup() as group:
            for part in self._parts:
                group.create_task(self._keep(part))
            await self._stopping.wait()
            self._signal(signal.SIGTERM)
            killing = loop.call_later(self._drain_seconds, self._signal, signal.SIGKILL)
        killing.cancel()
        return self._status

    def _told_to_stop(self) -> None:
        """The first time: end in good order. The second time: end."""
        if self._stopping.is_set():
            self._signal(signal.SIGKILL)
        self._stopping.set()

    async def _keep(self, part: str) -> None:
        """Start a part, again whenever it ends by itself."""
        backoff, first = BACKOFF_SECONDS, True
        while not self._stopping.is_set():
            started = time.monotonic()
            # From the main thread, which the kernel takes for the parent: the part dies when it does.
            process = await asyncio.create_subprocess_exec(
                *self._parts[part], stdin=asyncio.subprocess.DEVNULL, env=environment()
            )
            self._processes[part] = process
            log.info("started", part=part, pid=process.pid)
            if self._stopping.is_set():
                process.terminate()
            status = await process.wait()
            del self._processes[part]
            lived = time.monotonic() - started
            if self._stopping.is_set():
                log.info("ended", part=part, status=status)
                return
            if status == EXIT_CONFIG and first:
                # Later it may be a file that is just being edited: what runs shall not end for that.
                self._status = EXIT_CONFIG
                self._stopping.set()
                return
            first = False
            backoff = BACKOFF_SECONDS if lived >= HEALTHY_SECONDS else backoff
            log.error("died", part=part, status=_words(status), lived_seconds=round(lived, 1))
            await self._pause(backoff)
            backoff = min(2 * backoff, BACKOFF_SECONDS_MAX)

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._stopping.wait()
        except TimeoutError:
            pass

    def _signal(self, number: signal.Signals, parts: Collection[str] | None = None) -> None:
        """Send it to the parts that run; none named: to all."""
        for part, process in self._processes.items():
            if process.returncode is None and (parts is None or part in parts):
                process.send_signal(number)


def _words(status: int) -> str:
    return signal.Signals(-status).name if status < 0 else str(status)
