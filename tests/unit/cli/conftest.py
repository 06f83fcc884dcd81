"""A front door in a thread of its own, and the commands that talk to it."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future

import pytest
from click.testing import CliRunner

from global_heat.cli.main import main
from tests.unit.api.world import World, front_door


class Front:
    """The world behind the commands. `do` runs something in its loop."""

    def __init__(self) -> None:
        self._ready: Future[World] = Future()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self.world = self._ready.result(timeout=60)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self._ready.done():
                raise
            self._ready.set_exception(error)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        async with front_door() as world:
            self._ready.set_result(world)
            await self._stop.wait()

    def do(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=30)

    def run(self, *arguments: str, token: str = "ann"):
        """The result of a command: exit_code, stdout, stderr."""
        environ = {"GLOBAL_HEAT_ENDPOINTS": self.world.endpoint, "OS_TOKEN": token, "OS_CLOUD": ""}
        return CliRunner().invoke(main, list(arguments), env=environ, prog_name="global-heat")

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(timeout=60)
        assert not self._thread.is_alive()


@pytest.fixture
def front():
    made = Front()
    yield made
    made.close()
