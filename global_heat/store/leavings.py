"""The records of what attempts left: for the sweeper, and for the operators who look at them and decide."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.leavings import Budget, Look, Orphan, OrphanState, Removal
from global_heat.model.names import Project, Token
from global_heat.model.records import Attempt
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Committed, Store, absent, at_mod, unchanged
from global_heat.store.registry import list_regions

HOUR_SECONDS = 3600.0
_TRIES = 8


async def admit(store: Store, removal: Removal, per_hour: int) -> bool:
    """Record that a thing is going to be removed, if the hour's budget of its project allows.

    What has been recorded once needs no budget again. Raises `Transient`, `Ambiguous`: to be done again.
    """
    key, budget_key = keys.removal(removal.project, removal.handle), keys.budget(removal.project)
    if await store.get(key) is not None:
        return True
    for _ in range(_TRIES):
        entry = await store.get(budget_key)
        known = decode(Budget, entry.value) if entry else Budget()
        # A clock that is behind another's does not open the last hour again.
        hour = max(known.hour, int(removal.at // HOUR_SECONDS))
        used = known.used if hour == known.hour else 0
        if used >= per_hour:
            return False
        spent = Budget(hour=hour, used=used + 1)
        outcome = await store.commit(
            at_mod(budget_key, entry.mod_revision if entry else 0),
            absent(key),
            put={budget_key: encode(spent, entry.value if entry else None), key: encode(removal)},
        )
        if isinstance(outcome, Committed) or outcome.entries[key] is not None:
            return True
    raise Transient(f"the budget of project {removal.project} keeps changing: try again")


async def note_answer(store: Store, removal: Removal, answer: str) -> None:
    """Record what the service said to the request."""
    entry = await store.get(keys.removal(removal.project, removal.handle))
    if entry is None or decode(Removal, entry.value).answer == answer:
        return
    told = msgspec.structs.replace(decode(Removal, entry.value), answer=answer)
    await store.commit(unchanged(entry), put={entry.key: encode(told, entry.value)})


async def list_removals(store: Store, project: Project) -> Sequence[Removal]:
    found = await store.scan(keys.removals(project), local=True)
    return [decode(Removal, entry.value) for entry in found.entries]


async def list_attempts(store: Store, project: Project) -> Sequence[Attempt]:
    """The project's ledger, in all registered regions."""
    found: list[Attempt] = []
    for region in await list_regions(store):
        prefix = keys.attempts_of_project(region.name, project)
        found += [decode(Attempt, entry.value) for entry in (await store.scan(prefix, local=True)).entries]
    return found


async def read_attempt(store: Store, project: Project, token: Token) -> Attempt:
    """Raises `Invalid` (NOT_FOUND)."""
    for attempt in await list_attempts(store, project):
        if attempt.token == token:
            return attempt
    raise Invalid(f"there is no attempt {token!r} in this project", reason=Reason.NOT_FOUND)


async def list_orphans(store: Store, project: Project) -> Sequence[Orphan]:
    found = await store.scan(keys.orphans(project), local=True)
    return [decode(Orphan, entry.value) for entry in found.entries]


async def list_looks(store: Store) -> Sequence[Look]:
    found = await store.scan(keys.LOOKS, local=True)
    return [decode(Look, entry.value) for entry in found.entries]


async def decide(store: Store, project: Project, handle: str, state: OrphanState, by: str) -> Orphan:
    """Write down what an operator decides of a suspect orphan; the same twice is as once.

    Raises `Invalid`: there is none (NOT_FOUND), or the other has been decided (PRECONDITION).
    """
    key = keys.orphan(project, handle)
    for _ in range(_TRIES):
        entry = await store.get(key)
        if entry is None:
            raise Invalid(f"there is no orphan {handle!r} in this project", reason=Reason.NOT_FOUND)
        orphan = decode(Orphan, entry.value)
        if orphan.state is state:
            return orphan
        if orphan.state is not OrphanState.SUSPECT:
            was = "adopted" if orphan.state is OrphanState.ADOPTED else "given to the sweeper to delete"
            raise Invalid(f"{orphan.by} has {was} {orphan.kind} {orphan.id}", reason=Reason.PRECONDITION)
        decided = msgspec.structs.replace(orphan, state=state, by=by)
        try:
            outcome = await store.commit(unchanged(entry), put={key: encode(decided, entry.value)})
        except Ambiguous:
            continue
        if isinstance(outcome, Committed):
            return decided
    raise Transient(f"the record of orphan {handle} keeps changing: try again")
