"""A TCP proxy before a member, which can lose, hold back and cut what passes."""

from __future__ import annotations

import asyncio
from types import TracebackType


class Proxy:
    """Forwards to `target` (`host:port`) from `address`, until told otherwise."""

    def __init__(self, target: str) -> None:
        self._target = target
        self._connections: set[asyncio.StreamWriter] = set()
        self._answered_bytes = 0
        self._cut_at: int | None = None
        self._hold_at: int | None = None
        self._open = asyncio.Event()
        self._open.set()
        self.swallow_answers = False
        self.holding = asyncio.Event()
        self.connections_seen = 0

    async def __aenter__(self) -> Proxy:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.address = f"127.0.0.1:{self._server.sockets[0].getsockname()[1]}"
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.cut()
        self._server.close()

    def cut(self) -> None:
        """Break all connections. New ones are let in."""
        for writer in self._connections:
            writer.transport.abort()
        self._connections.clear()

    def cut_after(self, answered_bytes: int) -> None:
        """Break all connections, once, when so many more bytes have been answered."""
        self._cut_at = self._answered_bytes + answered_bytes

    def hold_after(self, answered_bytes: int) -> None:
        """Forward no more requests, once so many more bytes have been answered, until `release`."""
        self._hold_at = self._answered_bytes + answered_bytes

    def release(self) -> None:
        self._open.set()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_seen += 1
        host, _, port = self._target.rpartition(":")
        try:
            far_reader, far_writer = await asyncio.open_connection(host, int(port))
        except OSError:
            writer.transport.abort()
            return
        self._connections |= {writer, far_writer}
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._requests(reader, far_writer))
                group.create_task(self._answers(far_reader, writer))
        except* OSError:
            pass
        finally:
            writer.transport.abort()
            far_writer.transport.abort()

    async def _requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            await self._open.wait()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError

    async def _answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            self._answered_bytes += len(data)
            if self.swallow_answers:
                continue
            if self._hold_at is not None and self._answered_bytes >= self._hold_at:
                self._hold_at = None
                self._open.clear()
                self.holding.set()
            if self._cut_at is not None and self._answered_bytes >= self._cut_at:
                self._cut_at = None
                self.cut()
            writer.write(data)
            await writer.drain()
        raise ConnectionResetError
