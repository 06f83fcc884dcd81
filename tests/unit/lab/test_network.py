"""The gates on real sockets: what passes, when, and what does not. Order tells, never a clock."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from types import MappingProxyType

import pytest

from global_heat.cli.lab.network import Condition, Gate, Network

Ports = Callable[[int], list[int]]
Delays = Mapping[frozenset[str], float]
BULK_BYTES = 8 << 20


class Line:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def ask(self, text: bytes) -> bytes:
        self.writer.write(text + b"\n")
        return (await self.reader.readline()).strip()


class World:
    """Two regions, a server behind the gate of each."""

    def __init__(self, ports: list[int], delays: Delays) -> None:
        self.gates = {"north": Gate("north", ports[0], ports[1]), "south": Gate("south", ports[2], ports[3])}
        self.network = Network(self.gates.values(), lambda *pair: delays.get(frozenset(pair), 0.0), self._who)
        self.heard: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue()
        self.accepted = 0
        self._source: str | None = None
        self._asked = asyncio.Event()

    async def connect(self, source: str | None, target: str) -> Line:
        self._source = source
        self._asked.clear()
        reader, writer = await asyncio.open_connection("127.0.0.1", self.gates[target].port)
        # Whose a connection is, is asked when it is accepted: the next one must not come before.
        await self._asked.wait()
        return Line(reader, writer)

    def _who(self, client: int, gate: int) -> str | None:
        self._asked.set()
        return self._source

    async def serve(self, region: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell each line, answer it in capitals, and the end with a word."""
        self.accepted += 1
        try:
            while line := await reader.readline():
                self.heard.put_nowait((region, line))
                writer.write(line.upper())
            self.heard.put_nowait((region, b"the end"))
            writer.write(b"bye\n")
            await writer.drain()
        except OSError:
            self.heard.put_nowait((region, b"broken"))
        writer.close()


@asynccontextmanager
async def world(free_ports: Ports, delays: Delays = MappingProxyType({})) -> AsyncIterator[World]:
    made = World(free_ports(4), delays)
    servers = [
        await asyncio.start_server(partial(made.serve, name), "127.0.0.1", gate.target, limit=2 * BULK_BYTES)
        for name, gate in made.gates.items()
    ]
    await made.network.open()
    try:
        yield made
    finally:
        await made.network.close()
        for server in servers:
            server.close()


async def turns(count: int = 50) -> None:
    """Let everything that could happen by now happen."""
    for _ in range(count):
        await asyncio.sleep(0.001)


