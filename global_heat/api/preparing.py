"""What a wish needs outside the store before it is written: names looked up, trusts made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from global_heat.api.auth import Call
from global_heat.api.ports import Backend
from global_heat.model.records import Header
from global_heat.store.entrusting import Entrusting
from global_heat.store.sinks import entrusted
from global_heat.store.trust_ledger import MadeTrust
from global_heat.template.tree import Tree

Check = Callable[[Call, Tree], Awaitable[object]]


def preparation(backend: Backend, call: Call, check: Check) -> Entrusting:
    """For one wish of a caller."""

    async def make(header: Header, tree: Tree) -> Sequence[MadeTrust]:
        await check(call, tree)
        regions = sorted(entrusted(header, tree))
        return await backend.trusts.ensure(call.who, call.tokens, header.project, header.id, regions)

    return Entrusting(make, backend.trusts.condemn)
