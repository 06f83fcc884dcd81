"""What exists in a region, and what existed: the truth that an auditor compares records with."""

from __future__ import annotations

import enum
import functools
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import msgspec

from global_heat.model.token import token_in
from global_heat.model.values import Body


class Origin(enum.StrEnum):
    """Who made a thing."""

    SEED = "seed"
    """It was there from the start, or every project gets one."""
    USER = "user"
    """A request for it."""
    SERVICE = "service"
    """A service, on the way to something else: the port that Nova makes for a server."""


@dataclass(slots=True, eq=False)
class Thing:
    """One object of a cloud. `body` is what the API shows, at the newest microversion."""

    kind: str
    """`service.singular`: network.port, compute.server."""
    id: str
    project_id: str
    user_id: str
    body: Body
    created_at: float
    origin: Origin = Origin.USER
    deleted_at: float | None = None
    hidden: dict[str, Any] = field(default_factory=dict)
    """What the service knows beside what it shows."""
    key: str = ""
    """What it is found by among its kind: the id, where that alone is unique."""

    def __post_init__(self) -> None:
        self.key = self.key or self.id

    @property
    def name(self) -> str:
        return str(self.body.get("name") or "")


class Made(msgspec.Struct, frozen=True):
    """One thing as an auditor sees it. Times are unix seconds."""

    kind: str
    """`service.singular`: network.port, compute.server, volume.volume, image.image, identity.trust."""
    id: str
    name: str
    region: str
    """Empty for what is Keystone's."""
    project: str
    token: str | None
    """The attempt's token that it carries, without `gh1-`."""
    created_at: float
    deleted_at: float | None
    origin: str
    """`user` or `service`."""
    description: str = ""
    metadata: dict[str, Any] = {}
    tags: tuple[str, ...] = ()
    status: str = ""
    joined: tuple[str, ...] = ()
    """Ids of what it is joined with: a port's device and subnets, a volume's servers, a floating IP's
    port."""


class Things:
    """All things of a region by kind. What was deleted is kept for the truth."""

    def __init__(self) -> None:
        self._live: dict[str, dict[str, Thing]] = {}
        self._counts: Counter[tuple[str, str]] = Counter()
        self._all: list[Thing] = []
        self._deleted: dict[str, list[Thing]] = {}

    def of(self, kind: str) -> dict[str, Thing]:
        """The live things of a kind by key, in the order of their making. Not to be changed."""
        return self._live.setdefault(kind, {})

    def find(self, kind: str, key: str) -> Thing | None:
        return self._live.get(kind, {}).get(key)

    def add(self, thing: Thing) -> Thing:
        shelf = self.of(thing.kind)
        assert thing.key not in shelf, f"{thing.kind} {thing.key} is there already"
        shelf[thing.key] = thing
        self._counts[thing.kind, thing.project_id] += 1
        self._all.append(thing)
        return thing

    def remove(self, thing: Thing, at: float) -> None:
        del self._live[thing.kind][thing.key]
        self._counts[thing.kind, thing.project_id] -= 1
        thing.deleted_at = at
        self._deleted.setdefault(thing.kind, []).append(thing)

    def deleted_since(self, kind: str, at: float) -> list[Thing]:
        """What was deleted then or later, the oldest deletion first."""
        deleted = self._deleted.get(kind, [])
        late = itertools.takewhile(lambda thing: (thing.deleted_at or 0.0) >= at, reversed(deleted))
        return list(late)[::-1]

    def count(self, kind: str, project_id: str) -> int:
        return self._counts[kind, project_id]

    def history(self, region: str) -> Iterator[Made]:
        """Everything that was not there from the start, in the order of its making."""
        for thing in self._all:
            if thing.origin is not Origin.SEED:
                body = thing.body
                yield Made(
                    kind=thing.kind,
                    id=thing.id,
                    name=thing.name,
                    region=region,
                    project=thing.project_id,
                    token=token_of(body),
                    created_at=thing.created_at,
                    deleted_at=thing.deleted_at,
                    origin=thing.origin.value,
                    description=str(body.get("description") or ""),
                    metadata=dict(body.get("metadata") or {}),
                    tags=tuple(body.get("tags") or ()),
                    status=str(body.get("status") or ""),
                    joined=joined(body),
                )


def joined(body: Body) -> tuple[str, ...]:
    """What a thing is joined with, as it shows itself."""
    subnets = (address["subnet_id"] for address in body.get("fixed_ips") or ())
    servers = (attachment["server_id"] for attachment in body.get("attachments") or ())
    single = (body.get(name) for name in ("device_id", "port_id", "security_group_id"))
    return tuple(id for id in (*single, *subnets, *servers) if id)


def token_of(body: Body) -> str | None:
    """Find an attempt's token wherever a thing can carry one."""
    found = token_in(body.get("description")) or token_in(body.get("name"))
    if found:
        return found
    for value in (body.get("metadata") or {}).values():
        if isinstance(value, str) and (found := token_in(value)):
            return found
    if body.get("image_type") == "snapshot" and (found := token_in(body.get("gh_token"))):
        return found
    for tag in body.get("tags") or ():
        if found := token_in(tag):
            return found
    return None


@functools.lru_cache(maxsize=4096)
def _utc(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def zulu(at: float) -> str:
    """As Nova, Neutron and Glance write a time: 2026-01-31T12:00:00Z."""
    return _utc(int(at)) + "Z"


def micros(at: float) -> str:
    """As Cinder writes a time: 2026-01-31T12:00:00.250000, without a zone."""
    return f"{_utc(int(at))}.{int(at % 1 * 1_000_000):06d}"
