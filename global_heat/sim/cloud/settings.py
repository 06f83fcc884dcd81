"""What can be set in a fake region: how long things take, how much a project may have."""

from __future__ import annotations

import msgspec

Span = tuple[float, float]
"""Least and most seconds; a value is drawn evenly between them."""


class Settings(msgspec.Struct, frozen=True):
    server_seconds: Span = (0.5, 2.0)
    """From the answer to a POST of a server to ACTIVE."""
    server_delete_seconds: Span = (0.2, 1.0)
    action_seconds: Span = (0.3, 1.0)
    """Resize, rebuild, reboot, stop, start."""
    attach_seconds: Span = (0.1, 0.5)
    volume_seconds: Span = (0.2, 1.0)
    volume_delete_seconds: Span = (0.1, 0.5)
    image_seconds: Span = (0.2, 1.0)
    quotas: dict[str, int] = {}
    """The most that any project may have of a kind (`compute.server`, `network.port`); absent: no limit."""
    page_size: int = 1000
    """The most items of one answer of Nova, Cinder and Glance."""
    revocation_lag_seconds: float = 0.0
    """How long services still take a revoked token; keystonemiddleware's cache makes that up to 300 s."""
    public_octet: int = 24
    """The second octet of the external network: 172.<octet>.0.0/16."""

    @classmethod
    def fast(cls) -> Settings:
        """Nothing takes any time."""
        at_once = (0.0, 0.0)
        return cls(at_once, at_once, at_once, at_once, at_once, at_once, at_once)
