"""The seam to a region's cloud: one method that sends one HTTP request, once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import msgspec


class Request(msgspec.Struct, frozen=True):
    """One HTTP request. `region` is whose cloud it goes to (for limits, health, and the journal)."""

    method: str
    url: str
    region: str
    headers: Mapping[str, str] = {}
    body: bytes = b""
    timeout_seconds: float = 60.0


class Response(msgspec.Struct, frozen=True):
    status: int
    headers: Mapping[str, str]
    """Lower-case names."""
    body: bytes


class Transport(Protocol):
    async def send(self, request: Request) -> Response:
        """Send it once, never again, follow no redirect.

        Raises `Transient` when it certainly did not reach the service (refused, not resolved),
        `Ambiguous` when it may have (time-out, reset, cut). Any answer, also 5xx, is a `Response`.
        """
        ...
