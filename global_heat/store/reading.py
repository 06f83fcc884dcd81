"""Read what is recorded, for people and for planning. Nothing here writes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

import msgspec

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Project, Region, StackId
from global_heat.model.records import (
    Attempt,
    EventBatch,
    Header,
    HookRecord,
    Incarnation,
    NameRecord,
    Operation,
    PlanPointer,
    ReplicaRecord,
    ShardRecord,
)
from global_heat.model.signal import Signal
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.documents import Documents
from global_heat.store.protocol import Entry, Store


class StackView(msgspec.Struct, frozen=True):
    """A stack as recorded at one revision of the store."""

    revision: int
    header: Header
    header_entry: Entry
    plan: PlanPointer
    plan_entry: Entry
    shards: dict[Region, ShardRecord]
    incarnations: list[Incarnation]
    hooks: list[HookRecord]
    entries: dict[str, Entry]
    """All of these as they stand in the store."""

    @property
    def etag(self) -> str:
        return etag_of(self.header_entry)

    @property
    def pending(self) -> list[HookRecord]:
        """The hooks at which steps wait."""
        return pending(self.header, self.hooks)


def etag_of(header: Entry) -> str:
    return str(header.mod_revision)


def pending(header: Header, hooks: Iterable[HookRecord]) -> list[HookRecord]:
    """Those at which a step of what runs now waits, the one that waits longest first."""
    waiting = (
        hook
        for hook in hooks
        if not hook.cleared
        and hook.operation == header.operation
        and hook.region in header.open
        and not header.stopping
    )
    return sorted(waiting, key=lambda hook: (hook.since, hook.path, hook.hook))


def no_stack(name: str) -> Invalid:
    return Invalid(f"there is no stack {name!r} in this project", reason=Reason.NOT_FOUND)


async def resolve_name(store: Store, project: Project, name_or_id: str) -> StackId:
    """The id of a stack given by name or by id. Raises `Invalid` (NOT_FOUND)."""
    entry = await store.get(keys.name(project, name_or_id), local=True)
    if entry is None:
        entry = await store.get(keys.name(project, name_or_id))
    if entry is not None:
        return decode(NameRecord, entry.value).stack
    if await store.get(keys.header(project, StackId(name_or_id))) is not None:
        return StackId(name_or_id)
    raise no_stack(name_or_id)


async def read_header(store: Store, project: Project, id: StackId) -> tuple[Header, Entry]:
    entry = await store.get(keys.header(project, id))
    if entry is None:
        raise no_stack(id)
    return decode(Header, entry.value), entry


async def read_stack(
    store: Store, project: Project, id: StackId, *, at_least: int = 0, local: bool = True
) -> StackView:
    """Everything of a stack but its documents and events, at one revision.

    `local` reads may be old; a stack that the nearest member does not know yet is asked for again.
    """
    prefix = keys.stack(project, id)
    # Blobs and events, the bulk of a stack, stand before its header.
    start = keys.header(project, id)
    found = await store.scan(prefix, start=start, at_least=at_least, local=local)
    header_entry = plan_entry = None
    shards: dict[Region, ShardRecord] = {}
    incarnations: list[Incarnation] = []
    hooks: list[HookRecord] = []
    for entry in found.entries:
        part, _, _ = entry.key.removeprefix(prefix).partition("/")
        match part:
            case "header":
                header_entry = entry
            case "plan":
                plan_entry = entry
            case "shards":
                shard = decode(ShardRecord, entry.value)
                shards[shard.region] = shard
            case "hooks":
                hooks.append(decode(HookRecord, entry.value))
            case "resources":
                incarnations.append(decode(Incarnation, entry.value))
    if header_entry is None or plan_entry is None:
        if local:
            return await read_stack(store, project, id, at_least=at_least, local=False)
        raise no_stack(id)
    return StackView(
        revision=found.revision,
        header=decode(Header, header_entry.value),
        header_entry=header_entry,
        plan=decode(PlanPointer, plan_entry.value),
        plan_entry=plan_entry,
        shards=shards,
        incarnations=incarnations,
        hooks=hooks,
        entries={entry.key: entry for entry in found.entries},
    )


class Listed(msgspec.Struct, frozen=True):
    """A stack as lists have it."""

    header: Header
    etag: str


async def list_stacks(store: Store, project: Project) -> list[Listed]:
    """A project's live stacks, by name."""
    names = await store.scan(keys.names(project), local=True)
    ids = [decode(NameRecord, entry.value).stack for entry in names.entries]
    entries = await asyncio.gather(*(store.get(keys.header(project, id), local=True) for id in ids))
    return [Listed(decode(Header, entry.value), etag_of(entry)) for entry in entries if entry is not None]


