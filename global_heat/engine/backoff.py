"""How long to wait before the next try."""

from __future__ import annotations

from global_heat.engine.ports import Settings


class Backoff:
    """Doubles from the settings' least to their most, in seconds."""

    def __init__(self, settings: Settings) -> None:
        self._next = settings.backoff_seconds
        self._most = settings.backoff_seconds_max
        self.count = 0

    def next(self, least: float | None = None) -> float:
        """The next wait; at least as long as the service asked for."""
        self.count += 1
        wait, self._next = self._next, min(2 * self._next, self._most)
        return max(wait, least or 0.0)