async def test_bytes_pass_both_ways_and_so_does_the_end(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line = await lab.connect("north", "south")
        assert await line.ask(b"hello") == b"HELLO"
        line.writer.write_eof()
        assert await line.reader.read() == b"bye\n"
        assert lab.heard.get_nowait() == ("south", b"hello\n")


async def test_who_says_all_at_once_is_answered_all_the_same(free_ports: Ports) -> None:
    async with world(free_ports, {frozenset(("north", "south")): 0.1}) as lab:
        line = await lab.connect("north", "south")
        line.writer.write(b"hello\n")
        line.writer.write_eof()
        assert await line.reader.read() == b"HELLO\nbye\n"


async def test_an_answer_is_there_to_its_last_byte_however_slowly_it_is_read(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line = await lab.connect("north", "south")
        line.writer.write(b"x" * BULK_BYTES + b"\n")
        line.writer.write_eof()
        assert (await lab.heard.get(), await lab.heard.get())[1] == ("south", b"the end")
        answer = b""
        while chunk := await line.reader.read(1 << 16):
            answer += chunk
            await asyncio.sleep(0)
        assert answer == b"X" * BULK_BYTES + b"\nbye\n"


FAR_SECONDS = 2.0
"""Far enough that a busy machine does not make what is near the later."""


async def test_a_far_region_hears_later_than_a_near_one(free_ports: Ports) -> None:
    async with world(free_ports, {frozenset(("north", "south")): FAR_SECONDS}) as lab:
        far = await lab.connect("north", "south")
        assert await far.ask(b"hello") == b"HELLO"
        await lab.heard.get()
        near = await lab.connect("south", "south")
        far.writer.write(b"first\n")
        await turns()
        near.writer.write(b"second\n")
        assert [await lab.heard.get() for _ in range(2)] == [("south", b"second\n"), ("south", b"first\n")]


async def test_somebody_from_outside_is_near_everywhere(free_ports: Ports) -> None:
    async with world(free_ports, {frozenset(("north", "south")): FAR_SECONDS}) as lab:
        far = await lab.connect("north", "south")
        outside = await lab.connect(None, "south")
        far.writer.write(b"first\n")
        await turns()
        outside.writer.write(b"second\n")
        assert (await lab.heard.get())[1] == b"second\n"


async def test_much_is_on_its_way_at_once(free_ports: Ports) -> None:
    """128 chunks, each held for 0.1 s, are there before a byte that is held for 1.5 s."""
    delays = {frozenset(("north", "south")): 0.2, frozenset(("west", "south")): 1.0}
    async with world(free_ports, delays) as lab:
        bulk = await lab.connect("north", "south")
        slow = await lab.connect("west", "south")
        slow.writer.write(b"slow\n")
        bulk.writer.write(b"x" * BULK_BYTES + b"\n")
        first, second = await lab.heard.get(), await lab.heard.get()
        assert (len(first[1]), second[1]) == (BULK_BYTES + 1, b"slow\n")


async def test_a_cut_region_is_silent_to_the_others_and_lively_inside(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        out, into, inside = (
            await lab.connect("north", "south"),
            await lab.connect("south", "north"),
            await lab.connect("north", "north"),
        )
        for line in (out, into, inside):
            assert await line.ask(b"before") == b"BEFORE"
        await lab.network.change("north", Condition.CUT)
        asked = [asyncio.create_task(line.ask(b"now")) for line in (out, into)]
        fresh = await lab.connect(None, "north")
        asked.append(asyncio.create_task(fresh.ask(b"now")))
        assert await inside.ask(b"now") == b"NOW"
        await turns()
        assert not any(task.done() for task in asked)
        await lab.network.change("north", Condition.UP)
        assert await asyncio.gather(*asked) == [b"NOW"] * 3


async def test_who_gave_up_while_a_region_was_cut_is_never_heard_of(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        await lab.network.change("south", Condition.CUT)
        hopeless = await lab.connect("north", "south")
        hopeless.writer.write(b"late\n")
        hopeless.writer.close()
        await turns()
        await lab.network.change("south", Condition.UP)
        line = await lab.connect("north", "south")
        assert await line.ask(b"hello") == b"HELLO"
        assert (lab.accepted, lab.heard.get_nowait()) == (1, ("south", b"hello\n"))


async def test_a_paused_region_is_silent_inside_too(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        inside, other = await lab.connect("south", "south"), await lab.connect("south", "north")
        await lab.network.change("south", Condition.PAUSED)
        asked = asyncio.create_task(inside.ask(b"hello"))
        assert await other.ask(b"hello") == b"HELLO"
        await turns()
        assert not asked.done()
        await lab.network.change("south", Condition.UP)
        assert await asked == b"HELLO"


async def test_into_a_deaf_region_nothing_gets_but_it_is_heard(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line, out = await lab.connect("north", "south"), await lab.connect("south", "north")
        assert await line.ask(b"hello") == await out.ask(b"hello") == b"HELLO"
        assert {lab.heard.get_nowait()[0], lab.heard.get_nowait()[0]} == {"north", "south"}
        await lab.network.change("south", Condition.DEAF)
        line.writer.write(b"more\n")
        asked = asyncio.create_task(out.ask(b"more"))
        assert await lab.heard.get() == ("north", b"more\n")
        await turns()
        assert not asked.done() and lab.heard.empty()
        await lab.network.change("south", Condition.UP)
        assert await asked == b"MORE"
        assert await lab.heard.get() == ("south", b"more\n")


async def test_out_of_a_mute_region_nothing_gets_but_it_hears(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line, out = await lab.connect("north", "south"), await lab.connect("south", "north")
        assert await line.ask(b"hello") == await out.ask(b"hello") == b"HELLO"
        assert {lab.heard.get_nowait()[0], lab.heard.get_nowait()[0]} == {"north", "south"}
        await lab.network.change("south", Condition.MUTE)
        out.writer.write(b"more\n")
        asked = asyncio.create_task(line.ask(b"more"))
        assert await lab.heard.get() == ("south", b"more\n")
        await turns()
        assert not asked.done() and lab.heard.empty()
        await lab.network.change("south", Condition.UP)
        assert await asked == b"MORE"
        assert await lab.heard.get() == ("north", b"more\n")


async def test_a_killed_region_breaks_connections_and_refuses_new_ones(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line, other = await lab.connect("north", "south"), await lab.connect("north", "north")
        assert await line.ask(b"hello") == b"HELLO"
        await lab.network.change("south", Condition.KILLED)
        with pytest.raises(ConnectionResetError):
            await line.reader.read()
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection("127.0.0.1", lab.gates["south"].port)
        assert await other.ask(b"hello") == b"HELLO"
        await lab.network.change("south", Condition.UP)
        again = await lab.connect("north", "south")
        assert await again.ask(b"hello") == b"HELLO"


async def test_a_server_that_is_not_there_breaks_the_connection(free_ports: Ports) -> None:
    listen, nobody = free_ports(2)
    network = Network([Gate("north", listen, nobody)], lambda a, b: 0.0, lambda a, b: None)
    await network.open()
    reader, _ = await asyncio.open_connection("127.0.0.1", listen)
    with pytest.raises(ConnectionResetError):
        await reader.read()
    await network.close()


async def test_a_broken_connection_breaks_on_the_other_side(free_ports: Ports) -> None:
    async with world(free_ports) as lab:
        line = await lab.connect("north", "south")
        assert await line.ask(b"hello") == b"HELLO"
        await lab.heard.get()
        line.writer.transport.abort()
        assert (await lab.heard.get())[1] in (b"broken", b"the end")
