"""What the store holds of a shard, as far as its owner knows: what the next commit is built from."""

from __future__ import annotations

from collections.abc import Iterable

from global_heat.engine.transaction import Transaction
from global_heat.engine.writing import Stale
from global_heat.model.errors import Fenced
from global_heat.model.names import Token
from global_heat.model.records import Attempt, Header, ShardRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Entry, Refused
from global_heat.store.reading import StackView


class Stored:
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
        self._records: dict[str, tuple[bytes | None, int]] = {
            key: (entry.value, entry.mod_revision) for key, entry in view.entries.items()
        }

    def known(self, key: str) -> tuple[bytes | None, int]:
        """Its value, None if there is none, and its mod revision, 0 if it is not there."""
        return self._records.get(key, (None, 0))

    def learn_header(self, view: StackView) -> None:
        """Take it in if it is newer."""
        entry = view.header_entry
        if entry.mod_revision > self.known(entry.key)[1]:
            self.header = view.header
            self._records[entry.key] = (entry.value, entry.mod_revision)

    def learn_ledger(self, entries: Iterable[Entry]) -> None:
        self.attempts = {}
        for entry in entries:
            attempt = decode(Attempt, entry.value)
            self.attempts[attempt.token] = attempt
            self._records[entry.key] = (entry.value, entry.mod_revision)

    def committed(self, transaction: Transaction, revision: int) -> None:
        """Take in that this is done."""
        self.revision = revision
        guarded = {guard.key for guard in transaction.guards}
        for key, value in transaction.puts.items():
            if key in guarded:
                self._records[key] = (value, revision)
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
            if key == keys.header(project, stack):
                if entry is None:
                    raise Stale("the stack is gone")
                self.header = decode(Header, entry.value)
            elif key.startswith("attempts/"):
                self._refused_attempt(key, entry)
            elif key == keys.work(self.shard):
                raise Stale("somebody has signalled")
            elif key != keys.claim(self.shard) and self.known(key)[1] != (entry.mod_revision if entry else 0):
                raise Stale(f"{key} is not as this owner left it")
            self._records[key] = (entry.value, entry.mod_revision) if entry else (None, 0)

    def _refused_attempt(self, key: str, entry: Entry | None) -> None:
        assert self.attempts is not None, "the ledger is read before an attempt is written"
        self.attempts.pop(Token(key.rpartition("/")[2]), None)
        if entry is not None:
            attempt = decode(Attempt, entry.value)
            self.attempts[attempt.token] = attempt
