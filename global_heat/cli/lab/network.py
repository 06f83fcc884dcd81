"""The lab's network: everything that crosses a region's border passes a gate here, late or not at all.

A gate is the public address of one server of a region: its etcd member's, its cloud's, a replica's. Bytes
are held for half a round trip in each direction, and so is the connection itself; how much is on its way at
once is not limited by that.
"""

from __future__ import annotations

import asyncio
import contextlib
import enum
import socket
import struct
from collections.abc import Callable, Iterable

import msgspec

HOST = "127.0.0.1"
CHUNK_BYTES = 64 * 1024
CHUNKS_MAX = 256
"""On their way in one direction of one connection; then the sender has to wait."""

Seconds = float
Delay = Callable[[str, str], Seconds]
"""The round trip between two regions."""
Who = Callable[[int, int], str | None]
"""Whose connection it is, by the ports of its client's end and of the gate; None: somebody from outside."""


class Condition(enum.StrEnum):
    """How a region is to the rest of the world."""

    UP = "up"
    CUT = "cut"
    """Nothing crosses its border, and nobody is told; inside, all goes on."""
    DEAF = "deaf"
    """Nothing gets in, and nobody is told; what it says is heard outside."""
    MUTE = "mute"
    """Nothing gets out, and nobody is told; what is said outside is heard there."""
    PAUSED = "paused"
    """It is there and says nothing, not even to itself."""
    KILLED = "killed"
    """Connections to it break, new ones are refused."""


class Way(enum.Enum):
    """Of bytes on a connection, seen from who opened it."""

    THERE = enum.auto()
    BACK = enum.auto()


class Gate(msgspec.Struct, frozen=True):
    """The public `port` of what listens on port `target`."""

    region: str
    port: int
    target: int


class Network:
    """All gates of a lab."""

    def __init__(self, gates: Iterable[Gate], delay: Delay, who: Who) -> None:
        self._gates = tuple(gates)
        self._delay = delay
        self._who = who
        self._servers: dict[Gate, asyncio.Server] = {}
        self._crossings: dict[_Crossing, asyncio.Task[None]] = {}
        self._changed = asyncio.Event()
        self.conditions = dict.fromkeys((gate.region for gate in self._gates), Condition.UP)

    async def open(self) -> None:
        """Listen at all gates. Raises `OSError`."""
        for gate in self._gates:
            await self._listen(gate)

    async def close(self) -> None:
        """Listen no more, break all connections."""
        for server in self._servers.values():
            server.close()
        self._servers.clear()
        tasks = list(self._crossings.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def change(self, region: str, condition: Condition) -> None:
        """Put a region into a condition. What was held back on its way goes on when that ends."""
        self.conditions[region] = condition
        for gate in self._gates:
            if gate.region == region and condition is Condition.KILLED:
                if server := self._servers.pop(gate, None):
                    server.close()
            elif gate.region == region and gate not in self._servers:
                await self._listen(gate)
        if condition is Condition.KILLED:
            for crossing, task in self._crossings.items():
                if region in (crossing.source, crossing.target):
                    task.cancel()
        self._changed.set()
        self._changed = asyncio.Event()

    def passes(self, source: str | None, target: str, way: Way) -> bool:
        """Whether bytes of a connection from source to target get through now, that way."""
        if self.conditions[target] is Condition.PAUSED:
            return False
        if source == target:
            return True
        left, entered = (source, target) if way is Way.THERE else (target, source)
        leaving, entering = self.conditions.get(left or ""), self.conditions.get(entered or "")
        return leaving not in (Condition.CUT, Condition.MUTE) and entering not in (
            Condition.CUT,
            Condition.DEAF,
        )

    async def until_passes(self, source: str | None, target: str, *ways: Way) -> bool:
        """Wait until bytes get through all those ways. Whether they did at once."""
        waited = False
        while not all(self.passes(source, target, way) for way in ways):
            waited = True
            await self._changed.wait()
        return not waited

    async def _listen(self, gate: Gate) -> None:
        def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            source = self._who(writer.get_extra_info("peername")[1], gate.port)
            delay = 0.0 if source in (None, gate.region) else self._delay(source or "", gate.region)
            crossing = _Crossing(self, source, gate, delay, reader, writer)
            task = asyncio.get_running_loop().create_task(crossing.run())
            self._crossings[crossing] = task
            task.add_done_callback(lambda task: self._crossings.pop(crossing))

        self._servers[gate] = await asyncio.start_server(serve, HOST, gate.port, backlog=1024)


class _Crossing:
    """One connection through a gate."""

    def __init__(
        self,
        network: Network,
        source: str | None,
        gate: Gate,
        delay: Seconds,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.source = source
        self.target = gate.region
        self._network = network
        self._port = gate.target
        self._half = delay / 2
        self._near = (reader, writer)
        self._writers = [writer]
        # The client believes itself connected at once; its first bytes pay for the handshake.
        self._connected_at = asyncio.get_running_loop().time() + delay

    async def run(self) -> None:
        reader, writer = self._near
        there: asyncio.Queue[_Parcel] = asyncio.Queue(CHUNKS_MAX)
        receiving = asyncio.create_task(self._receive(reader, there))
        try:
            await asyncio.sleep(self._half)
            at_once = await self._network.until_passes(self.source, self.target, *Way)
            if not at_once and receiving.done():
                return  # The client gave up before anybody heard of it.
            far_reader, far_writer = await asyncio.open_connection(HOST, self._port)
            self._writers.append(far_writer)
            back: asyncio.Queue[_Parcel] = asyncio.Queue(CHUNKS_MAX)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._send(there, far_writer, Way.THERE))
                tasks.create_task(self._receive(far_reader, back))
                tasks.create_task(self._send(back, writer, Way.BACK))
            for each in self._writers:
                each.close()
                await each.wait_closed()
        except* (OSError, _Broken):
            pass
        finally:
            receiving.cancel()
            for each in self._writers:
                _reset(each)

    async def _receive(self, reader: asyncio.StreamReader, parcels: asyncio.Queue[_Parcel]) -> None:
        loop = asyncio.get_running_loop()
        data: bytes | None = b"-"
        while data:
            try:
                data = await reader.read(CHUNK_BYTES)
            except OSError:
                data = None
            await parcels.put(_Parcel(max(loop.time(), self._connected_at) + self._half, data))

    async def _send(self, parcels: asyncio.Queue[_Parcel], writer: asyncio.StreamWriter, way: Way) -> None:
        loop = asyncio.get_running_loop()
        while True:
            parcel = await parcels.get()
            if (wait := parcel.due - loop.time()) > 0:
                await asyncio.sleep(wait)
            await self._network.until_passes(self.source, self.target, way)
            if parcel.data is None:
                raise _Broken
            if not parcel.data:
                with contextlib.suppress(OSError):
                    writer.write_eof()
                return
            writer.write(parcel.data)
            await writer.drain()


def _reset(writer: asyncio.StreamWriter) -> None:
    """Break a connection, so that the other side cannot take it for a proper end."""
    if not writer.transport.is_closing():
        linger = struct.pack("ii", 1, 0)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


class _Parcel(msgspec.Struct, frozen=True):
    """Bytes, the end of them (empty) or a broken connection (None), and when the other side may see it."""

    due: float
    data: bytes | None


class _Broken(Exception):
    """The other side's connection broke."""
