"""How a change of a stack is written: read, decide, compare-and-set, and each request once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import StackId
from global_heat.model.records import Operation, RequestRecord
from global_heat.store import blobs, keys
from global_heat.store.caller import Caller
from global_heat.store.change import StackChange
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Committed, Guard, Store, absent, unchanged
from global_heat.store.reading import StackView, read_operation, read_stack

_TRIES = 8


class StackWriter:
    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock

    async def change(
        self,
        caller: Caller,
        id: StackId,
        request: str,
        fingerprint: str,
        etag: str,
        change_of: Callable[[StackView], Awaitable[StackChange]],
    ) -> Operation:
        """Read, decide, compare-and-set; again when somebody was faster."""
        for _ in range(_TRIES):
            view = await read_stack(self._store, caller.project, id, local=False)
            # Looked for after the stack was read: a repeat that was faster shows here or refuses the commit.
            if (earlier := await self.earlier(caller, request, fingerprint)) is not None:
                return earlier
            if etag and etag != view.etag:
                raise Invalid(
                    "the stack has changed since you read it: read it again", reason=Reason.MISMATCH
                )
            change = await change_of(view)
            if await self.commit(caller, change, as_read(view), fingerprint):
                return change.operation
        raise Transient("the stack keeps changing: try again")

    async def commit(
        self, caller: Caller, change: StackChange, guards: list[Guard], fingerprint: str = ""
    ) -> bool:
        """Whether it was written; if not, something guarded is not as it was read.

        What it guards it also writes, so that it is applied once at most and can be sent again when nobody
        knows; whether it refuses itself then, shows the operation.
        """
        puts, guards = change.puts(), [*guards, *change.guards]
        if fingerprint and change.operation.request:
            key = keys.request(caller.project, change.operation.request)
            record = RequestRecord(
                operation=change.operation.id, fingerprint=fingerprint, created_at=self._clock()
            )
            puts[key] = encode(record)
            guards = [*guards, absent(key)]
        puts = await blobs.put_ahead(self._store, puts)
        operation_key = keys.operation(caller.project, change.operation.id)
        unknown = False
        for _ in range(_TRIES):
            try:
                outcome = await self._store.commit(*guards, put=puts, delete=change.deletes())
                if isinstance(outcome, Committed):
                    return True
                return unknown and await self._store.get(operation_key) is not None
            except Ambiguous:
                unknown = True
            except Transient:
                if not unknown:
                    raise
        raise Ambiguous("the store does not say whether it was written: repeat it with the same request id")

    async def faster(self, caller: Caller, name: str, request: str, fingerprint: str) -> Operation:
        """The operation of a repeat that has the name already. Raises `Invalid` when it is another's."""
        earlier = await self.earlier(caller, request, fingerprint)
        if earlier is None:
            if await self._store.get(keys.name(caller.project, name)) is None:
                raise Transient("the stack took too long to write: try again")
            raise Invalid(
                f"a stack named {name!r} exists already: update it, or choose another name",
                reason=Reason.ALREADY_EXISTS,
            )
        return earlier

    async def earlier(self, caller: Caller, request: str, fingerprint: str) -> Operation | None:
        """The operation that this request id has started already."""
        if not request:
            return None
        entry = await self._store.get(keys.request(caller.project, request))
        if entry is None:
            return None
        record = decode(RequestRecord, entry.value)
        if record.fingerprint != fingerprint:
            raise Invalid(
                f"request id {request!r} was used with other parameters: use a new one",
                reason=Reason.ALREADY_EXISTS,
            )
        return await read_operation(self._store, caller.project, record.operation)


def as_read(view: StackView) -> list[Guard]:
    """Nobody has changed the stack since."""
    return [unchanged(view.header_entry), unchanged(view.plan_entry)]
