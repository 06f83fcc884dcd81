"""Deletions of what has no id of its own, announced before they are sent.

Such a deletion names a place, not a thing: one that lands late takes away what was put there since. So who
puts something there records his intent first and then looks for announced deletions; who deletes announces
it first and then looks for intents. One of the two sees the other. An announcement is withdrawn once the
service has answered; else it holds until no request under that credential can take effect any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from global_heat.engine.ports import Bounds
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.records import DeletionRecord
from global_heat.regions.cloud import ServiceRefusal
from global_heat.store.codec import decode, encode
from global_heat.store.protocol import Committed, Store, at_mod


class Announced:
    """The deletions of one place by one sender. `key` is that sender's own."""

    def __init__(self, store: Store, key: str) -> None:
        self._store = store
        self._key = key
        self._mod = 0
        self._expires_at = 0.0
        self._lost = False
        """One was not answered: it may land at any time."""

    async def announce(self, expires_at: float) -> None:
        """Say that one will be sent under a credential that expires then. Raises `Transient`, `Ambiguous`."""
        while expires_at > self._expires_at:
            put = {self._key: encode(DeletionRecord(expires_at=expires_at))}
            outcome = await self._store.commit(at_mod(self._key, self._mod), put=put)
            if isinstance(outcome, Committed):
                self._mod, self._expires_at = outcome.revision, expires_at
            else:
                entry = outcome.entries[self._key]
                self._mod = entry.mod_revision if entry else 0

    async def send(self, delete: Callable[[], Awaitable[None]]) -> None:
        """Send what was announced; withdraw the announcement if the service answers."""
        try:
            await delete()
        except (ServiceRefusal, Transient):
            await self.withdraw()
            raise
        except BaseException:
            self._lost = True
            raise
        await self.withdraw()

    async def withdraw(self) -> None:
        """Nothing that was announced is on its way. If this fails, those who look wait in vain."""
        if self._lost:
            return
        try:
            await self._store.commit(at_mod(self._key, self._mod), delete=(self._key,))
        except (Transient, Ambiguous):
            return
        self._mod, self._expires_at = 0, 0.0


async def free_at(store: Store, prefix: str, bounds: Bounds) -> float:
    """When no announced deletion of a place can land any more: unix seconds; 0: none is announced."""
    found = await store.scan(prefix)
    latest = max((decode(DeletionRecord, entry.value).expires_at for entry in found.entries), default=0.0)
    return latest and latest + bounds.skew_seconds + bounds.exec_seconds
