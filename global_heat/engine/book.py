"""The book of a shard: its records in memory, and the one way to change them: group commits.

What steps write in the same moment goes out in one fenced transaction. A write shows in memory at once, so
that what follows from it can join the same commit; nothing acts on a cloud before its intent is committed.
Every commit compares the claim, the plan, and each record it rewrites, and writes the shard's own record,
which tells after an unknown outcome whether it happened.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping

import msgspec

from global_heat.engine.gathering import Gathering
from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.model.names import Path, Region, Token
from global_heat.model.records import (
    Attempt,
    Event,
    EventBatch,
    Header,
    Incarnation,
    Record,
    ShardRecord,
    State,
    WorkRecord,
    parse_ref,
)
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import MAX_COMMIT_BYTES, Committed, Guard, Refused, Store, at_mod, created_at
from global_heat.store.reading import StackView

_OPERATIONS_MAX = 112
"""Per commit: below the store's 126, with room for what every commit writes."""
_BYTES_MAX = MAX_COMMIT_BYTES * 3 // 4
_RECORD_BYTES = 1500


class Stale(Exception):
    """The plan has changed, or a record is not as this owner left it: read everything again."""


AttemptChange = Callable[[Attempt | None], Attempt]
HeaderChange = Callable[[Header], Header]


class Write(msgspec.Struct, frozen=True):
    """What a step wants written, all or nothing."""

    incarnations: tuple[Incarnation, ...] = ()
    removed: tuple[Incarnation, ...] = ()
    attempts: Mapping[Token, AttemptChange] = {}
    events: tuple[Event, ...] = ()
    wake: tuple[Region, ...] = ()
    header: HeaderChange | None = None
    shard: Callable[[ShardRecord], ShardRecord] | None = None
    also: Mapping[str, Record | None] = {}
    """Records that no other owner writes, by key; None: it goes."""
    ends: bool = False
    """Give the shard up: claim and work key go, unless somebody has signalled since."""

    @property
    def size(self) -> int:
        """About how many bytes it takes: what is sealed is what can be big."""
        return sum(_RECORD_BYTES + len(incarnation.sealed) for incarnation in self.incarnations)

    @property
    def operations(self) -> int:
        return (
            len(self.incarnations)
            + len(self.removed)
            + 2 * len(self.attempts)
            + len(self.wake)
            + len(self.also)
            + 2 * self.ends
        )


