"""What must hold of the trusts, from the store's history, the journal, and what Keystone has. Called by
`sim.checker`; a trust is known by its handle."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from global_heat.model.records import TrustAttempt, TrustRecord
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.etcd import Written
from global_heat.sim.evidence import Case, Evidence, Versions, Violation
from global_heat.store.codec import decode

KIND = "identity.trust"
_LOOKS = "/OS-TRUST/trusts?"
Known = TrustRecord | TrustAttempt


class Standing(msgspec.Struct):
    """What the store says of trusts at some moment, by handle."""

    recorded: dict[str, TrustRecord] = {}
    attempts: dict[str, TrustAttempt] = {}
    stacks: dict[str, str] = {}
    """Whose record it is."""

    def __contains__(self, handle: str) -> bool:
        return handle in self.recorded or handle in self.attempts


class Reading:
    """The store's history, read for trusts alone."""

    def __init__(self) -> None:
        self.now = Standing()
        self._at: dict[str, str] = {}
        """By key: the handle of what stands there."""

    def take(self, written: Written) -> set[str]:
        """Read one commit; the handles that it touched."""
        touched: set[str] = set()
        for key, value in written.changes:
            parts = key.split("/")
            if parts[0] == "trusts":
                touched |= self._put(key, None if value is None else decode(TrustAttempt, value))
            elif parts[0] == "stacks" and parts[3] == "trusts":
                record = None if value is None else decode(TrustRecord, value)
                touched |= self._put(key, record)
                if record is not None:
                    self.now.stacks[record.handle] = parts[2]
        return touched

    def _put(self, key: str, value: Known | None) -> set[str]:
        touched = set()
        if (old := self._at.pop(key, None)) is not None:
            where = self.now.attempts if key.startswith("trusts/") else self.now.recorded
            where.pop(old)
            touched.add(old)
        if value is not None:
            self._at[key] = value.handle
            touched.add(value.handle)
        if isinstance(value, TrustAttempt):
            self.now.attempts[value.handle] = value
        elif value is not None:
            self.now.recorded[value.handle] = value
        return touched


def standing(evidence: Evidence) -> Standing:
    """As it is at the end."""
    reading = Reading()
    for written in evidence.history:
        reading.take(written)
    return reading.now


def at_rest(evidence: Evidence) -> Iterator[Violation]:
    """Every trust is one that a record or the ledger names, and each that a record names is there."""
    now = standing(evidence)
    there = {made.name for made in evidence.cloud.truth() if made.kind == KIND and made.name}
    for handle in sorted(there):
        if handle not in now:
            yield Violation(8, f"orphan: trust {handle}")
    for handle in now.recorded:
        if handle not in there:
            yield Violation(17, f"trust {handle} of stack {now.stacks[handle]} does not exist")


def at_the_end(evidence: Evidence) -> Iterator[Violation]:
    """No trust is left, nor a word of one."""
    for made in evidence.cloud.truth():
        if made.kind == KIND and made.name:
            yield Violation(18, f"left behind: trust {made.name}")
    now = standing(evidence)
    for handle in (*now.recorded, *now.attempts):
        yield Violation(18, f"trust {handle} is still named")


def _intent_first(case: Case) -> Iterator[Violation]:
    """A trust is asked for when the ledger has it, nobody has condemned it, and once."""
    lives: dict[str, Versions[Known | None]] = {}
    reading = Reading()
    for written in case.evidence.history:
        for handle in reading.take(written):
            known = reading.now.attempts.get(handle) or reading.now.recorded.get(handle)
            versions = lives.setdefault(handle, Versions())
            versions.append((case.evidence.earliest_of(written), written.at, known))
    asked = [entry for entry in case.evidence.cloud.journal if entry.handle and not entry.replay]
    for entry in asked:
        versions = lives.get(entry.handle, Versions())
        if not versions.at(entry.arrived_at - case.evidence.epoch):
            yield Violation(6, f"trust {entry.handle} was asked for before its intent")
    for handle, count in Counter(entry.handle for entry in asked).items():
        if count > 1:
            yield Violation(7, f"{count} requests asked for trust {handle}")


def _ledger_kept(case: Case) -> Iterator[Violation]:
    """A trust is named in one place: it goes from the ledger to a record, back to the ledger, condemned,
    and out of it by a look that could have shown it."""
    reading = Reading()
    before: dict[str, Known] = {}
    looks = [e for e in case.evidence.cloud.journal if _LOOKS in e.path and e.status == 200]
    for written in case.evidence.history:
        for handle in reading.take(written):
            attempt, record = reading.now.attempts.get(handle), reading.now.recorded.get(handle)
            old, new = before.pop(handle, None), attempt or record
            if new is not None:
                before[handle] = new
            if attempt is not None and record is not None:
                yield Violation(13, f"trust {handle} is recorded and in the ledger")
            elif new is None and not (isinstance(old, TrustAttempt) and old.condemned):
                yield Violation(13, f"trust {handle} is forgotten, and nobody has condemned it")
            elif isinstance(old, TrustAttempt) and old.condemned and new is not None:
                yield Violation(13, f"trust {handle} was condemned, and is not any more")
            elif isinstance(old, TrustRecord) and isinstance(new, TrustAttempt) and not new.condemned:
                yield Violation(13, f"trust {handle} was recorded, and is not condemned")
            elif new is None and isinstance(old, TrustAttempt):
                yield from _closed_in_time(case.evidence, old, written, looks)


def _closed_in_time(
    evidence: Evidence, old: TrustAttempt, written: Written, looks: list[Entry]
) -> Iterator[Violation]:
    bounds = evidence.bounds
    if bounds is None:
        return
    settled = old.cred_expires_at + bounds.exec_seconds + bounds.lag_seconds
    closed_at = written.at + evidence.epoch
    if not any(look.sent_at >= settled and (look.answered_at or closed_at) < closed_at for look in looks):
        yield Violation(26, f"trust {old.handle} was forgotten when it could still appear")


CHECKS = (_intent_first, _ledger_kept)
