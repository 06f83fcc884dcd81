"""What all of a replica's work is done with, for as long as one lease lasts."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.observing import Observer
from global_heat.engine.ports import World
from global_heat.model.names import Region, ReplicaId
from global_heat.store.wishes import Wishes


class Means(msgspec.Struct, frozen=True):
    world: World
    id: ReplicaId
    """Of this life of the replica."""
    lease: LeaseKeeper
    observer: Observer
    wishes: Wishes
    ask_sweeper: Callable[[Region], None]
    """Have a region looked at at once: what nobody adopted may stand in a step's way."""
