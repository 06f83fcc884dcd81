"""What the engine is handed: the world outside it, so that a simulator can be one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from global_heat.model.names import Region, ReplicaId
from global_heat.regions.cloud import Cloud
from global_heat.regions.keystone import SeenTrust
from global_heat.resources.type import ResourceType
from global_heat.store.documents import Documents
from global_heat.store.keys import Shard
from global_heat.store.protocol import Store
from global_heat.store.sealing import Seal


class Bounds(msgspec.Struct, frozen=True):
    """What is assumed of a region's cloud; see the fence in `engine.sweeper`. Seconds."""

    exec_seconds: float = 900.0
    """From a request's admission to its effect, at most."""
    lag_seconds: float = 5.0
    """From an effect until every list shows it, at most."""
    skew_seconds: float = 5.0
    """Between two clocks, at most."""


class Opened(msgspec.Struct, frozen=True):
    """A cloud and when the credential that its calls carry expires (unix seconds)."""

    cloud: Cloud
    expires_at: float


class CloudAccess(Protocol):
    """Opens a region's cloud for a stack, under the stack's own trust."""

    async def open(self, shard: Shard) -> Opened:
        """Raises `Transient` when region or Keystone cannot be asked, `Invalid` without a credential."""
        ...

    def bounds(self, region: Region) -> Bounds: ...


class TrustAccess(Protocol):
    """The trusts in the clouds' Keystones, by the service's own credential."""

    async def look(self, cloud: str) -> Sequence[SeenTrust]:
        """All that the service is trusted with. Raises `Transient`; `Invalid` when a cloud has no region."""
        ...

    async def remove(self, cloud: str, id: str) -> None:
        """Delete one; sending it again does no harm. Raises any `Error`."""
        ...

    def settling_seconds(self, cloud: str) -> float:
        """After a credential's end: until what was asked for with it shows in every list."""
        ...


class Health(Protocol):
    """What is known of the regions: fed by every call's outcome."""

    def trouble(self, region: Region) -> str | None:
        """Why the region is down, in words; None when it is not."""
        ...

    def suspect(self, region: Region) -> None:
        """Have it found out whether the region is down: somebody waits there, and nobody asks."""
        ...

    async def until_up(self, region: Region) -> None:
        """Return once the region is not down any more."""
        ...


class Settings(msgspec.Struct, frozen=True):
    """How the engine works. Seconds, unless the name says otherwise."""

    lease_seconds: float = 15.0
    claim_stagger_seconds: float = 0.3
    """A replica of rank r waits r times this before it claims."""
    claims_max: int = 256
    attempts_max: int = 5
    backoff_seconds: float = 0.5
    backoff_seconds_max: float = 30.0
    poll_seconds: float = 1.0
    sweep_seconds: float = 10.0
    scan_seconds: float = 60.0
    """How often all work is looked through: the net under the watch."""
    handover_seconds: float = 30.0
    """How long a better replica must have lived before a shard is handed to it."""
    busy_seconds_max: float = 600.0
    """How long a delete may be refused as "in use" before the step fails."""
    stopping_seconds: float = 240.0
    """How long what lives in the records alone is waited for after its stack was stopped."""
    sink_seconds: float = 300.0
    """How long an event is tried to be posted to an event sink, from when it happened."""
    trust_seconds: float = 120.0
    """How long a wish may take from asking for a trust until it is written."""
    deletions_per_hour: int = 1000
    """What the sweeper may delete of one project in an hour; the rest waits for the next."""
    sweep_dry_run: bool = False
    """Let the sweeper say what it would delete, and delete nothing."""
    inventory_seconds: float = 3600.0
    """How often all that carries our mark is compared with the ledger."""
    orphan_seconds: float = 3600.0
    """How old a thing must be to be taken for an orphan."""
    retention_seconds: float = 86400.0
    """How long a deleted stack's records are kept."""


class World(msgspec.Struct, frozen=True):
    """Everything outside the engine."""

    store: Store
    documents: Documents
    seal: Seal
    clouds: CloudAccess
    trusts: TrustAccess
    health: Health
    types: Mapping[str, ResourceType]
    clock: Callable[[], float]
    """Wall clock, unix seconds: for records and for what a credential's expiry is compared with."""
    random_bytes: Callable[[int], bytes]
    settings: Settings
    replica: ReplicaId
    region: Region
    """The replica's home."""
    address: str = ""
    on_published: Callable[[Region, str, int], None] = lambda region, outcome, count: None
    """Told what came of so many events that were for the event sinks in a region."""
    distances: Mapping[Region, Mapping[Region, float]] = {}
    """Round trips between regions, for choosing the nearest replica; unknown ones are equal."""
