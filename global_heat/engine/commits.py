"""The way of a shard's writes into the store: in their order, in groups, each group one fenced transaction.

Every commit compares the claim, the plan, and each record it rewrites. It writes the shard's own record with
its id, and compares that with what the commit before it wrote there. So several can be on their way at once:
they are done in their order or not at all, and the id in the shard's record tells which of them are.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import TypeVar

from global_heat.engine.composing import compose
from global_heat.engine.gathering import Gathering
from global_heat.engine.stored import Expected, Stored
from global_heat.engine.transaction import Transaction
from global_heat.engine.writing import Stale, Write
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Token
from global_heat.model.records import Attempt, ShardRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import MAX_COMMIT_BYTES, Entry, Refused, Store

T = TypeVar("T")
_IN_FLIGHT_MAX = 4
_IN_FLIGHT_BEFORE_MORE_JOINS = 2
"""A commit that is not full waits while so many are on their way: more may join it."""
_OPERATIONS_MAX = 112
"""Per commit: below the store's 126, with room for what every commit writes."""
_BYTES_MAX = MAX_COMMIT_BYTES // 2
"""The other half is for what is compared by its value."""

_Batch = list[tuple[Write, "asyncio.Future[None]"]]


class _Sent:
    """A commit on its way."""

    def __init__(self, txn: str, batch: _Batch, transaction: Transaction) -> None:
        self.txn = txn
        self.batch = batch
        self.transaction = transaction
        self.begun = asyncio.get_running_loop().time()
        self.over = False
        """It is done, or will never be."""
        self.task: asyncio.Task[None]

    def end(self) -> None:
        self.over = True
        if self.task is not asyncio.current_task():
            self.task.cancel()


class Commits:
    def __init__(self, store: Store, stored: Stored, new_id: Callable[[], str]) -> None:
        self._store = store
        self._stored = stored
        self._new_id = new_id
        self._queue: _Batch = []
        self._sent: deque[_Sent] = deque()
        self._changed = asyncio.Event()
        self._progress = asyncio.Event()
        """Set, and replaced, when a commit is known to be done."""
        self.gathering = Gathering()
        self.count = 0
        self.broken: Exception | None = None

    @property
    def quiet(self) -> bool:
        """Whether nothing waits to be written or is being written."""
        return not (self._queue or self._sent)

    def add(self, write: Write) -> asyncio.Future[None]:
        """Done when it is committed; ends in `Stale` or `Fenced`."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((write, future))
        self._changed.set()
        return future

    async def run(self) -> None:
        """Commit what is queued until something breaks. Raises `Stale` or `Fenced`."""
        try:
            while True:
                while not (self.broken or self._may_send()):
                    self._changed.clear()
                    await self._changed.wait()
                await self.gathering.gathered()
                if any(write.attempts for write, _ in self._queue):
                    await self.ledger()
                if self.broken:
                    raise self.broken
                count = self._fitting()
                batch, self._queue = self._queue[:count], self._queue[count:]
                self._send(batch)
        finally:
            self._break(Stale("the shard was given up"))

    def _break(self, error: Exception) -> None:
        if self.broken is None:
            self.broken = error
        for sent in self._sent:
            sent.end()
        for _, future in (*(each for sent in self._sent for each in sent.batch), *self._queue):
            if not future.done():
                future.set_exception(self.broken)
                future.exception()
        self._sent.clear()
        self._queue.clear()
        self._changed.set()

    def _may_send(self) -> bool:
        full = self._fitting() < len(self._queue)
        return bool(self._queue) and len(self._sent) < (
            _IN_FLIGHT_MAX if full else _IN_FLIGHT_BEFORE_MORE_JOINS
        )

    def _fitting(self) -> int:
        """How many of the waiting writes go into one commit."""
        operations = size = 0
        for count, (write, _) in enumerate(self._queue):
            operations += write.operations
            size += write.size
            if count and (operations > _OPERATIONS_MAX or size > _BYTES_MAX):
                return count
        return len(self._queue)

    # one commit

    def _send(self, batch: _Batch) -> None:
        """Build it on those before it. Nothing is awaited here: it compares what it was built from."""
        txn = self._new_id()
        expected = Expected(self._stored, [sent.transaction for sent in self._sent])
        sent = _Sent(txn, batch, compose(expected, [write for write, _ in batch], txn))
        self._sent.append(sent)
        sent.task = asyncio.ensure_future(self._see_through(sent))

    async def _see_through(self, sent: _Sent) -> None:
        try:
            await self._until_over(sent)
        except Exception as error:
            self._break(error)

    async def _until_over(self, sent: _Sent) -> None:
        """Send it, as it is, until it is known to be done or never to be. Raises `Stale` or `Fenced`."""
        transaction = sent.transaction
        delay = 0.1
        while not sent.over:
            try:
                outcome = await self._store.commit(
                    *transaction.guards, put=transaction.puts, delete=sorted(transaction.deletes)
                )
            except (Transient, Ambiguous) as error:
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
                while sent is not self._sent[0]:
                    await self._progress.wait()
                if isinstance(error, Ambiguous):
                    await self._look_up()
            else:
                if isinstance(outcome, Refused):
                    await self._refused(sent, outcome)
                else:
                    self._done(sent, outcome.revision)

    async def _refused(self, sent: _Sent, refused: Refused) -> None:
        """Return when it is over, or is to be sent again. Raises `Stale` or `Fenced`."""
        self._note(refused.entries[self._record_key])
        if sent.over or refused.revision < self._stored.revision:
            return
        if sent is not self._sent[0]:
            await self._progress.wait()  # it has overtaken what it is built on
            return
        self._stored.refused(refused)
        self._take_back()

    async def _look_up(self) -> None:
        """Read which commits have been done: the store shows the id of the last."""
        self._note(await _answered(lambda: self._store.get(self._record_key)))

    def _note(self, entry: Entry | None) -> None:
        """Take in what the shard's record tells of those on their way."""
        txn = decode(ShardRecord, entry.value).txn if entry is not None else ""
        for sent in self._sent:
            if entry is not None and sent.txn == txn:
                self._done(sent, entry.mod_revision)
                return

    def _done(self, last: _Sent, revision: int) -> None:
        """It is done, and with it all before it."""
        while not last.over:
            sent = self._sent.popleft()
            sent.end()
            self.count += 1
            self.gathering.committed(sent.begun)
            self._stored.committed(sent.transaction, revision if sent is last else None)
            for _, future in sent.batch:
                if not future.done():
                    future.set_result(None)
        self._changed.set()
        self._progress.set()
        self._progress = asyncio.Event()

    def _take_back(self) -> None:
        """The first was refused, so none of those after it can be done either: build them anew."""
        for sent in self._sent:
            sent.end()
        self._queue[:0] = [each for sent in self._sent for each in sent.batch]
        self._sent.clear()
        self._changed.set()

    @property
    def _record_key(self) -> str:
        shard = self._stored.shard
        return keys.shard(shard.project, shard.stack, shard.region)

    async def ledger(self) -> dict[Token, Attempt]:
        """The shard's attempts: read once, since a delete needs them all."""
        if self._stored.attempts is None:
            found = await _answered(lambda: self._store.scan(keys.attempts(self._stored.shard)))
            self._stored.learn_ledger(found.entries)
        assert self._stored.attempts is not None
        return self._stored.attempts


async def _answered(ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the store until it answers."""
    delay = 0.1
    while True:
        try:
            return await ask()
        except Transient:
            await asyncio.sleep(delay)
            delay = min(2 * delay, 2.0)