async def read_events(store: Store, project: Project, id: StackId) -> list[tuple[int, EventBatch]]:
    """All kept events with the store revision of their commit, in the order of commits."""
    found = await store.scan(keys.events(project, id), local=True)
    batches = [(entry.mod_revision, decode(EventBatch, entry.value)) for entry in found.entries]
    return sorted(batches, key=lambda pair: (pair[0], pair[1].region))


async def read_operation(store: Store, project: Project, id: str) -> Operation:
    entry = await store.get(keys.operation(project, id))
    if entry is None:
        raise Invalid(f"there is no operation {id!r} in this project", reason=Reason.NOT_FOUND)
    return decode(Operation, entry.value)


async def list_operations(store: Store, project: Project) -> list[Operation]:
    found = await store.scan(keys.operations(project), local=True)
    return [decode(Operation, entry.value) for entry in found.entries]


async def read_signals(documents: Documents, project: Project, id: StackId, ref: str) -> list[Signal]:
    """What an incarnation was told so far, in the order of the first time."""
    found = await documents.store.scan(keys.signals_of(project, id, ref))
    entries = sorted(found.entries, key=lambda entry: entry.create_revision)
    return [documents.open_signal(project, id, ref, entry) for entry in entries]


async def cleanup_pending(store: Store, view: StackView) -> int:
    """How many requests of a stack may have left something that nobody wants and that may still be there."""
    pending = 0
    for region in view.shards:
        attempts = keys.attempts(keys.Shard(region, view.header.project, view.header.id))
        found = await store.scan(attempts, local=True)
        pending += sum(decode(Attempt, entry.value).pending for entry in found.entries)
    return pending


class Outcome(msgspec.Struct, frozen=True):
    """How an operation stands. `error` is empty while it goes on and when it succeeded."""

    done: bool
    error: str = ""
    superseded: bool = False


def outcome_of(operation: Operation, header: Header | None) -> Outcome:
    """Whether an operation is done follows from its stack's header."""
    if header is None:
        return Outcome(done=True)
    if header.operation != operation.id:
        if operation.plan > header.plan:
            raise Transient("this replica's store member has not heard of the operation yet")
        return Outcome(done=True, superseded=True, error=f"superseded by operation {header.operation}")
    if not header.ended:
        return Outcome(done=False)
    failed = header.state.endswith("FAILED")
    return Outcome(done=True, error=header.reason or header.state if failed else "")


class Wait(msgspec.Struct, frozen=True):
    """Why a stack is not finished in one region: what it waits for, since when (unix seconds), on whom."""

    region: Region
    on: str
    since: float
    owner: str = ""


async def explain_waits(store: Store, view: StackView) -> list[Wait]:
    """What each open region of a stack waits for; and each in which something is still to be removed."""
    waits: list[Wait] = []
    replicas = await live_replicas(store)
    parked = (shard.region for shard in view.shards.values() if shard.parked is not None)
    for region in dict.fromkeys((*view.header.open, *parked)):
        shard = view.shards.get(region)
        claim = await store.get(
            keys.claim(keys.Shard(region, view.header.project, view.header.id)), local=True
        )
        if shard is not None and shard.parked is not None:
            on, since = shard.parked.on, shard.parked.since
        elif claim is None:
            on, since = "a replica to claim it", view.header.updated_at
            on += "" if replicas else " (no replica is alive)"
        elif hooks := [hook for hook in view.pending if hook.region == region]:
            more = f" and {len(hooks) - 1} more" if len(hooks) > 1 else ""
            on, since = f"hook {hooks[0].hook} of {hooks[0].path}{more} to be cleared", hooks[0].since
        else:
            on, since = _busy_with(view, region)
        waits.append(Wait(region, on, since, shard.owner or "" if shard else ""))
    return waits


def _busy_with(view: StackView, region: Region) -> tuple[str, float]:
    busy = [
        i
        for i in view.incarnations
        if i.region == region and i.state in ("INTENT", "CREATED", "UPDATING", "LEAVING")
    ]
    if not busy:
        alone = view.header.open == (region,)
        what = "the pause between two batches of a group" if alone else "steps in other regions"
        return what, view.header.updated_at
    eldest = min(busy, key=lambda i: i.updated_at)
    verb = {"INTENT": "created", "CREATED": "ready", "UPDATING": "updated", "LEAVING": "deleted"}[
        eldest.state
    ]
    verb = "saved by a snapshot" if eldest.saving is not None else verb
    more = f" and {len(busy) - 1} more" if len(busy) > 1 else ""
    return f"{eldest.path} ({eldest.type}) to be {verb}{more}", eldest.updated_at


async def live_replicas(store: Store) -> Sequence[ReplicaRecord]:
    found = await store.scan(keys.REPLICAS, local=True)
    return [decode(ReplicaRecord, entry.value) for entry in found.entries]
