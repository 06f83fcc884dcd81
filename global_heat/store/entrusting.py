"""The trusts of one wish: made before it is written, recorded by its own commit, or condemned."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from global_heat.model.names import Region, StackId
from global_heat.model.records import Header, Operation
from global_heat.store.sinks import entrusted
from global_heat.store.trust_ledger import MadeTrust
from global_heat.template.tree import Tree

Make = Callable[[Header, Tree], Awaitable[Sequence[MadeTrust]]]
"""Has trusts made for the regions that `entrusted` names, and checks what else must be so before the wish is
written."""
Condemn = Callable[[Sequence[MadeTrust]], Awaitable[None]]
"""Condemns those that are recorded nowhere; raises nothing."""


class Entrusting:
    """For one wish: `store.wishes.Prepare`, and what is done with the trusts when the wish has ended."""

    def __init__(self, make: Make, condemn: Condemn) -> None:
        self._make = make
        self._condemn = condemn
        self._made: dict[tuple[StackId, frozenset[Region]], Sequence[MadeTrust]] = {}

    async def __call__(self, header: Header, tree: Tree) -> Sequence[MadeTrust]:
        key = (header.id, entrusted(header, tree))
        # A wish that meets another one is planned again: what was made for it the first time will do.
        if key not in self._made:
            self._made[key] = await self._make(header, tree)
        return self._made[key]

    async def around(self, wish: Awaitable[Operation]) -> Operation:
        """Await the wish, then condemn what it has not recorded.

        Also when nobody knows whether it was written: what is condemned cannot be recorded in a moment. And
        when it went well: a repeat is told of what the first one started, which has trusts of its own.
        """
        try:
            operation = await wish
        except Exception:
            await self._condemn_unrecorded()
            raise
        await self._condemn_unrecorded()
        return operation

    async def _condemn_unrecorded(self) -> None:
        await self._condemn([made for several in self._made.values() for made in several])
