"""What a region saw, in the order of arrival: one record for each request, a replay its own."""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Iterator

import msgspec


class Entry(msgspec.Struct):
    """Times are unix seconds of the region's clock; None: it did not come to that (yet)."""

    region: str
    client: str
    """Who sent it, as the transport or the `user-agent` says."""
    request_id: str
    method: str
    path: str
    """Path and query."""
    token: str
    """The attempt's token found in the request's body; empty: none."""
    sent_at: float
    arrived_at: float
    handle: str = ""
    """The handle of the trust that it asks for; empty: it asks for none."""
    replay: bool = False
    user: str = ""
    """Who the credential says it is; empty: no good credential."""
    project: str = ""
    trust: str = ""
    admitted_at: float | None = None
    """The credential was good."""
    effected_at: float | None = None
    """The service did what it does."""
    effect_status: int = 0
    """What it answered, whatever the caller was told."""
    busy_until: float | None = None
    """When what it set going is over: the server built, the volume attached; None: all is done at once."""
    answered_at: float | None = None
    """The answer left."""
    status: int = 0
    """What the caller was sent; 0: nothing."""

    @property
    def effective(self) -> bool:
        """Whether a mutating request changed something."""
        return self.method not in ("GET", "HEAD") and 200 <= self.effect_status < 300


class Journal:
    """Requests in the order of their arrival; the oldest go first where `entries_max` limits it."""

    def __init__(self, entries_max: int | None = None) -> None:
        self._entries: deque[Entry] = deque(maxlen=entries_max)
        self._count = 0

    def append(self, entry: Entry) -> None:
        self._entries.append(entry)
        self._count += 1

    def since(self, number: int) -> tuple[list[Entry], int]:
        """The entries from that number on, counted from 0, and the number to go on with."""
        first = self._count - len(self._entries)
        return list(itertools.islice(self._entries, max(number - first, 0), None)), self._count

    def __iter__(self) -> Iterator[Entry]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)
