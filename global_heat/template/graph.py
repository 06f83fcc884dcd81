"""The order among a tree's leaves: who must be done before whom, through nested stacks and groups."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from graphlib import CycleError, TopologicalSorter

from global_heat.model.names import Path
from global_heat.template.location import Faults, place

CIRCLES_MAX = 20
"""How many circles are told of at once."""


def opening(group: Path) -> Path:
    """The node at which it is known which members a group has. No resource can be called that."""
    return Path(f"{group}/")


class Graph:
    """Paths of leaves and of containers, and what each waits for.

    That a container is done means that all inside it is.
    """

    def __init__(self) -> None:
        self._needs: dict[Path, set[Path]] = {}
        self._inside: dict[Path, list[Path]] = {}
        """Of each container: the leaves and containers directly inside."""
        self._own: dict[Path, set[Path]] = {}
        """Of each container: what it waits for itself."""
        self._openings: dict[Path, Path] = {}
        """The groups by their openings."""

    def add_leaf(self, path: Path, needs: Collection[Path]) -> None:
        self._needs[path] = set(needs)

    def add_container(self, path: Path, inside: Collection[Path], needs: Collection[Path]) -> None:
        self._needs[path] = {*inside, *needs}
        self._inside[path] = list(inside)
        self._own[path] = set(needs)

    def add_opening(self, group: Path, needs: Collection[Path]) -> None:
        """A group whose members are known only once these are done."""
        self._needs[opening(group)] = set(needs)
        self._needs[group].add(opening(group))
        self._openings[opening(group)] = group

    def find_circles(self, faults: Faults) -> bool:
        """Note each circle; tell whether there is one."""
        needs = {path: set(below) for path, below in self._needs.items()}
        found = False
        for _ in range(CIRCLES_MAX):
            try:
                TopologicalSorter(needs).prepare()
            except CycleError as error:
                found = True
                circle: list[Path] = error.args[1][::-1]
                told = [self._openings.get(path, path) for path in circle]
                steps = " → ".join(dict.fromkeys(told)) + f" → {told[0]}"
                at = place("resources", *told[0].split("/"))
                faults.add(at, f"waits for itself: {steps}; take one of these references away")
                needs[circle[0]].discard(circle[1])
            else:
                break
        return found

    def close(self) -> dict[Path, tuple[Path, ...]]:
        """For each leaf the leaves that must be done first; those that imply others stand for them.

        A group that opens counts as a leaf too: its expand step.
        """
        closed: dict[Path, tuple[Path, ...]] = {}
        ends: dict[Path, tuple[Path, ...]] = {}
        """Of each container the leaves that are done last."""
        for path in TopologicalSorter(self._needs).static_order():
            if path in self._inside:
                ends[path] = self._ends(path, closed, ends)
            elif path in self._openings:
                group = self._openings[path]
                closed[group] = _expand(self._needs[path], ends)
                ends[path] = (group,)
            else:
                closed[path] = _expand(self._needs[path], ends)
        return closed

    def _ends(
        self, path: Path, closed: Mapping[Path, tuple[Path, ...]], ends: Mapping[Path, tuple[Path, ...]]
    ) -> tuple[Path, ...]:
        leaves = self._leaves(path)
        followed = {need for leaf in leaves for need in closed[leaf]}
        last = tuple(leaf for leaf in leaves if leaf not in followed)
        return last or ends.get(opening(path)) or _expand(self._own[path], ends)

    def _leaves(self, path: Path) -> list[Path]:
        found: list[Path] = []
        for below in self._inside[path]:
            found += self._leaves(below) if below in self._inside else [below]
        return found


def _expand(needs: Collection[Path], ends: Mapping[Path, tuple[Path, ...]]) -> tuple[Path, ...]:
    """Leaves stay, containers become their last leaves."""
    leaves = {leaf for need in needs for leaf in ends.get(need, (need,))}
    return tuple(sorted(leaves))
