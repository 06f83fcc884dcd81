"""What a lab consists of and where each part of it listens: one value, kept as one file."""

from __future__ import annotations

import hashlib
import itertools
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from global_heat.cli.lab.network import HOST, Gate
from global_heat.model.errors import Fault, Invalid, Reason

REGION_NAMES = ("north", "south", "west", "east", "center", "coast", "hills", "lakes", "islands")
REPLICAS_MAX = 27
RTT_MILLISECONDS = 30.0
_FILE = "lab.json"
_FIRST_PORT, _LAST_PORT = 20_000, 32_000
"""Below those that the system gives to outgoing connections: nobody takes a port while its owner is dead."""


class LabRegion(msgspec.Struct, frozen=True):
    """Ports. Those called `gate` are what the rest of the world uses."""

    name: str
    etcd: int
    etcd_gate: int
    peer: int
    peer_gate: int
    cloud: int
    cloud_gate: int

    @property
    def member(self) -> str:
        """The name of its etcd member."""
        return f"{self.name}-etcd"

    @property
    def auth_url(self) -> str:
        return f"http://{HOST}:{self.cloud_gate}/identity/v3"


class LabReplica(msgspec.Struct, frozen=True):
    name: str
    region: str
    listen: int
    gate: int
    engine: int
    """Where its engine tells how it does; `front_door` likewise."""
    front_door: int

    @property
    def endpoint(self) -> str:
        return f"{HOST}:{self.gate}"


class Lab(msgspec.Struct, frozen=True):
    """A lab as it was laid out. `rtts` in milliseconds, by two regions' names with a `-` between them."""

    regions: tuple[LabRegion, ...]
    replicas: tuple[LabReplica, ...]
    rtts: dict[str, float]
    network_port: int
    clouds_port: int
    etcd: str
    """The server program."""
    etcd_quota_bytes: int = 2 << 30
    """At that size etcd takes no more writes."""
    token_seconds: float = 60.0
    """How long a token of its Keystone lives."""

    def region(self, name: str) -> LabRegion:
        """Raises `Invalid` (NOT_FOUND)."""
        for region in self.regions:
            if region.name == name:
                return region
        names = ", ".join(region.name for region in self.regions)
        raise Invalid(f"the lab has no region {name!r}; it has {names}", reason=Reason.NOT_FOUND)

    def replicas_of(self, region: str) -> list[LabReplica]:
        return [replica for replica in self.replicas if replica.region == region]

    def rtt_seconds(self, one: str, other: str) -> float:
        if one == other:
            return 0.0
        found = self.rtts.get(f"{one}-{other}", self.rtts.get(f"{other}-{one}", 0.0))
        return found / 1000

    def nearest(self, home: str) -> list[LabRegion]:
        """All regions, the nearest to one of them first."""
        return sorted(self.regions, key=lambda region: self.rtt_seconds(home, region.name))

    @property
    def gates(self) -> Iterator[Gate]:
        for region in self.regions:
            yield Gate(region.name, region.etcd_gate, region.etcd)
            yield Gate(region.name, region.peer_gate, region.peer)
            yield Gate(region.name, region.cloud_gate, region.cloud)
        for replica in self.replicas:
            yield Gate(replica.region, replica.gate, replica.listen)


def lay_out(directory: Path, regions: int, replicas: int, rtts: Sequence[float], etcd: str) -> Lab:
    """`rtts` in milliseconds: one for all pairs of regions, or one for each pair in the order 1-2, 1-3, 2-3.

    Raises `Invalid` with all faults.
    """
    pairs = list(itertools.combinations(REGION_NAMES[: max(regions, 0)], 2))
    faults = []
    if not 1 <= regions <= len(REGION_NAMES):
        faults.append(Fault("--regions", f"from 1 to {len(REGION_NAMES)}"))
    if not 1 <= replicas <= REPLICAS_MAX:
        faults.append(Fault("--replicas", f"from 1 to {REPLICAS_MAX}"))
    if len(rtts) not in (0, 1, len(pairs)) or any(rtt < 0 for rtt in rtts):
        faults.append(Fault("--rtt", f"one figure, or {len(pairs)}: one for each pair of regions"))
    if faults:
        raise Invalid("there can be no such lab", *faults)
    spread = list(rtts) * len(pairs) if len(rtts) == 1 else list(rtts) or [RTT_MILLISECONDS] * len(pairs)
    ports = iter(_free_ports(directory, 2 + 6 * regions + 4 * replicas))
    names = REGION_NAMES[:regions]
    counts: dict[str, int] = dict.fromkeys(names, 0)
    placed = []
    for _, region in zip(range(replicas), itertools.cycle(names), strict=False):
        counts[region] += 1
        placed.append(LabReplica(f"{region}-{counts[region]}", region, *itertools.islice(ports, 4)))
    return Lab(
        regions=tuple(LabRegion(name, *itertools.islice(ports, 6)) for name in names),
        replicas=tuple(placed),
        rtts={f"{one}-{other}": rtt for (one, other), rtt in zip(pairs, spread, strict=False)},
        network_port=next(ports),
        clouds_port=next(ports),
        etcd=etcd,
    )


def save(lab: Lab, directory: Path) -> None:
    (directory / _FILE).write_bytes(msgspec.json.format(msgspec.json.encode(lab), indent=2) + b"\n")


def load(directory: Path) -> Lab:
    """Raises `Invalid` (NOT_FOUND) when there is none."""
    try:
        return msgspec.json.decode((directory / _FILE).read_bytes(), type=Lab)
    except FileNotFoundError:
        raise Invalid(
            f"there is no lab in {directory}: global-heat lab up", reason=Reason.NOT_FOUND
        ) from None


def exists(directory: Path) -> bool:
    return (directory / _FILE).exists()


def _free_ports(directory: Path, count: int) -> list[int]:
    """Ports in a row that nobody listens on; for one directory the same again, if they are free."""
    span = _LAST_PORT - _FIRST_PORT - count
    start = int.from_bytes(hashlib.sha256(str(directory.resolve()).encode()).digest()[:4], "big") % span
    for offset in range(0, span, count):
        first = _FIRST_PORT + (start + offset) % span
        ports = list(range(first, first + count))
        if all(map(_is_free, ports)):
            return ports
    raise Invalid(f"no {count} free ports from {_FIRST_PORT} to {_LAST_PORT}", reason=Reason.PRECONDITION)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True
