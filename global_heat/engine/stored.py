"""What the store holds of a shard, as far as its owner knows, and what it will hold when all that is on its
way is done: what the next commit is built from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from global_heat.engine.transaction import Transaction
from global_heat.engine.writing import Stale
from global_heat.model.errors import Fenced
from global_heat.model.names import Token
from global_heat.model.records import Attempt, Header, ShardRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Entry, Guard, Refused, at_mod, with_value
from global_heat.store.reading import StackView


class Known(msgspec.Struct, frozen=True):
    """A record as it is known: its value, None if there is none, and its mod revision, 0 if there is none.

    The revision is None where only this is known: that the commit which wrote it has been done, or will be.
    """

    value: bytes | None
    revision: int | None

    def guard(self, key: str) -> Guard:
        """What holds while nobody else has written it."""
        if self.revision is not None:
            return at_mod(key, self.revision)
        assert self.value is not None, f"{key}: what is absent has revision 0"
        return with_value(key, self.value)


_ABSENT = Known(None, 0)


class Stored:
    """What is certain."""

    def __init__(self, shard: Shard, view: StackView, claim_revision: int, work_revision: int) -> None:
        self.shard = shard
        self.plan = view.plan.number
        self.plan_revision = view.plan_entry.mod_revision
        self.claim_revision = claim_revision
        self.work_revision = work_revision
        self.revision = view.revision
        """The store's revision of the last commit."""
        self.header = view.header
        self.record = view.shards.get(shard.region) or ShardRecord(region=shard.region)
        self.attempts: dict[Token, Attempt] | None = None
        """The shard's ledger; None: not read yet."""
        self._records: dict[str, Known] = {
            key: Known(entry.value, entry.mod_revision) for key, entry in view.entries.items()
        }

    def known(self, key: str) -> Known:
        return self._records.get(key, _ABSENT)

    def learn_header(self, view: StackView) -> None:
        """Take it in if it is newer."""
        entry = view.header_entry
        known = self.known(entry.key).revision
        newer = entry.mod_revision > known if known is not None else view.revision >= self.revision
        if newer:
            self.header = view.header
            self._records[entry.key] = Known(entry.value, entry.mod_revision)

    def learn_ledger(self, entries: Iterable[Entry]) -> None:
        """Take it in, if that has not been done meanwhile: what is known by now may be newer."""
        if self.attempts is not None:
            return
        self.attempts = {}
        for entry in entries:
            attempt = decode(Attempt, entry.value)
            self.attempts[attempt.token] = attempt
            self._records[entry.key] = Known(entry.value, entry.mod_revision)

    def committed(self, transaction: Transaction, revision: int | None) -> None:
        """Take in that this is done; at which revision, if that is known."""
        self.revision = max(self.revision, revision or 0)
        guarded = {guard.key for guard in transaction.guards}
        for key, value in transaction.puts.items():
            if key in guarded:
                self._records[key] = Known(value, revision)
        for key in transaction.deletes:
            self._records.pop(key, None)
        self.record = transaction.record
        self.header = transaction.header or self.header
        if self.attempts is not None:
            self.attempts.update(transaction.attempts)

    def refused(self, refused: Refused) -> None:
        """Take in how what was compared really is. Raises `Fenced`, or `Stale` when nothing can be mended."""
        project, stack = self.shard.project, self.shard.stack
        claim = refused.entries.get(keys.claim(self.shard))
        if claim is None or claim.create_revision != self.claim_revision:
            raise Fenced(f"the claim on {self.shard} is somebody else's")
        plan = refused.entries.get(keys.plan(project, stack))
        if plan is None or plan.mod_revision != self.plan_revision:
            raise Stale("the plan has changed")
        for key, entry in refused.entries.items():
            now = Known(entry.value, entry.mod_revision) if entry else _ABSENT
            if key == keys.header(project, stack):
                if entry is None:
                    raise Stale("the stack is gone")
                self.header = decode(Header, entry.value)
            elif key.startswith("attempts/"):
                self._refused_attempt(key, entry)
            elif key == keys.work(self.shard):
                raise Stale("somebody has signalled")
            elif key != keys.claim(self.shard) and not self.known(key).guard(key).holds(entry):
                raise Stale(f"{key} is not as this owner left it")
            self._records[key] = now

    def _refused_attempt(self, key: str, entry: Entry | None) -> None:
        assert self.attempts is not None, "the ledger is read before an attempt is written"
        self.attempts.pop(Token(key.rpartition("/")[2]), None)
        if entry is not None:
            attempt = decode(Attempt, entry.value)
            self.attempts[attempt.token] = attempt


class Expected:
    """What the store will hold once `ahead`, the commits that are on their way, are done in their order."""

    def __init__(self, stored: Stored, ahead: Sequence[Transaction] = ()) -> None:
        self.stored = stored
        self._ahead = ahead
        self.record = ahead[-1].record if ahead else stored.record
        headers = [transaction.header for transaction in ahead if transaction.header is not None]
        self.header = headers[-1] if headers else stored.header

    def known(self, key: str) -> Known:
        for transaction in reversed(self._ahead):
            if key in transaction.deletes:
                return _ABSENT
            if key in transaction.puts:
                return Known(transaction.puts[key], None)
        return self.stored.known(key)

    def attempt(self, token: Token) -> Attempt | None:
        """The ledger must have been read."""
        for transaction in reversed(self._ahead):
            if token in transaction.attempts:
                return transaction.attempts[token]
        assert self.stored.attempts is not None, "the ledger is read before an attempt is written"
        return self.stored.attempts.get(token)
