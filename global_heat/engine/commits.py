"""The way of a shard's writes into the store: in their order, in groups, each group one fenced transaction.

Every commit compares the claim, the plan, and each record it rewrites, and writes the shard's own record,
which tells after an unknown outcome whether it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from global_heat.engine.composing import compose
from global_heat.engine.gathering import Gathering
from global_heat.engine.stored import Stored
from global_heat.engine.writing import Stale, Write
from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.model.names import Token
from global_heat.model.records import Attempt, ShardRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import MAX_COMMIT_BYTES, Refused, Store

_OPERATIONS_MAX = 112
"""Per commit: below the store's 126, with room for what every commit writes."""
_BYTES_MAX = MAX_COMMIT_BYTES * 3 // 4

_Batch = list[tuple[Write, "asyncio.Future[None]"]]


class Commits:
    def __init__(self, store: Store, stored: Stored, new_id: Callable[[], str]) -> None:
        self._store = store
        self._stored = stored
        self._new_id = new_id
        self._queue: _Batch = []
        self._queued = asyncio.Event()
        self.gathering = Gathering()
        self.count = 0
        self.broken: Exception | None = None

    def add(self, write: Write) -> asyncio.Future[None]:
        """Done when it is committed; ends in `Stale` or `Fenced`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((write, future))
        self._queued.set()
        return future

    async def run(self) -> None:
        """Commit what is queued, one commit at a time, until something breaks. Raises `Stale` or `Fenced`."""
        try:
            while True:
                await self._queued.wait()
                await self.gathering.gathered()
                batch = self._take()
                begun = asyncio.get_running_loop().time()
                await self._commit(batch)
                self.gathering.committed(begun)
                for _, future in batch:
                    if not future.done():
                        future.set_result(None)
        except (Stale, Fenced) as error:
            self._break(error)
            raise
        finally:
            self._break(Stale("the shard was given up"))

    def _break(self, error: Exception) -> None:
        if self.broken is None:
            self.broken = error
        _fail(self._queue, self.broken)
        self._queue.clear()

    def _take(self) -> _Batch:
        taken, operations, size = 0, 0, 0
        for write, _ in self._queue:
            operations += write.operations
            size += write.size
            if taken and (operations > _OPERATIONS_MAX or size > _BYTES_MAX):
                break
            taken += 1
        batch, self._queue = self._queue[:taken], self._queue[taken:]
        if not self._queue:
            self._queued.clear()
        return batch

    async def _commit(self, batch: _Batch) -> None:
        try:
            await self._until_committed([write for write, _ in batch])
        except (Stale, Fenced) as error:
            _fail(batch, error)
            raise

    async def _until_committed(self, writes: list[Write]) -> None:
        txn = self._new_id()
        delay = 0.1
        while True:
            if any(write.attempts for write in writes):
                await self.ledger()
            # From here on nothing is awaited before it is sent: it compares what it was built from.
            transaction = compose(self._stored, writes, txn)
            try:
                outcome = await self._store.commit(
                    *transaction.guards, put=transaction.puts, delete=sorted(transaction.deletes)
                )
            except (Transient, Ambiguous) as error:
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
                revision = await self._look_up(txn) if isinstance(error, Ambiguous) else 0
            else:
                revision = self._judge(outcome, txn) if isinstance(outcome, Refused) else outcome.revision
            if revision:
                self.count += 1
                self._stored.committed(transaction, revision)
                return

    async def _look_up(self, txn: str) -> int:
        """The revision of this commit, 0 if the store does not show it."""
        try:
            entry = await self._store.get(self._record_key)
        except Transient:
            return 0
        if entry is not None and decode(ShardRecord, entry.value).txn == txn:
            return entry.mod_revision
        return 0

    def _judge(self, refused: Refused, txn: str) -> int:
        """Take in how the guarded keys really are. The revision, if it was this very commit before."""
        own = refused.entries.get(self._record_key)
        if own is not None and decode(ShardRecord, own.value).txn == txn:
            return own.mod_revision
        self._stored.refused(refused)
        return 0

    @property
    def _record_key(self) -> str:
        shard = self._stored.shard
        return keys.shard(shard.project, shard.stack, shard.region)

    async def ledger(self) -> dict[Token, Attempt]:
        """The shard's attempts: read once, since a delete needs them all."""
        delay = 0.1
        while self._stored.attempts is None:
            try:
                found = await self._store.scan(keys.attempts(self._stored.shard))
            except Transient:
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
            else:
                self._stored.learn_ledger(found.entries)
        return self._stored.attempts


def _fail(batch: _Batch, error: Exception) -> None:
    for _, future in batch:
        if not future.done():
            future.set_exception(error)
            future.exception()
