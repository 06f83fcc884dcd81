"""What goes wrong in a run, drawn from its seed: three lanes of faults that overlap each other."""

from __future__ import annotations

import enum
import random
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

LEASE_SECONDS = 6.0
"""Of the lab's replicas; a pause is to outlast it."""


class Kind(enum.StrEnum):
    """What is done. The words stand in the table of a run."""

    REGION_KILL = "region killed"
    REGION_PAUSE = "region stopped"
    REGION_CUT = "region cut off"
    REGION_DEAF = "region cut off, inwards"
    REGION_MUTE = "region cut off, outwards"
    LEADER_KILL = "etcd leader killed"
    LEADER_PAUSE = "etcd leader stopped"
    MEMBER_KILL = "etcd member killed"
    MEMBER_PAUSE = "etcd member stopped"
    QUORUM_KILL = "etcd majority killed"
    QUORUM_PAUSE = "etcd majority stopped"
    STORE_FULL = "etcd full"
    REPLICA_KILL = "replica killed"
    REPLICA_PAUSE = "replica stopped beyond its lease"
    REPLICAS_RESTART = "replica restarted (rolling)"
    CLOUD_SLOW = "cloud slow"
    CLOUD_FAILING = "cloud failing"


class Span(NamedTuple):
    least: float
    most: float


_LASTS = {
    Kind.REGION_KILL: Span(4.0, 14.0),
    Kind.REGION_PAUSE: Span(4.0, 14.0),
    Kind.REGION_CUT: Span(4.0, 14.0),
    Kind.REGION_DEAF: Span(4.0, 14.0),
    Kind.REGION_MUTE: Span(4.0, 14.0),
    Kind.LEADER_KILL: Span(1.0, 8.0),
    Kind.LEADER_PAUSE: Span(2.0, 8.0),
    Kind.MEMBER_KILL: Span(1.0, 10.0),
    Kind.MEMBER_PAUSE: Span(2.0, 10.0),
    Kind.QUORUM_KILL: Span(2.0, 10.0),
    Kind.QUORUM_PAUSE: Span(2.0, 10.0),
    Kind.STORE_FULL: Span(3.0, 9.0),
    Kind.REPLICA_KILL: Span(0.0, 8.0),
    Kind.REPLICA_PAUSE: Span(LEASE_SECONDS + 1.0, LEASE_SECONDS + 8.0),
    Kind.REPLICAS_RESTART: Span(0.0, 0.0),
    Kind.CLOUD_SLOW: Span(4.0, 15.0),
    Kind.CLOUD_FAILING: Span(4.0, 15.0),
}
_OF_REGIONS = (
    Kind.REGION_PAUSE,
    Kind.REGION_CUT,
    Kind.REGION_DEAF,
    Kind.REGION_MUTE,
    Kind.LEADER_KILL,
    Kind.LEADER_PAUSE,
    Kind.MEMBER_KILL,
    Kind.MEMBER_PAUSE,
    Kind.QUORUM_KILL,
    Kind.QUORUM_PAUSE,
    Kind.STORE_FULL,
)
_OF_REPLICAS = (Kind.REPLICA_KILL, Kind.REPLICA_KILL, Kind.REPLICA_PAUSE, Kind.REPLICAS_RESTART)
_OF_CLOUDS = (Kind.CLOUD_SLOW, Kind.CLOUD_FAILING)
FOR_ALL = frozenset((Kind.QUORUM_KILL, Kind.QUORUM_PAUSE, Kind.STORE_FULL))
"""While they last no region can write."""


class Fault(msgspec.Struct, frozen=True):
    """`wait_seconds` after the one before, it begins; `seconds` later it is mended.

    `targets`: regions or replicas in the order of preference; whoever leads is only known then.
    """

    kind: Kind
    targets: tuple[str, ...]
    wait_seconds: float
    seconds: float


Lane = tuple[Fault, ...]


def draw(seed: int, seconds: float, regions: Sequence[str], replicas: Sequence[str]) -> tuple[Lane, ...]:
    """Faults for so many seconds: of regions and etcd members, of replicas, of clouds.

    The lanes know nothing of each other, so a fault meets what another has left. Every second one of the
    first lane kills a region.
    """
    chance = random.Random(f"chaos {seed}")
    others = _shuffled_for_ever(chance, _OF_REGIONS)
    first = [kind for _ in range(int(seconds)) for kind in (Kind.REGION_KILL, next(others))]
    if chance.random() < 0.5:
        first = first[1:]
    second, third = (_shuffled_for_ever(chance, kinds) for kinds in (_OF_REPLICAS, _OF_CLOUDS))
    return (
        _lane(chance, seconds, iter(first), regions),
        _lane(chance, seconds, second, replicas),
        _lane(chance, seconds, third, regions),
    )


def _shuffled_for_ever(chance: random.Random, kinds: Sequence[Kind]) -> Iterator[Kind]:
    """Every kind once before any comes again."""
    while True:
        yield from chance.sample(kinds, len(kinds))


def _lane(chance: random.Random, seconds: float, kinds: Iterator[Kind], targets: Sequence[str]) -> Lane:
    faults: list[Fault] = []
    planned = 0.0
    while planned < seconds:
        kind = next(kinds)
        order = tuple(chance.sample(targets, len(targets)))
        fault = Fault(kind, order, chance.uniform(0.5, 4.0), chance.uniform(*_LASTS[kind]))
        faults.append(fault)
        planned += fault.wait_seconds + fault.seconds
    return tuple(faults)
