"""The event sinks of a stack from one wish to the next."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from global_heat.model.names import Region
from global_heat.model.records import Header, Sink
from global_heat.template.tree import Tree


def sinks_from(tree: Tree, present: Sequence[Sink], plan: int) -> tuple[Sink, ...]:
    """Those that a plan's tree wishes. A queue that is new is told of nothing before that plan."""
    since = {sink.target: sink.since for sink in present}
    return tuple(
        msgspec.structs.replace(sink, since=since.get(sink.target, plan))
        for sink in tree.environment.event_sinks
    )


def entrusted(header: Header, tree: Tree) -> frozenset[Region]:
    """The regions in which something is done for the stack: its resources' own, and where its sinks are."""
    return tree.regions | {header.region} if tree.environment.event_sinks else tree.regions
