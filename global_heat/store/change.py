"""One change of a stack as it is written: its header, its plan, what goes with them, and who is woken."""

from __future__ import annotations

from collections.abc import Collection, Iterable

import msgspec

from global_heat.model.names import Region
from global_heat.model.plan import Plan
from global_heat.model.records import Header, Operation, PlanPointer, Record, Status, WorkRecord
from global_heat.store import blobs, keys
from global_heat.store.codec import encode
from global_heat.store.protocol import Guard
from global_heat.store.trust_ledger import MadeTrust, recording


class StackChange:
    """The puts of one change of a stack, collected; what it compares and deletes beside them."""

    def __init__(
        self,
        header: Header,
        operation: Operation,
        plan: Plan | None,
        *,
        description: str,
        now: float,
        also_open: Collection[Region] = (),
        over: bytes | None = None,
    ) -> None:
        """`over` is the header's present value, of which what only a newer version knows survives."""
        self.operation = operation
        self.now = now
        self._over = over
        self.raw: dict[str, bytes] = {}
        self.guards: list[Guard] = []
        self._deletes: list[str] = []
        wake = header.open
        if plan is not None:
            wake = tuple(sorted({*plan.regions, *also_open}))
            header = msgspec.structs.replace(header, open=wake, description=description)
            if not wake:
                header = end_header(header, now)
        self.header = msgspec.structs.replace(header, operation=operation.id)
        if plan is not None:
            self._add_plan(plan)
        for region in wake:
            shard = keys.Shard(region, header.project, header.id)
            self.put(keys.work(shard), WorkRecord(by=operation.verb))

    def put(self, key: str, record: Record) -> None:
        self.raw[key] = encode(record)

    def record_trusts(self, trusts: Iterable[MadeTrust]) -> None:
        for made in trusts:
            recorded = recording(self.header.project, self.header.id, made)
            self.guards += recorded.guards
            self.raw |= recorded.puts
            self._deletes += recorded.deletes

    def puts(self) -> dict[str, bytes]:
        project, id = self.header.project, self.header.id
        self.put(keys.operation(project, self.operation.id), self.operation)
        return self.raw | {keys.header(project, id): encode(self.header, self._over)}

    def deletes(self) -> tuple[str, ...]:
        """A stack that has nothing to delete is gone at once, and its name is free."""
        freed = (keys.name(self.header.project, self.header.name),) if self.header.deleted else ()
        return (*freed, *self._deletes)

    def _add_plan(self, plan: Plan) -> None:
        project, id = self.header.project, self.header.id
        digest, pieces = blobs.chunks(project, id, blobs.pack_plan(plan))
        self.raw.update(pieces)
        pointer = PlanPointer(number=plan.number, parent=plan.parent, revision=plan.revision, blob=digest)
        self.put(keys.plan(project, id), pointer)


def end_header(header: Header, now: float) -> Header:
    """The header once no shard is open any more."""
    failed = header.stopping
    complete = header.complete_revision
    if not failed:
        complete = header.revision
    return msgspec.structs.replace(
        header,
        status=Status.FAILED if failed else Status.COMPLETE,
        complete_revision=complete,
        ended_at=now,
    )
