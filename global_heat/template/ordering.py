"""What each resource waits for: what it reads, what is written, what types imply, what surrounds it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from global_heat.model.names import Path
from global_heat.template.evaluation import Trace
from global_heat.template.graph import Graph, opening
from global_heat.template.location import Faults
from global_heat.template.node import Container, Group, Leaf, Nested, Place


def reads_of(trace: Trace) -> set[Path]:
    """The resources that must exist before this can be evaluated."""
    return {path for path, _ in trace.reads} | trace.awaited


class Ordering:
    """The order among leaves and containers, from the traces of their evaluation."""

    def __init__(
        self,
        leaves: Mapping[Path, Leaf],
        containers: Mapping[Path, Container],
        reads: Mapping[Path, Collection[Path]],
        opens: Mapping[Path, Collection[Path]],
        implied: Callable[[Path], Collection[Path]],
        faults: Faults,
    ) -> None:
        """`reads`: of leaves and containers; `opens`: what says which members a group has, where the template
        alone does not; `implied`: what a leaf waits for because of its type."""
        self._leaves = leaves
        self._containers = containers
        self._reads = reads
        self._opens = opens
        self._faults = faults
        self._own = {path: self._depends_on(node.place) for path, node in containers.items()}
        self._stated = {path: {*reads[path], *self._depends_on(leaf.place)} for path, leaf in leaves.items()}
        self.graph = self._graph(implied)

    def direct(self) -> dict[Path, frozenset[Path]]:
        """What each leaf and each container waits for by what is written."""
        containers = {path: frozenset({*own, *self._reads[path]}) for path, own in self._own.items()}
        return {path: frozenset(needs) for path, needs in self._stated.items()} | containers

    def _graph(self, implied: Callable[[Path], Collection[Path]]) -> Graph:
        graph = Graph()
        inside: dict[Path, list[Path]] = {path: [] for path in self._containers}
        for path, node in (*self._leaves.items(), *self._containers.items()):
            if node.place.parent is not None:
                inside[node.place.parent.path].append(path)
        for path, leaf in self._leaves.items():
            graph.add_leaf(path, {*self._stated[path], *implied(path), *self._around(leaf.place)})
        for path in self._containers:
            graph.add_container(path, inside[path], self._own[path])
        for path, reads in self._opens.items():
            standing = self._containers[path].place
            graph.add_opening(path, {*reads, *self._own[path], *self._around(standing)})
        return graph

    def _around(self, standing: Place) -> set[Path]:
        """What everything inside the containers around it waits for."""
        needs: set[Path] = set()
        around = standing.parent
        while around is not None:
            needs |= self._own[around.path]
            if around.path in self._opens:
                needs.add(opening(around.path))
            around = around.place.parent
        return needs

    def _depends_on(self, standing: Place) -> set[Path]:
        paths = set(standing.after)
        word = standing.scope.template.version.word("depends_on")
        for index, name in enumerate(standing.text.depends_on):
            node = standing.scope.nodes.get(name)
            if isinstance(node, Leaf | Nested | Group):
                paths.add(node.path)
            elif node is None:
                at = ((standing.at, word), index)
                self._faults.add(at, f"there is no resource {name}; name one that stands under resources")
        return paths
