"""The ledger of trusts: no trust stands in a Keystone without a word of it here.

An entry is written before a trust is asked for. The wish that needs the trust puts the stack's record in the
entry's place, in one commit which compares that the entry is as it was; who condemned it first has made that
commit impossible. When a record ends, an entry takes its place again, condemned. What is condemned stays so,
is deleted in its Keystone by `engine.trust_sweeper`, and forgotten when it can appear no more.
"""

from __future__ import annotations

import msgspec

from global_heat.model.errors import Transient
from global_heat.model.names import Project, StackId
from global_heat.model.records import TrustAttempt, TrustRecord
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Entry, Guard, Refused, Store, absent, unchanged


class MadeTrust(msgspec.Struct, frozen=True):
    """A trust that was made for a wish, to be recorded with it."""

    record: TrustRecord
    attempt: Entry
    """Its entry in the ledger."""
    before: Entry | None
    """The record that it is to replace."""


class Recording(msgspec.Struct, frozen=True):
    """What a wish adds to its commit to record a trust."""

    guards: tuple[Guard, ...]
    puts: dict[str, bytes]
    deletes: tuple[str, ...]


def recording(project: Project, stack: StackId, made: MadeTrust) -> Recording:
    """The record takes the entry's place; of a record that it replaces, an entry does."""
    key = keys.trust(project, stack, made.record.cloud)
    puts = {key: encode(made.record)}
    if made.before is None:
        return Recording((unchanged(made.attempt), absent(key)), puts, (made.attempt.key,))
    ended, entry = _ended(project, stack, made.before)
    guards = (unchanged(made.attempt), unchanged(made.before), absent(ended))
    return Recording(guards, puts | {ended: entry}, (made.attempt.key,))


async def begin(store: Store, attempt: TrustAttempt) -> Entry:
    """Write the entry, before anything is sent. Raises `Transient`, `Ambiguous`: then nothing may be sent."""
    key = keys.trust_attempt(attempt.cloud, attempt.project, attempt.stack, attempt.handle)
    value = encode(attempt)
    outcome = await store.commit(absent(key), put={key: value})
    if isinstance(outcome, Refused):
        raise Transient("another trust has this expiry: try again")
    return Entry(key, value, outcome.revision, outcome.revision)


async def condemn(store: Store, entry: Entry) -> Entry | None:
    """Let nobody record it any more. None: somebody has, or it was condemned meanwhile.

    Raises `Transient`, `Ambiguous`.
    """
    current = await store.get(entry.key)
    if current is None or current.mod_revision != entry.mod_revision:
        return None
    attempt = msgspec.structs.replace(decode(TrustAttempt, entry.value), condemned=True)
    value = encode(attempt, entry.value)
    outcome = await store.commit(unchanged(entry), put={entry.key: value})
    if isinstance(outcome, Refused):
        return None
    return Entry(entry.key, value, entry.create_revision, outcome.revision)


async def retire(store: Store, project: Project, stack: StackId) -> None:
    """End the records of a stack's trusts. Raises `Transient`, `Ambiguous`: to be done again."""
    for record in (await store.scan(keys.trust(project, stack, ""))).entries:
        key, entry = _ended(project, stack, record)
        outcome = await store.commit(unchanged(record), absent(key), put={key: entry}, delete=(record.key,))
        if isinstance(outcome, Refused):
            raise Transient(f"the trust of stack {stack} is retired by somebody else")


def _ended(project: Project, stack: StackId, record: Entry) -> tuple[str, bytes]:
    """The entry that takes an ended record's place."""
    was = decode(TrustRecord, record.value)
    attempt = TrustAttempt(
        cloud=was.cloud,
        project=project,
        stack=stack,
        user=was.user,
        user_project=Project(was.project) if was.project else project,
        expires_at=was.expires_at,
        started_at=was.started_at,
        cred_expires_at=was.cred_expires_at,
        condemned=True,
    )
    return keys.trust_attempt(was.cloud, project, stack, was.handle), encode(attempt)
