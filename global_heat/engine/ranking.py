"""Who should serve a shard: the live replicas of its region first, then those of the nearest."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from global_heat.model.names import Region, ReplicaId
from global_heat.model.records import ReplicaRecord

Distances = Mapping[Region, Mapping[Region, float]]


def ranked(
    key: str, region: Region, replicas: Iterable[ReplicaRecord], distances: Distances
) -> list[ReplicaId]:
    """The replicas for a piece of work in a region, the best first; all replicas agree on the order.

    Within a region by rendezvous hashing, so that one replica's death moves that replica's work alone.
    """

    def order(replica: ReplicaRecord) -> tuple[float, bytes]:
        away = 0.0 if replica.region == region else 1e-9 + distance(distances, replica.region, region)
        weight = hashlib.sha256(f"{replica.id}\0{key}".encode()).digest()
        return (away, weight)

    return [replica.id for replica in sorted(replicas, key=order)]


def distance(distances: Distances, here: Region, there: Region) -> float:
    """The round trip in seconds; unknown ones are equal, and longer than those that are known."""
    known = distances.get(here, {}).get(there) or distances.get(there, {}).get(here)
    return known if known is not None else 60.0
