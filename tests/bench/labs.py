"""Labs for measuring: real etcd members, replicas and clouds, what they write, and what they cost."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import msgspec

from global_heat.cli.lab import layout, readiness
from global_heat.cli.lab.access import connect
from global_heat.cli.lab.network import HOST
from global_heat.cli.lab.running import RunningLab
from global_heat.client import Client
from global_heat.proto.v1 import operation_pb2, stack_pb2
from global_heat.sim.cloud.journal import Entry
from global_heat.store import keys
from global_heat.store.etcd.finder import find
from global_heat.store.protocol import Change, Store
from tests.bench.history import Write

RTTS_MILLISECONDS = (20.0, 40.0, 60.0)
OPERATION_SECONDS_MAX = 120.0


class Commits(msgspec.Struct, frozen=True):
    """How many, and how long they took in all."""

    count: float = 0.0
    seconds: float = 0.0

    def __add__(self, other: Commits) -> Commits:
        return Commits(self.count + other.count, self.seconds + other.seconds)

    def __sub__(self, other: Commits) -> Commits:
        return Commits(self.count - other.count, self.seconds - other.seconds)

    @property
    def mean(self) -> float:
        return self.seconds / self.count


class Lab:
    """A lab that is up, with a client, its store, and everything written to it since."""

    def __init__(self, running: RunningLab, client: Client, store: Store) -> None:
        self.running = running
        self.client = client
        self.store = store
        self.writes: list[Write] = []
        self._news = asyncio.Event()

    async def record(self, after: int) -> None:
        """Keep all that is written, as it is seen, until cancelled."""
        async for change in self.store.watch("", after=after):
            if isinstance(change, Change):
                self.writes.append(Write(change.revision, time.time(), change.key, change.value))
                self._news.set()

    async def until(self, kind: str, stack: str, after: float, mark: bytes = b"") -> Write:
        """The first write of a key of that kind (`claims`, `shards`) and stack, made after that moment."""
        seen = 0
        while True:
            while seen < len(self.writes):
                write = self.writes[seen]
                seen += 1
                parts = write.key.split("/")
                if write.at > after and stack in parts and kind in parts and mark in (write.value or b""):
                    return write
            self._news.clear()
            await self._news.wait()

    async def journal(self) -> list[Entry]:
        """What all regions' clouds saw."""
        body = await readiness.ask("GET", f"http://{HOST}:{self.running.lab.clouds_port}/journal")
        return msgspec.json.decode(body, type=dict[str, list[Entry] | int])["entries"]  # type: ignore[return-value]

    async def commits(self) -> Commits:
        """All that the replicas' engines have committed."""
        total = Commits()
        for replica in self.running.lab.replicas:
            text = (await readiness.ask("GET", f"http://{HOST}:{replica.engine}/metrics")).decode()
            total += Commits(
                metric(text, 'global_heat_commit_seconds_count{outcome="committed"}'),
                metric(text, 'global_heat_commit_seconds_sum{outcome="committed"}'),
            )
        return total

    async def done(self, operation: operation_pb2.Operation | None) -> None:
        """Wait for it. Raises `AssertionError` when it failed."""
        assert operation is not None
        ended = await self.client.wait_operation(operation.name, OPERATION_SECONDS_MAX)
        assert ended.done and not ended.HasField("error"), ended

    async def delete(self, name: str) -> None:
        await self.done(await self.client.delete_stack(name))


@contextlib.asynccontextmanager
async def lab(regions: int, replicas: int | None = None) -> AsyncIterator[Lab]:
    """A lab in a temporary folder, for as long as the context is open. A signal ends it first."""
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    rtts = RTTS_MILLISECONDS if regions == len(RTTS_MILLISECONDS) else ()
    with tempfile.TemporaryDirectory(prefix="global-heat-bench-") as folder:
        made = layout.lay_out(Path(folder), regions, replicas or regions, rtts, str(find().path))
        running = RunningLab(made, Path(folder))
        try:
            await running.start(lambda line: None)
            async with running.store() as store, connect(running) as client:
                bench = Lab(running, client, store)
                revision = (await store.scan(keys.REGIONS)).revision
                recording = asyncio.create_task(bench.record(revision))
                try:
                    yield bench
                finally:
                    recording.cancel()
                    await asyncio.gather(recording, return_exceptions=True)
        finally:
            running.stop()


def metric(text: str, name: str) -> float:
    """A number of a page of metrics; 0 when it is not there (yet)."""
    found = (line.rpartition(" ") for line in text.splitlines())
    return next((float(value) for series, _, value in found if series == name), 0.0)


def spec(template: str, files: Mapping[str, str] = {}) -> stack_pb2.StackSpec:
    return stack_pb2.StackSpec(template=template, files=dict(files))
