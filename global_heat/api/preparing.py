"""What a wish needs outside the store before it is written: names looked up, trusts. Undone if it is not."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import structlog

from global_heat.api.auth import Call
from global_heat.api.documents import regions_of
from global_heat.api.ports import Backend
from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.names import Region, StackId
from global_heat.model.records import Header, Operation, TrustRecord
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.template.tree import Tree

log = structlog.get_logger()
Check = Callable[[Call, Tree], Awaitable[object]]


class Preparation:
    """For one wish: `store.wishes.Prepare`, and what is done with the trusts when the wish has ended."""

    def __init__(self, backend: Backend, call: Call, check: Check) -> None:
        self._backend = backend
        self._call = call
        self._check = check
        self._made: dict[tuple[StackId, tuple[Region, ...]], Sequence[TrustRecord]] = {}

    async def __call__(self, header: Header, tree: Tree) -> Sequence[TrustRecord]:
        key = (header.id, tuple(sorted(regions_of(tree))))
        # A wish that meets another one is planned again: what was made for it the first time will do.
        if key not in self._made:
            await self._check(self._call, tree)
            who = self._call.who
            self._made[key] = await self._backend.trusts.ensure(
                who, self._call.tokens, header.project, header.id, key[1]
            )
        return self._made[key]

    async def around(self, wish: Awaitable[Operation]) -> Operation:
        """Await the wish; remove the trusts that were made for it and are recorded nowhere.

        Not when nobody knows whether it was written: it might be in a moment, and would stand without them.
        """
        try:
            operation = await wish
        except (Invalid, Transient):
            await self._discard_unrecorded()
            raise
        # A repeat is told of the operation that the first one started, with the trusts of that one.
        await self._discard_unrecorded()
        return operation

    async def _discard_unrecorded(self) -> None:
        project = self._call.who.project
        for (stack, _), records in self._made.items():
            for record in records:
                try:
                    entry = await self._backend.store.get(keys.trust(project, stack, record.cloud))
                    if entry is None or decode(TrustRecord, entry.value).sealed != record.sealed:
                        await self._backend.trusts.discard(project, stack, record)
                except (Transient, Ambiguous) as error:
                    log.warning("a trust that nobody needs stays", stack=stack, error=str(error))
