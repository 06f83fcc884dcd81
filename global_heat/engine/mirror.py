"""A part of the store, followed: what stands below a prefix, kept in memory by a watch."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from global_heat.engine.backoff import Backoff
from global_heat.engine.ports import Settings
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Revision
from global_heat.store.protocol import Change, Compacted, Entry, Store


class Mirror:
    """Behind the store by what the watch needs: good for finding work, never for deciding a write."""

    def __init__(self, store: Store, prefix: str, on_change: Callable[[str], None]) -> None:
        self._store = store
        self._prefix = prefix
        self._on_change = on_change
        self.entries: dict[str, Entry] = {}
        self.loaded = asyncio.Event()
        self._scans = 0
        self._meanwhile: list[Change] = []
        """What the watch brought while a scan was under way: the scan may be older."""

    async def follow(self, settings: Settings) -> None:
        """Follow for ever: a scan, then all changes since; again from a scan when the watch is lost."""
        backoff = Backoff(settings)
        while True:
            try:
                revision = await self.refresh()
                backoff = Backoff(settings)
                async for change in self._store.watch(self._prefix, after=revision):
                    if isinstance(change, Change):
                        self._take(change)
            except Compacted:
                continue
            except (Transient, Ambiguous):
                await asyncio.sleep(backoff.next())

    async def refresh(self) -> int:
        """Read all of it; the revision that it stands at now."""
        self._scans += 1
        try:
            found = await self._store.scan(self._prefix)
        finally:
            self._scans -= 1
            meanwhile = list(self._meanwhile)
            if not self._scans:
                self._meanwhile.clear()
        fresh = {entry.key: entry for entry in found.entries}
        for change in meanwhile:
            if change.revision > found.revision:
                _apply(change, fresh)
        before, self.entries = self.entries, fresh
        self.loaded.set()
        for key in sorted({*before, *fresh}):
            if before.get(key) != fresh.get(key):
                self._on_change(key)
        return found.revision

    def _take(self, change: Change) -> None:
        before = self.entries.get(change.key)
        if before is not None and before.mod_revision >= change.revision:
            return
        if self._scans:
            self._meanwhile.append(change)
        _apply(change, self.entries)
        self._on_change(change.key)


def _apply(change: Change, entries: dict[str, Entry]) -> None:
    if change.value is None:
        entries.pop(change.key, None)
        return
    created = change.create_revision or change.revision
    entries[change.key] = Entry(change.key, change.value, Revision(created), Revision(change.revision))
