"""The supervisor: it starts parts again, ends them together, and gives up only where that is right."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from global_heat.cli.serving.supervisor import EXIT_CONFIG, Supervisor

# Tells us when it has started and when it is told to stop. `endings`: how it ends each life, by commas;
# "stay" ends by SIGTERM, "stubborn" by nothing.
_PART = """
import os, signal, socket, sys
name, port, endings = sys.argv[1], int(sys.argv[2]), sys.argv[3].split(",")
voice = socket.create_connection(("127.0.0.1", port))
answers = voice.makefile("r")
def say(what): voice.sendall(f"{name} {what}\\n".encode())
def told(*_):
    say("told")
    if ending != "stubborn": os._exit(0)
signal.signal(signal.SIGTERM, told)
say("started")
life = int(answers.readline())
ending = endings[min(life, len(endings) - 1)]
if ending == "crash": os.kill(os.getpid(), signal.SIGKILL)
if ending.isdigit(): sys.exit(int(ending))
say("stays")
answers.readline()  # which never comes: a part ends with the test at the latest
"""


class Stage:
    """Where the parts are heard."""

    def __init__(self, port: int) -> None:
        self._port = port
        self.heard: asyncio.Queue[str] = asyncio.Queue()
        self.lives: Counter[str] = Counter()

    def parts(self, endings: Mapping[str, str]) -> dict[str, Sequence[str]]:
        return {
            name: (sys.executable, "-c", _PART, name, str(self._port), each) for name, each in endings.items()
        }

    async def until(self, *lines: str) -> None:
        """Hear all these, in whatever order."""
        missing = Counter(lines)
        while missing:
            missing -= Counter([await self.heard.get()])

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := (await reader.readline()).decode().strip():
            name, what = line.split()
            if what == "started":
                writer.write(f"{self.lives[name]}\n".encode())
                self.lives[name] += 1
            self.heard.put_nowait(line)
        writer.close()


@asynccontextmanager
async def stage() -> AsyncIterator[Stage]:
    made: list[Stage] = []
    server = await asyncio.start_server(lambda r, w: made[0].listen(r, w), "127.0.0.1", 0)
    async with server:
        made.append(Stage(server.sockets[0].getsockname()[1]))
        yield made[0]


def tell(number: signal.Signals = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def test_a_part_that_dies_is_started_again() -> None:
    async def main() -> None:
        async with stage() as on:
            parts = on.parts({"first": "crash,1,stay", "second": "stay"})
            running = asyncio.ensure_future(Supervisor(parts, 60.0).run())
            await on.until("first stays", "second stays")
            tell()
            await on.until("first told", "second told")
            assert await running == 0
            assert on.lives == {"first": 3, "second": 1}, "another's death is no concern of it"

    asyncio.run(main())


def test_what_is_no_use_at_the_start_ends_all() -> None:
    async def main() -> None:
        async with stage() as on:
            parts = on.parts({"first": str(EXIT_CONFIG), "second": "stay"})
            assert await Supervisor(parts, 60.0).run() == EXIT_CONFIG
            assert on.lives["first"] == 1

    asyncio.run(main())


def test_what_did_work_once_is_started_again_whatever_it_says() -> None:
    async def main() -> None:
        async with stage() as on:
            parts = on.parts({"part": f"1,{EXIT_CONFIG},stay"})
            running = asyncio.ensure_future(Supervisor(parts, 60.0).run())
            await on.until("part stays")
            tell(signal.SIGINT)
            assert await running == 0
            assert on.lives["part"] == 3

    asyncio.run(main())


def test_a_part_that_does_not_listen_is_killed() -> None:
    async def main() -> None:
        async with stage() as on:
            running = asyncio.ensure_future(Supervisor(on.parts({"part": "stubborn"}), 0.1).run())
            await on.until("part stays")
            tell()
            assert await running == 0

    asyncio.run(main())


def test_told_twice_it_does_not_wait() -> None:
    async def main() -> None:
        async with stage() as on:
            running = asyncio.ensure_future(Supervisor(on.parts({"part": "stubborn"}), 3600.0).run())
            await on.until("part stays")
            tell()
            await on.until("part told")
            tell()
            assert await running == 0

    asyncio.run(main())
