"""From what steps want written, and what the store is expected to hold, to one fenced transaction. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from global_heat.engine.stored import Expected
from global_heat.engine.transaction import Transaction
from global_heat.engine.writing import AttemptChange, Write
from global_heat.model.names import Token
from global_heat.model.records import Event, EventBatch, Incarnation, Record, WorkRecord
from global_heat.store import keys
from global_heat.store.codec import encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import at_mod, created_at


def compose(expected: Expected, writes: Sequence[Write], txn: str) -> Transaction:
    """One transaction of all the writes, the later ones on top of the earlier. `txn`: its id.

    The ledger must have been read if one of them changes an attempt.
    """
    return _Composing(expected, txn).all(writes)


class _Composing:
    def __init__(self, expected: Expected, txn: str) -> None:
        self._expected = expected
        self._stored = stored = expected.stored
        self._shard = shard = stored.shard
        self._header_key = keys.header(shard.project, shard.stack)
        self._header = expected.header
        self._events: list[Event] = []
        self._made = Transaction(
            guards=[
                created_at(keys.claim(shard), stored.claim_revision),
                at_mod(keys.plan(shard.project, shard.stack), stored.plan_revision),
            ],
            record=msgspec.structs.replace(expected.record, plan=stored.plan, txn=txn),
        )

    def all(self, writes: Sequence[Write]) -> Transaction:
        for write in writes:
            self._add(write)
        if self._header is not self._expected.header:
            self._put_header()
        if self._events:
            self._put_events()
        shard = self._shard
        self._put(keys.shard(shard.project, shard.stack, shard.region), self._made.record)
        return self._made

    def _add(self, write: Write) -> None:
        made, shard = self._made, self._shard
        for incarnation in write.incarnations:
            self._put(self._resource_key(incarnation), incarnation)
        for incarnation in write.removed:
            self._delete(self._resource_key(incarnation))
        for token, change in write.attempts.items():
            self._put_attempt(token, change)
        for other in write.wake:
            work = keys.work(Shard(other, shard.project, shard.stack))
            made.puts[work] = encode(WorkRecord(by=shard.region))
        for key, record_or_none in write.also.items():
            made.set(key, record_or_none)
        self._events.extend(write.events)
        if write.header is not None:
            self._header = write.header(self._header)
        if write.shard is not None:
            made.record = write.shard(made.record)
        if write.ends:
            made.guards.append(at_mod(keys.work(shard), self._stored.work_revision))
            made.deletes.update({keys.work(shard), keys.claim(shard)})

    def _put_header(self) -> None:
        header, made = self._header, self._made
        self._put(self._header_key, header)
        made.header = header
        if (header.deleted or header.nameless) and not self._expected.header.nameless:
            made.deletes.add(keys.name(self._shard.project, header.name))

    def _put_events(self) -> None:
        made, shard = self._made, self._shard
        number = made.record.events + 1
        made.record = msgspec.structs.replace(made.record, events=number)
        batch = EventBatch(
            region=shard.region, seq=number, plan=self._stored.plan, events=tuple(self._events)
        )
        made.puts[keys.event(shard.project, shard.stack, shard.region, number)] = encode(batch)

    def _put_attempt(self, token: Token, change: AttemptChange) -> None:
        made = self._made
        before = made.attempts.get(token) or self._expected.attempt(token)
        after = change(before)
        made.attempts[token] = after
        self._put(keys.attempt(self._shard, token), after)
        index = keys.sweep(self._shard, token)
        made.puts.pop(index, None)
        made.deletes.discard(index)
        # What is settled or closed needs no sweeping; what is condemned does, until it is closed.
        if after.state in ("CLOSED", "RETAINED") or (after.state == "ADOPTED" and after.settled):
            made.deletes.add(index)
        elif before is None or (before.settled and before.state == "ADOPTED"):
            made.puts[index] = b"{}"

    def _put(self, key: str, record: Record) -> None:
        known = self._expected.known(key)
        self._made.guard(known.guard(key))
        self._made.deletes.discard(key)
        self._made.puts[key] = encode(record, known.value)

    def _delete(self, key: str) -> None:
        self._made.guard(self._expected.known(key).guard(key))
        self._made.puts.pop(key, None)
        self._made.deletes.add(key)

    def _resource_key(self, incarnation: Incarnation) -> str:
        shard = self._shard
        return keys.resource(shard.project, shard.stack, incarnation.path, incarnation.region, incarnation.n)
