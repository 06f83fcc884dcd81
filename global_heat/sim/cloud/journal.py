"""What a region saw, in the order of arrival: one record for each request, a replay its own."""

from __future__ import annotations

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
    answered_at: float | None = None
    """The answer left."""
    status: int = 0
    """What the caller was sent; 0: nothing."""

    @property
    def effective(self) -> bool:
        """Whether a mutating request changed something."""
        return self.method not in ("GET", "HEAD") and 200 <= self.effect_status < 300