class Book:
    """A shard's records, in memory and in the store."""

    def __init__(
        self,
        store: Store,
        shard: Shard,
        view: StackView,
        claim_revision: int,
        work_revision: int,
        new_id: Callable[[], str],
    ) -> None:
        self._store = store
        self.shard = shard
        self.view = view
        self.header = view.header
        self._claim_revision = claim_revision
        self.work_revision = work_revision
        self._new_id = new_id
        self._incarnations: dict[str, Incarnation] = {}
        self._by_path: dict[Path, dict[str, Incarnation]] = {}
        self._required_by: dict[str, set[str]] = {}
        self._let_go: dict[str, None] = {}
        self.finished: dict[Path, Incarnation] = {}
        """By path: the incarnation that is finished for the current plan."""
        self.enrich: Callable[[Write], Write] = lambda write: write
        """What follows from a write that was just shown, to be committed together with it."""
        self._attempts: dict[Token, Attempt] | None = None
        self._queue: list[tuple[Write, asyncio.Future[None]]] = []
        self._queued = asyncio.Event()
        self._gathering = Gathering()
        self.commits = 0
        self.revision = view.revision
        """The store's revision of the last commit."""
        self.broken: Exception | None = None
        self.record = view.shards.get(shard.region) or ShardRecord(region=shard.region)
        self._records: dict[str, tuple[bytes | None, int]] = {
            key: (entry.value, entry.mod_revision) for key, entry in view.entries.items()
        }
        for incarnation in view.incarnations:
            self._show(incarnation)

    # reading

    def of(self, path: Path) -> tuple[Incarnation, ...]:
        """All incarnations of a resource, of every region."""
        return tuple(self._by_path.get(path, {}).values())

    def all(self) -> Iterable[Incarnation]:
        return self._incarnations.values()

    def here(self) -> tuple[Incarnation, ...]:
        """The incarnations of this shard's own region."""
        return tuple(i for i in self._incarnations.values() if i.region == self.shard.region)

    def holders(self, incarnation: Incarnation) -> set[str]:
        """The refs of what was built on this incarnation and is still recorded: it goes first."""
        return self._required_by.get(incarnation.ref, set()) - {incarnation.ref}

    def take_freed(self) -> list[str]:
        """The refs that this shard let go of since this was last asked: nothing of it is built on them.

        Others may be: their owners let go at the same moment, perhaps, and each must tell.
        """
        freed = [ref for ref in self._let_go if not any(map(self._is_here, self._required_by.get(ref, ())))]
        self._let_go.clear()
        return freed

    def _is_here(self, ref: str) -> bool:
        return parse_ref(ref)[1] == self.shard.region

    def learn(self, view: StackView) -> None:
        """Take in what other shards have recorded since, and the header, if it is newer."""
        region = self.shard.region
        known = {i.ref: i for i in self._incarnations.values() if i.region != region}
        for incarnation in view.incarnations:
            if incarnation.region != region and known.pop(incarnation.ref, None) != incarnation:
                self._show(incarnation)
        for gone in known.values():
            self._hide(gone)
        entry = view.header_entry
        if entry.mod_revision > self._known(entry.key)[1]:
            self.header = view.header
            self._records[entry.key] = (entry.value, entry.mod_revision)

    def preparing(self) -> Gathering:
        """While entered, a commit waits a moment for this step's write to join it."""
        return self._gathering

    # writing

    async def write(self, write: Write) -> None:
        """Show it in memory now, return when it is committed. Raises `Stale` or `Fenced`."""
        if self.broken is not None:
            raise self.broken
        for incarnation in write.incarnations:
            self._show(incarnation)
        for incarnation in write.removed:
            self._hide(incarnation)
        write = self.enrich(write)
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queue.append((write, future))
        self._queued.set()
        await future

    async def attempt(self, token: Token) -> Attempt | None:
        """The ledger's entry as this owner knows it."""
        return (await self._ledger()).get(token)

    async def run(self) -> None:
        """Commit what is queued, one commit at a time, until something breaks. Raises `Stale` or `Fenced`."""
        try:
            while True:
                await self._queued.wait()
                await self._gathering.gathered()
                batch = self._take()
                begun = asyncio.get_running_loop().time()
                await self._commit(batch)
                self._gathering.committed(begun)
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
        for _, future in self._queue:
            if not future.done():
                future.set_exception(self.broken)
                future.exception()
        self._queue.clear()

    def _take(self) -> list[tuple[Write, asyncio.Future[None]]]:
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

    async def _commit(self, batch: list[tuple[Write, asyncio.Future[None]]]) -> None:
        writes = [write for write, _ in batch]
        txn = self._new_id()
        delay = 0.1
        try:
            while True:
                ledger = await self._ledger() if any(write.attempts for write in writes) else {}
                # From here on nothing is awaited before it is sent: it compares what it was built from.
                transaction = self._build(writes, txn, ledger)
                try:
                    outcome = await self._store.commit(
                        *transaction.guards, put=transaction.puts, delete=sorted(transaction.deletes)
                    )
                except (Transient, Ambiguous) as error:
                    await asyncio.sleep(delay)
                    delay = min(2 * delay, 2.0)
                    revision = await self._look_up(txn) if isinstance(error, Ambiguous) else 0
                    if not revision:
                        continue
                    outcome = Committed(revision)  # type: ignore[arg-type]
                if isinstance(outcome, Refused):
                    revision = self._refused(outcome, txn)
                    if not revision:
                        continue
                    outcome = Committed(revision)  # type: ignore[arg-type]
                self._settle(transaction, outcome.revision)
                return
        except (Stale, Fenced) as error:
            for _, future in batch:
                if not future.done():
                    future.set_exception(error)
                    future.exception()
            raise

    async def _look_up(self, txn: str) -> int:
        """The revision of this commit, 0 if the store does not show it."""
        try:
            entry = await self._store.get(keys.shard(self.shard.project, self.shard.stack, self.shard.region))
        except Transient:
            return 0
        if entry is not None and decode(ShardRecord, entry.value).txn == txn:
            return entry.mod_revision
        return 0

    def _refused(self, refused: Refused, txn: str) -> int:
        """Take in how the guarded keys really are. The revision, if it was this very commit before."""
        project, stack, region = self.shard.project, self.shard.stack, self.shard.region
        own = refused.entries.get(keys.shard(project, stack, region))
        if own is not None and decode(ShardRecord, own.value).txn == txn:
            return own.mod_revision
        claim = refused.entries.get(keys.claim(self.shard))
        if claim is None or claim.create_revision != self._claim_revision:
            raise Fenced(f"the claim on {self.shard} is somebody else's")
        plan = refused.entries.get(keys.plan(project, stack))
        if plan is None or plan.mod_revision != self.view.plan_entry.mod_revision:
            raise Stale("the plan has changed")
        for key, entry in refused.entries.items():
            mod = entry.mod_revision if entry else 0
            if key == keys.header(project, stack):
                if entry is None:
                    raise Stale("the stack is gone")
                self.header = decode(Header, entry.value)
            elif key.startswith("attempts/"):
                token = Token(key.rpartition("/")[2])
                assert self._attempts is not None
                self._attempts.pop(token, None)
                if entry is not None:
                    self._attempts[token] = decode(Attempt, entry.value)
            elif key == keys.work(self.shard):
                raise Stale("somebody has signalled")
            elif key != keys.claim(self.shard) and self._known(key)[1] != mod:
                raise Stale(f"{key} is not as this owner left it")
            self._records[key] = (entry.value if entry else None, mod)
        return 0

    # transactions

    def _build(self, writes: list[Write], txn: str, ledger: Mapping[Token, Attempt]) -> _Transaction:
        project, stack, region = self.shard.project, self.shard.stack, self.shard.region
        transaction = _Transaction(
            guards=[
                created_at(keys.claim(self.shard), self._claim_revision),
                at_mod(keys.plan(project, stack), self.view.plan_entry.mod_revision),
            ]
        )
        record = msgspec.structs.replace(self.record, plan=self.view.plan.number, txn=txn)
        header = self.header
        events: list[Event] = []
        for write in writes:
            for incarnation in write.incarnations:
                self._put(transaction, self._resource_key(incarnation), incarnation)
            for incarnation in write.removed:
                self._delete(transaction, self._resource_key(incarnation))
            for token, change in write.attempts.items():
                self._put_attempt(transaction, token, change, ledger)
            for other in write.wake:
                transaction.puts[keys.work(Shard(other, project, stack))] = encode(WorkRecord(by=region))
            for key, record_or_none in write.also.items():
                transaction.set(key, record_or_none)
            events.extend(write.events)
            if write.header is not None:
                header = write.header(header)
            if write.shard is not None:
                record = write.shard(record)
            if write.ends:
                transaction.guards.append(at_mod(keys.work(self.shard), self.work_revision))
                transaction.deletes.update({keys.work(self.shard), keys.claim(self.shard)})
        if header is not self.header:
            self._put(transaction, keys.header(project, stack), header)
            transaction.header = header
            if (header.deleted or header.nameless) and not self.header.nameless:
                transaction.deletes.add(keys.name(project, header.name))
        if events:
            record = msgspec.structs.replace(record, events=record.events + 1)
            batch = EventBatch(
                region=region, seq=record.events, plan=self.view.plan.number, events=tuple(events)
            )
            transaction.puts[keys.event(project, stack, region, record.events)] = encode(batch)
        self._put(transaction, keys.shard(project, stack, region), record)
        transaction.record = record
        return transaction

    def _put_attempt(
        self,
        transaction: _Transaction,
        token: Token,
        change: AttemptChange,
        ledger: Mapping[Token, Attempt],
    ) -> None:
        before = transaction.attempts.get(token) or ledger.get(token)
        after = change(before)
        transaction.attempts[token] = after
        self._put(transaction, keys.attempt(self.shard, token), after)
        index = keys.sweep(self.shard, token)
        transaction.puts.pop(index, None)
        transaction.deletes.discard(index)
        # What is settled or closed needs no sweeping; what is condemned does, until it is closed.
        if after.state in ("CLOSED", "RETAINED") or (after.state == "ADOPTED" and after.settled):
            transaction.deletes.add(index)
        elif before is None or (before.settled and before.state == "ADOPTED"):
            transaction.puts[index] = b"{}"

    def _put(self, transaction: _Transaction, key: str, record: Record) -> None:
        value, mod = self._known(key)
        transaction.guard(at_mod(key, mod))
        transaction.deletes.discard(key)
        transaction.puts[key] = encode(record, value)

    def _delete(self, transaction: _Transaction, key: str) -> None:
        transaction.guard(at_mod(key, self._known(key)[1]))
        transaction.puts.pop(key, None)
        transaction.deletes.add(key)

    def _known(self, key: str) -> tuple[bytes | None, int]:
        return self._records.get(key, (None, 0))

    def _settle(self, transaction: _Transaction, revision: int) -> None:
        self.commits += 1
        self.revision = revision
        guarded = {guard.key for guard in transaction.guards}
        for key, value in transaction.puts.items():
            if key in guarded:
                self._records[key] = (value, revision)
        for key in transaction.deletes:
            self._records.pop(key, None)
        assert transaction.record is not None
        self.record = transaction.record
        self.header = transaction.header or self.header
        if self._attempts is not None:
            self._attempts.update(transaction.attempts)

    async def _ledger(self) -> dict[Token, Attempt]:
        """The shard's attempts: read once, since a delete needs them all."""
        delay = 0.1
        while self._attempts is None:
            try:
                found = await self._store.scan(keys.attempts(self.shard))
            except Transient:
                await asyncio.sleep(delay)
                delay = min(2 * delay, 2.0)
                continue
            self._attempts = {}
            for entry in found.entries:
                attempt = decode(Attempt, entry.value)
                self._attempts[attempt.token] = attempt
                self._records[entry.key] = (entry.value, entry.mod_revision)
        return self._attempts

    def _resource_key(self, incarnation: Incarnation) -> str:
        shard = self.shard
        return keys.resource(shard.project, shard.stack, incarnation.path, incarnation.region, incarnation.n)

    def _show(self, incarnation: Incarnation) -> None:
        ref = incarnation.ref
        self._hide(incarnation)
        self._incarnations[ref] = incarnation
        self._by_path.setdefault(incarnation.path, {})[ref] = incarnation
        for required in incarnation.requires:
            self._required_by.setdefault(required, set()).add(ref)
        if incarnation.state is State.READY and incarnation.plan == self.view.plan.number:
            self.finished[incarnation.path] = incarnation

    def _hide(self, incarnation: Incarnation) -> None:
        before = self._incarnations.pop(incarnation.ref, None)
        if before is None:
            return
        self._by_path[before.path].pop(before.ref, None)
        for required in before.requires:
            self._required_by[required].discard(before.ref)
            self._let_go[required] = None
        finished = self.finished.get(before.path)
        if finished is not None and finished.ref == before.ref:
            del self.finished[before.path]


class _Transaction:
    def __init__(self, guards: list[Guard]) -> None:
        self.guards = guards
        self.puts: dict[str, bytes] = {}
        self.deletes: set[str] = set()
        self.attempts: dict[Token, Attempt] = {}
        self.header: Header | None = None
        self.record: ShardRecord | None = None

    def set(self, key: str, record: Record | None) -> None:
        self.puts.pop(key, None)
        self.deletes.discard(key)
        if record is None:
            self.deletes.add(key)
        else:
            self.puts[key] = encode(record)

    def guard(self, guard: Guard) -> None:
        if guard not in self.guards:
            self.guards.append(guard)
