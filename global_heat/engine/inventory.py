"""The incarnations of a stack as a shard's owner sees them: with what it has written, committed or not."""

from __future__ import annotations

from collections.abc import Iterable

from global_heat.model.names import Path, Region
from global_heat.model.records import Incarnation, State, parse_ref


class Inventory:
    def __init__(self, region: Region, plan: int, incarnations: Iterable[Incarnation]) -> None:
        """`region`: the owner's own. `plan`: the number of the current one."""
        self._region = region
        self._plan = plan
        self._by_ref: dict[str, Incarnation] = {}
        self._by_path: dict[Path, dict[str, Incarnation]] = {}
        self._required_by: dict[str, set[str]] = {}
        self._let_go: dict[str, None] = {}
        self.finished: dict[Path, Incarnation] = {}
        """By path: the incarnation that is finished for the current plan."""
        for incarnation in incarnations:
            self.show(incarnation)

    def of(self, path: Path) -> tuple[Incarnation, ...]:
        """All incarnations of a resource, of every region."""
        return tuple(self._by_path.get(path, {}).values())

    def all(self) -> Iterable[Incarnation]:
        return self._by_ref.values()

    def here(self) -> tuple[Incarnation, ...]:
        """The incarnations of the owner's own region."""
        return tuple(i for i in self._by_ref.values() if i.region == self._region)

    def holders(self, incarnation: Incarnation) -> set[str]:
        """The refs of what was built on this incarnation and is still recorded: it goes first."""
        return self._required_by.get(incarnation.ref, set()) - {incarnation.ref}

    def take_freed(self) -> list[str]:
        """The refs that this shard let go of since this was last asked: nothing of it is built on them.

        Others may be: their owners let go at the same moment, perhaps, and each must tell.
        """
        freed = [ref for ref in self._let_go if not any(map(self._is_here, self._required_by.get(ref, ())))]
        self._let_go.clear()
        return freed

    def _is_here(self, ref: str) -> bool:
        return parse_ref(ref)[1] == self._region

    def learn(self, incarnations: Iterable[Incarnation]) -> None:
        """Take in what is recorded of other regions."""
        known = {i.ref: i for i in self._by_ref.values() if i.region != self._region}
        for incarnation in incarnations:
            if incarnation.region != self._region and known.pop(incarnation.ref, None) != incarnation:
                self.show(incarnation)
        for gone in known.values():
            self.hide(gone)

    def show(self, incarnation: Incarnation) -> None:
        ref = incarnation.ref
        self.hide(incarnation)
        self._by_ref[ref] = incarnation
        self._by_path.setdefault(incarnation.path, {})[ref] = incarnation
        for required in incarnation.requires:
            self._required_by.setdefault(required, set()).add(ref)
        if incarnation.state is State.READY and incarnation.plan == self._plan:
            self.finished[incarnation.path] = incarnation

    def hide(self, incarnation: Incarnation) -> None:
        before = self._by_ref.pop(incarnation.ref, None)
        if before is None:
            return
        self._by_path[before.path].pop(before.ref, None)
        for required in before.requires:
            self._required_by[required].discard(before.ref)
            self._let_go[required] = None
        finished = self.finished.get(before.path)
        if finished is not None and finished.ref == before.ref:
            del self.finished[before.path]
