"""What the engine asks of a store: seven words, one of them writes, and that one is always guarded.

Two things speak it: `store.etcd` (the real one) and `sim.etcd` (the simulated one).
Keys are text, relative to the deployment's prefix; values are bytes.
"""

from __future__ import annotations

import enum
from collections.abc import AsyncIterator, Collection, Mapping
from typing import Protocol

import msgspec

from global_heat.model.names import Revision


class Entry(msgspec.Struct, frozen=True):
    """A key as it stands at some revision."""

    key: str
    value: bytes
    create_revision: Revision
    mod_revision: Revision


class Compare(enum.StrEnum):
    CREATE = "create"
    MOD = "mod"
    VALUE = "value"


class Guard(msgspec.Struct, frozen=True):
    """A condition on one key: its create or mod revision is `revision` (0: the key is absent), or its value
    is `value` (an absent key has none)."""

    key: str
    compare: Compare
    revision: int = 0
    value: bytes = b""

    def holds(self, entry: Entry | None) -> bool:
        """Whether it is met by its key as it stands (None: absent)."""
        match self.compare:
            case Compare.CREATE:
                return self.revision == (entry.create_revision if entry else 0)
            case Compare.MOD:
                return self.revision == (entry.mod_revision if entry else 0)
            case Compare.VALUE:
                return entry is not None and entry.value == self.value


def absent(key: str) -> Guard:
    return Guard(key, Compare.CREATE, 0)


def unchanged(entry: Entry) -> Guard:
    return Guard(entry.key, Compare.MOD, entry.mod_revision)


def at_mod(key: str, revision: int) -> Guard:
    """The key was last written at `revision` (0: it is absent)."""
    return Guard(key, Compare.MOD, revision)


def created_at(key: str, revision: int) -> Guard:
    return Guard(key, Compare.CREATE, revision)


def with_value(key: str, value: bytes) -> Guard:
    """For a key whose revision is not known, since what writes it is still on its way."""
    return Guard(key, Compare.VALUE, value=value)


class Committed(msgspec.Struct, frozen=True):
    revision: Revision


class Refused(msgspec.Struct, frozen=True):
    """Nothing was written. `entries` shows every guarded key as it stands (None: absent)."""

    revision: Revision
    entries: dict[str, Entry | None]

    def holds(self, guard: Guard) -> bool:
        """Tell whether this guard was met, that is, whether another one refused the commit."""
        return guard.holds(self.entries.get(guard.key))


class Snapshot(msgspec.Struct, frozen=True):
    """All entries below a prefix at one revision, in the order of their keys."""

    revision: Revision
    entries: list[Entry]


class Change(msgspec.Struct, frozen=True):
    """A key was put (`value` is bytes) or deleted (`value` is None) at `revision`."""

    key: str
    value: bytes | None
    revision: Revision
    create_revision: Revision = Revision(0)


class Progress(msgspec.Struct, frozen=True):
    """No change up to `revision` has been left out."""

    revision: Revision


class Lease(msgspec.Struct, frozen=True):
    """A lease as granted. `ttl_seconds` is what the server granted, which may be more than was asked."""

    id: int
    ttl_seconds: float


class Compacted(Exception):
    """The wished revision is gone from the store's history: start again from a scan."""

    def __init__(self, revision: int) -> None:
        super().__init__(f"compacted at revision {revision}")
        self.revision = revision


MAX_GUARDS = 126
MAX_WRITES = 126
MAX_COMMIT_BYTES = 1 << 20


class Store(Protocol):
    """The store. Every method may raise `Transient` (it certainly did not happen)."""

    async def get(self, key: str, *, local: bool = False) -> Entry | None:
        """Read a key. `local` reads the nearest member as it stands: cheap, possibly stale."""
        ...

    async def scan(
        self, prefix: str, *, start: str = "", at_least: int = 0, local: bool = False, keys_only: bool = False
    ) -> Snapshot:
        """Read all below a prefix (from key `start` on) at one revision, not older than `at_least`."""
        ...

    async def commit(
        self,
        *guards: Guard,
        put: Mapping[str, bytes] = {},
        delete: Collection[str] = (),
        lease: Lease | None = None,
    ) -> Committed | Refused:
        """Apply all if all guards hold, else nothing. The puts belong to `lease`, if one is given.

        Raises `Ambiguous` when the outcome is not known. It is never sent again from here.
        """
        ...

    async def grant(self, ttl_seconds: float) -> Lease: ...

    async def keep_alive(self, lease: Lease) -> None:
        """Renew once. Raises `Fenced` when the lease is gone, `Transient` when nobody answered in time."""
        ...

    async def revoke(self, lease: Lease) -> None: ...

    def watch(self, prefix: str, *, after: int) -> AsyncIterator[Change | Progress]:
        """Follow all changes later than revision `after`, in order, none left out, for ever.

        Changes of one commit come one after the other. Resumes by itself on another member.
        Raises `Compacted` when the place is gone.
        """
        ...
