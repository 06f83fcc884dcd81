"""Sessions kept: one per cloud and credential, renewed before it expires."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from global_heat.model.errors import Transient
from global_heat.model.names import Region
from global_heat.regions.credentials import Credential
from global_heat.regions.identity import Identity, Session
from global_heat.regions.registry import RegionSpec, Registry

KEPT_MAX = 4096
Key = tuple[str, Credential]
"""A cloud's name and a credential there."""


class Sessions:
    """Gives sessions. The regions of one cloud share them, and any of their Keystones can give one: the home
    region's is asked first, the nearest and the one whose catalogue is right for us; then the region's own.
    """

    def __init__(
        self, identity: Identity, registry: Registry, clock: Callable[[], float], home: Region | None = None
    ) -> None:
        """`clock` is the wall clock, in unix seconds."""
        self._identity = identity
        self._registry = registry
        self._clock = clock
        self._home = home
        self._kept: dict[Key, Session] = {}
        self._asking: dict[Key, asyncio.Lock] = {}

    async def get(self, spec: RegionSpec, credential: Credential) -> Session:
        """The session kept, if it has long to live, else a new one. Errors as `Identity.authorize`.

        While Keystone cannot be asked, a session is used to its end.
        """
        key = (spec.cloud, credential)
        kept = self._kept.get(key)
        if kept is not None and self._clock() < kept.renew_at:
            return kept
        async with self._lock(key):
            kept = self._kept.get(key)
            if kept is not None and self._clock() < kept.renew_at:
                return kept
            try:
                return self._keep(key, await self._authorize(spec, credential))
            except Transient:
                if kept is not None and self._clock() < kept.expires_at - spec.skew_seconds:
                    return kept
                raise

    async def replace(self, spec: RegionSpec, credential: Credential, refused: Session) -> Session:
        """A session other than the one that a service refused. Errors as `Identity.authorize`."""
        key = (spec.cloud, credential)
        async with self._lock(key):
            kept = self._kept.get(key)
            if kept is not None and kept is not refused:
                return kept
            session = await self._authorize(spec, credential)
            session.second = True
            return self._keep(key, session)

    def forget(self, credential: Credential) -> None:
        """Drop what was obtained with it, in all clouds."""
        for key in [key for key in self._kept if key[1] == credential]:
            del self._kept[key]

    async def _authorize(self, spec: RegionSpec, credential: Credential) -> Session:
        home = self._registry.find(self._home) if self._home is not None else None
        if home is not None and home.cloud == spec.cloud and home.auth_url != spec.auth_url:
            try:
                return await self._identity.authorize(home, credential)
            except Transient:
                pass
        return await self._identity.authorize(spec, credential)

    def _lock(self, key: Key) -> asyncio.Lock:
        """One question at a time for one key: who waits gets the answer to the question before his."""
        lock = self._asking.get(key)
        if lock is None:
            if len(self._asking) > KEPT_MAX:
                self._asking = {other: lock for other, lock in self._asking.items() if lock.locked()}
            lock = self._asking[key] = asyncio.Lock()
        return lock

    def _keep(self, key: Key, session: Session) -> Session:
        self._kept.pop(key, None)
        if len(self._kept) >= KEPT_MAX:
            now = self._clock()
            self._kept = {other: kept for other, kept in self._kept.items() if now < kept.expires_at}
            while len(self._kept) >= KEPT_MAX:
                self._kept.pop(next(iter(self._kept)))
        self._kept[key] = session
        return session
