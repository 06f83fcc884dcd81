"""Signals: recorded by whoever is told, read by whoever waits. One commit, which also wakes the shards."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import Path, Project, StackId
from global_heat.model.records import Incarnation, Record, SignalRecord, State, WorkRecord
from global_heat.model.values import Json
from global_heat.planner.decision import live
from global_heat.store import keys
from global_heat.store.caller import Caller
from global_heat.store.codec import decode, encode
from global_heat.store.documents import Documents
from global_heat.store.hooks import clear_hook, hook_of
from global_heat.store.protocol import Committed, Entry, absent, at_mod, unchanged
from global_heat.store.reading import read_header
from global_heat.store.scaling import Scaling

SIGNALS_MAX = 1000
"""Of one resource."""
SIGNAL_BYTES_MAX = 64 << 10
ID_CHARACTERS_MAX = 255
_TRIES = 8


class Signals:
    """Takes signals. Any replica may: what is needed to judge one is recorded."""

    def __init__(self, documents: Documents, clock: Callable[[], float], scaling: Scaling) -> None:
        self._documents = documents
        self._store = documents.store
        self._clock = clock
        self._scaling = scaling

    async def send(
        self, caller: Caller, stack: StackId, path: Path, said: Json, request: str, only: str = ""
    ) -> str:
        """Tell a resource something; the signal's id, empty if it said nothing. A scaling policy has begun an
        operation: its id.

        `only`: the physical id that it must have, since another may have taken its place. A signal with an
        id takes the place of an earlier one with that id; without one it counts once for each `request`.
        A map with `unset_hook` clears a hook, whatever its resource takes.
        Raises `Invalid`: NOT_FOUND, PRECONDITION (it is not made yet), EXHAUSTED.
        """
        if (hook := hook_of(said)) is not None:
            return await clear_hook(self._store, caller.project, stack, path, hook, request)
        if len(json.dumps(said)) > SIGNAL_BYTES_MAX:
            raise Invalid(f"a signal may say at most {SIGNAL_BYTES_MAX} bytes")
        for _ in range(_TRIES):
            try:
                taken = await self._try(caller, stack, path, said, request, only)
            except Ambiguous:
                continue
            if taken is not None:
                return taken
        raise Transient("the resource is being changed by others: try again")

    async def _try(
        self, caller: Caller, stack: StackId, path: Path, said: Json, request: str, only: str
    ) -> str | None:
        """The id; None: somebody was faster."""
        project = caller.project
        header, _ = await read_header(self._store, project, stack)
        entry, incarnation = await self._told(project, stack, path, only)
        known = await self._known(project, stack, incarnation.ref)
        earlier = next((record for _, record in known if request and record.request == request), None)
        if earlier is not None:
            return earlier.id
        rules = self._documents.schemas.rules(incarnation.type)
        if rules is None or incarnation.external:
            raise Invalid(f"a resource of type {incarnation.type} takes no signals")
        signal = rules.accept(said, _free_number([record.id for _, record in known]))
        if signal is None:
            return ""
        if rules.scales:
            return await self._scaling.signal(caller, stack, path, self._clock(), request)
        if not 0 < len(signal.id) <= ID_CHARACTERS_MAX:
            raise Invalid(f"the id of a signal has 1 to {ID_CHARACTERS_MAX} characters")
        standing = next((entry for entry, record in known if record.id == signal.id), None)
        if standing is None and len(known) >= SIGNALS_MAX:
            raise Invalid(f"{path} was signalled {SIGNALS_MAX} times already", reason=Reason.EXHAUSTED)
        key = keys.signal(project, stack, incarnation.ref, signal.id)
        record = SignalRecord(
            id=signal.id,
            at=self._clock(),
            request=request,
            sealed=self._documents.seal_signal(project, stack, incarnation.ref, signal),
        )
        puts: dict[str, Record] = {key: record}
        for region in header.open:
            puts[keys.work(keys.Shard(region, project, stack))] = WorkRecord(by="signal")
        outcome = await self._store.commit(
            unchanged(entry),
            absent(key) if standing is None else at_mod(key, standing.mod_revision),
            put={key: encode(record) for key, record in puts.items()},
        )
        return signal.id if isinstance(outcome, Committed) else None

    async def _told(
        self, project: Project, stack: StackId, path: Path, only: str
    ) -> tuple[Entry, Incarnation]:
        """The incarnation that stands for the resource, as recorded."""
        found = await self._store.scan(keys.incarnations(project, stack, path))
        recorded = [(entry, decode(Incarnation, entry.value)) for entry in found.entries]
        here = [(entry, incarnation) for entry, incarnation in recorded if incarnation.path == path]
        here = [(entry, incarnation) for entry, incarnation in here if only in ("", incarnation.id)]
        if not here:
            raise Invalid(f"there is no resource {path!r}, or it is not made yet", reason=Reason.NOT_FOUND)
        newest = live(incarnation for _, incarnation in here) or max(
            (incarnation for _, incarnation in here), key=lambda incarnation: incarnation.n
        )
        if newest.state is State.INTENT:
            raise Invalid(f"{path} is not made yet", reason=Reason.PRECONDITION)
        return next((entry, incarnation) for entry, incarnation in here if incarnation is newest)

    async def _known(
        self, project: Project, stack: StackId, ref: str
    ) -> Sequence[tuple[Entry, SignalRecord]]:
        found = await self._store.scan(keys.signals_of(project, stack, ref))
        return [(entry, decode(SignalRecord, entry.value)) for entry in found.entries]


def _free_number(ids: Sequence[str]) -> int:
    """One more than there are, or the next that nobody has taken."""
    number = len(ids) + 1
    while str(number) in ids:
        number += 1
    return number
