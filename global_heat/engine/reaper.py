"""Forget what has been over for long: the records of deleted stacks, their ledger, old request ids, and of
every stack the events beyond its share."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable

import structlog

from global_heat.engine.guards import can_be_listed
from global_heat.engine.ports import World
from global_heat.engine.ranking import ranked
from global_heat.model.errors import Error
from global_heat.model.leavings import Budget, Removal
from global_heat.model.names import Project, Region, ReplicaId, StackId
from global_heat.model.records import (
    Attempt,
    AttemptState,
    DeletionRecord,
    Header,
    Operation,
    ReplicaRecord,
    RequestRecord,
)
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.keys import Shard
from global_heat.store.leavings import HOUR_SECONDS
from global_heat.store.protocol import Entry, unchanged
from global_heat.store.reading import read_events
from global_heat.store.trust_ledger import retire

log = structlog.get_logger()
_REQUESTS_KEPT_SECONDS = 7 * 86400.0
_REMOVALS_KEPT_SECONDS = 30 * 86400.0
_BATCH = 100
_EVENTS_MAX = 1000
_EVENTS_PER_RESOURCE = 10
_EVENTS_PER_COMMIT = 112
"""One commit tells no more."""


class Reaper:
    """One replica of all does it at a time; two that do are no harm."""

    def __init__(self, world: World, id: ReplicaId, replicas: Callable[[], Iterable[ReplicaRecord]]) -> None:
        self._world = world
        self._id = id
        self._replicas = replicas
        self._kept: dict[StackId, int] = {}
        """How many keys of events a stack had when they were last counted."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._world.settings.scan_seconds)
            order = ranked("reaper", self._world.region, self._replicas(), {})
            if order and order[0] == self._id:
                try:
                    await self.reap()
                except Error as error:
                    log.info("reaping was broken off", error=str(error))

    async def reap(self) -> int:
        """One pass; how many stacks were forgotten."""
        await self._trim_events()
        await self._reap_deletions()
        await self._reap_removals()
        headers = [(decode(Header, entry.value), entry) for entry in await self._headers()]
        await self._reap_requests({header.operation for header, _ in headers})
        oldest = self._world.clock() - self._world.settings.retention_seconds
        forgotten = 0
        for header, entry in headers:
            if not header.deleted or await self._still_swept(header) or await self._still_told(header):
                continue
            try:
                # Nothing is looked for or deleted any more: the ledger takes the trusts over.
                await retire(self._world.store, header.project, header.id)
            except Error as error:
                log.info("a deleted stack keeps its trusts for now", stack=header.id, error=str(error))
                continue
            if header.ended_at <= oldest:
                await self._forget(header, entry)
                forgotten += 1
        return forgotten

    async def _headers(self) -> list[Entry]:
        found = await self._world.store.scan(keys.STACKS, local=True, keys_only=True)
        names = [entry.key for entry in found.entries if entry.key.endswith("/header")]
        entries = [await self._world.store.get(name) for name in names if name.count("/") == 3]
        return [entry for entry in entries if entry is not None]

    async def _still_swept(self, header: Header) -> bool:
        """Whether an attempt of the stack may still leave something behind."""
        for region in await self._regions(header):
            shard = Shard(region, header.project, header.id)
            index = await self._world.store.scan(keys.sweep(shard, "").rstrip("/") + "/")  # type: ignore[arg-type]
            if index.entries:
                return True
        return False

    async def _still_told(self, header: Header) -> bool:
        """Whether events of the stack may still be posted, under its trusts."""
        if not header.sinks:
            return False
        shards = [Shard(region, header.project, header.id) for region in await self._regions(header)]
        return any([await self._world.store.get(keys.work(shard)) is not None for shard in shards])

    async def _regions(self, header: Header) -> list[Region]:
        prefix = keys.shards(header.project, header.id)
        found = await self._world.store.scan(prefix, keys_only=True)
        return [Region(entry.key.removeprefix(prefix)) for entry in found.entries]

    async def _forget(self, header: Header, entry: Entry) -> None:
        """Delete all records but the header, then the header: who is interrupted begins again."""
        doomed: list[str] = []
        for region in await self._regions(header):
            attempts = keys.attempts(Shard(region, header.project, header.id))
            found = await self._world.store.scan(attempts)
            doomed += [e.key for e in found.entries if not self._outlives(decode(Attempt, e.value))]
        signals = await self._world.store.scan(keys.signals(header.project, header.id), keys_only=True)
        doomed += [signal.key for signal in signals.entries]
        prefix = keys.stack(header.project, header.id)
        found = await self._world.store.scan(prefix, keys_only=True)
        last = [entry.key, *(e.key for e in found.entries if e.key.startswith(f"{prefix}shards/"))]
        doomed += [e.key for e in found.entries if e.key not in last]
        for start in range(0, len(doomed), _BATCH):
            await self._world.store.commit(unchanged(entry), delete=doomed[start : start + _BATCH])
        await self._world.store.commit(unchanged(entry), delete=last)
        log.info("forgot a deleted stack", stack=header.id)

    def _outlives(self, attempt: Attempt) -> bool:
        """Whether its thing may be there for long, with our mark. `OrphanFinder` forgets it then."""
        type = self._world.types.get(attempt.type)
        retained = attempt.state is AttemptState.RETAINED
        return retained and type is not None and can_be_listed(type)

    async def _trim_events(self) -> None:
        """Let the oldest events of each stack go: 1,000 stay, and 10 for each resource."""
        found = await self._world.store.scan(keys.STACKS, local=True, keys_only=True)
        events: dict[tuple[Project, StackId], list[str]] = {}
        resources: Counter[StackId] = Counter()
        for entry in found.entries:
            _, project, stack, part = entry.key.split("/")[:4]
            if part == "events":
                events.setdefault((Project(project), StackId(stack)), []).append(entry.key)
            resources[StackId(stack)] += part == "resources"
        for (project, stack), names in events.items():
            most = _EVENTS_MAX + _EVENTS_PER_RESOURCE * resources[stack]
            if len(names) * _EVENTS_PER_COMMIT <= most or self._kept.get(stack) == len(names):
                continue
            doomed = await self._old_events(project, stack, most)
            for start in range(0, len(doomed), _BATCH):
                await self._world.store.commit(delete=doomed[start : start + _BATCH])
            self._kept[stack] = len(names) - len(doomed)

    async def _old_events(self, project: Project, stack: StackId, most: int) -> list[str]:
        """The keys of the events that are older than so many."""
        doomed: list[str] = []
        for _, batch in reversed(await read_events(self._world.store, project, stack)):
            if most <= 0:
                doomed.append(keys.event(project, stack, batch.region, batch.seq))
            most -= len(batch.events)
        return doomed

    async def _reap_deletions(self) -> None:
        """Those that were announced and never withdrawn, long after they can have landed."""
        oldest = self._world.clock() - self._world.settings.retention_seconds
        for entry in (await self._world.store.scan(keys.DELETIONS, local=True)).entries:
            if decode(DeletionRecord, entry.value).expires_at < oldest:
                await self._world.store.commit(unchanged(entry), delete=(entry.key,))

    async def _reap_removals(self) -> None:
        """What was removed long ago, and budgets of hours that are over."""
        now = self._world.clock()
        for entry in (await self._world.store.scan(keys.REMOVALS, local=True)).entries:
            if decode(Removal, entry.value).at < now - _REMOVALS_KEPT_SECONDS:
                await self._world.store.commit(unchanged(entry), delete=(entry.key,))
        for entry in (await self._world.store.scan(keys.BUDGETS, local=True)).entries:
            if decode(Budget, entry.value).hour < now // HOUR_SECONDS - 1:
                await self._world.store.commit(unchanged(entry), delete=(entry.key,))

    async def _reap_requests(self, current: set[str]) -> None:
        """Old request ids, and old operations but for the last one of each stack."""
        oldest = self._world.clock() - _REQUESTS_KEPT_SECONDS
        for entry in (await self._world.store.scan("projects/", local=True)).entries:
            match entry.key.split("/")[2:]:
                case ["requests", _]:
                    created_at = decode(RequestRecord, entry.value).created_at
                case ["operations", id] if id not in current:
                    created_at = decode(Operation, entry.value).created_at
                case _:
                    continue
            if created_at < oldest:
                await self._world.store.commit(unchanged(entry), delete=(entry.key,))
