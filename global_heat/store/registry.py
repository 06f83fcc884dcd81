"""The operator's registry of regions, and what goes on in each of them."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec

from global_heat.model.errors import Ambiguous, Fault, Invalid, Reason, Transient
from global_heat.model.names import Region, ReplicaId
from global_heat.model.records import Claim, RegionRecord
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Committed, Store, absent, unchanged
from global_heat.store.reading import live_replicas

REGION_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,254}")
INTERFACES = ("public", "internal", "admin")
BOUNDS = ("exec_seconds", "lag_seconds", "skew_seconds")
"""What is assumed of a region's cloud."""
_TRIES = 8


class Load(msgspec.Struct, frozen=True):
    """What goes on in a region: live replicas at home there, shards claimed, shards with something to do."""

    replicas: int = 0
    claims: int = 0
    queued: int = 0


async def list_regions(store: Store) -> list[RegionRecord]:
    """All registered regions, by name."""
    found = await store.scan(keys.REGIONS, local=True)
    return [decode(RegionRecord, entry.value) for entry in found.entries]


async def read_region(store: Store, name: Region) -> RegionRecord:
    entry = await store.get(keys.region(name))
    if entry is None:
        raise no_region(name)
    return decode(RegionRecord, entry.value)


async def add_region(store: Store, name: Region, said: Mapping[str, Any]) -> RegionRecord:
    """Register a region, or change what is `said` of a registered one: fields of its record by name.

    Raises `Invalid` with all faults; PRECONDITION for a change that must wait until nothing is there.
    """
    key = keys.region(name)
    for _ in range(_TRIES):
        entry = await store.get(key)
        old = decode(RegionRecord, entry.value) if entry is not None else None
        record = msgspec.structs.replace(old or RegionRecord(name=name, auth_url=""), **said)
        check_region(record)
        if record == old:
            return record
        faults = _binding(old, record) if old is not None else []
        if faults and (use := await _use_of(store, name)) is not None:
            message = f"region {name} cannot be changed so: {use}"
            raise Invalid(message, *faults, reason=Reason.PRECONDITION)
        guard = absent(key) if entry is None else unchanged(entry)
        try:
            outcome = await store.commit(guard, put={key: encode(record, entry.value if entry else None)})
        except Ambiguous:
            continue
        if isinstance(outcome, Committed):
            return record
    raise Transient(f"the record of region {name} keeps changing: try again")


async def remove_region(store: Store, name: Region) -> bool:
    """Take a region off the registry; whether it was there. Raises `Invalid` (PRECONDITION) while in use."""
    key = keys.region(name)
    removed = False
    for _ in range(_TRIES):
        entry = await store.get(key)
        if entry is None:
            return removed
        if (use := await _use_of(store, name)) is not None:
            raise Invalid(f"region {name} cannot be removed: {use}", reason=Reason.PRECONDITION)
        try:
            outcome = await store.commit(unchanged(entry), delete=[key])
        except Ambiguous:
            removed = True
            continue
        if isinstance(outcome, Committed):
            return True
    raise Transient(f"the record of region {name} keeps changing: try again")


async def read_loads(store: Store) -> dict[Region, Load]:
    """What goes on, by region."""
    replicas = Counter(replica.region for replica in await live_replicas(store))
    claims = Counter(await _shards_by_region(store, keys.CLAIMS))
    queued = Counter(await _shards_by_region(store, keys.WORK))
    names = replicas.keys() | claims.keys() | queued.keys()
    return {name: Load(replicas[name], claims[name], queued[name]) for name in names}


async def count_claims(store: Store) -> Mapping[ReplicaId, int]:
    """The shards that each replica has claimed."""
    found = await store.scan(keys.CLAIMS, local=True)
    return Counter(decode(Claim, entry.value).replica for entry in found.entries)


def check_region(record: RegionRecord) -> None:
    faults = []
    if not REGION_NAME.fullmatch(record.name):
        faults.append(Fault("region.name", "a letter or digit, then letters, digits, '_', '.', '-'"))
    if not re.fullmatch(r"https?://[^\s/?#@]+[^\s?#@]*", record.auth_url):
        faults.append(Fault("region.auth_url", "the URL of a Keystone: https://keystone.example.org/v3"))
    if record.interface not in INTERFACES:
        faults.append(Fault("region.interface", f"one of {', '.join(INTERFACES)}"))
    if not REGION_NAME.fullmatch(record.cloud):
        faults.append(Fault("region.cloud", "a letter or digit, then letters, digits, '_', '.', '-'"))
    for name in BOUNDS:
        if not 0 <= getattr(record, name) < 1e6:
            faults.append(Fault(f"region.{name}", "a number of seconds, not negative"))
    if faults:
        raise Invalid("this is no region", *faults)


def _binding(old: RegionRecord, new: RegionRecord) -> list[Fault]:
    """What of a change would take a region's things from under those who made them.

    Ids, trusts and attempts belong to a cloud; what is open was begun under the bounds as they were, and
    the sweeper concludes from them that nothing more comes.
    """
    places = {
        "auth_url": (old.auth_url, new.auth_url),
        "catalog_region": (old.catalog_region or old.name, new.catalog_region or new.name),
        "cloud": (old.cloud, new.cloud),
    }
    faults = [
        Fault(f"region.{name}", f"is {before!r}; it may become another while nothing is there", "IN_USE")
        for name, (before, after) in places.items()
        if before != after
    ]
    for name in BOUNDS:
        before, after = getattr(old, name), getattr(new, name)
        if after < before:
            message = f"is {before:g}; it may become smaller than that while nothing is there"
            faults.append(Fault(f"region.{name}", message, "IN_USE"))
    return faults


def no_region(name: str) -> Invalid:
    return Invalid(f"there is no region {name!r}", reason=Reason.NOT_FOUND)


async def _shards_by_region(store: Store, prefix: str) -> list[Region]:
    found = await store.scan(prefix, local=True, keys_only=True)
    return [keys.shard_of(entry.key).region for entry in found.entries]


async def _use_of(store: Store, name: Region) -> str | None:
    """What still needs the region, in words."""
    uses = {
        f"{keys.WORK}{name}/": "a stack has work there",
        keys.sweeps(name): "attempts to create something there are not closed yet",
    }
    for prefix, use in uses.items():
        if (await store.scan(prefix, keys_only=True)).entries:
            return use
    stacks = await store.scan(keys.STACKS, keys_only=True)
    standing = sum(1 for entry in stacks.entries if _is_resource_in(entry.key, name))
    return f"{standing} resources of stacks stand there" if standing else None


def _is_resource_in(key: str, name: Region) -> bool:
    parts = key.split("/")
    return len(parts) >= 7 and parts[3] == "resources" and parts[-2] == name
