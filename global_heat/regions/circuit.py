"""Whether one service of one region answers: a pure value that calls and probes move on."""

from __future__ import annotations

import msgspec


class HealthPolicy(msgspec.Struct, frozen=True):
    """When a service counts as not answering. Seconds, unless the name says otherwise."""

    failures_max: int = 3
    """So many failures in a row, none longer than `window_seconds` after the one before, open the circuit."""
    window_seconds: float = 60.0
    overdue_seconds: float = 5.0
    """A call not answered by then has its service probed."""
    probe_timeout_seconds: float = 5.0
    probe_seconds: float = 1.0
    """Between the first two rounds of probes; doubles up to the next."""
    probe_seconds_max: float = 10.0
    slow_seconds: float = 5.0
    """A region whose answers take that long on (a moving) average is slow."""

    def delay_seconds(self, failures: int) -> float:
        """How long to leave a service alone that failed so often: 0 is for the first time."""
        return min(self.probe_seconds * 2.0 ** min(failures, 30), self.probe_seconds_max)


class Circuit(msgspec.Struct, frozen=True):
    """Closed: calls go through. Open: they are refused here, until a probe is answered.

    A probe's answer closes it on trial: the next failure opens it again, the next true answer ends the trial.
    It stays open for a while at least, longer every time: what answers probes may still be of no use.
    """

    open: bool = False
    failures: int = 0
    failed_at: float = 0.0
    trips: int = 0
    """How often it opened since the last true answer."""
    why: str = ""

    @property
    def on_trial(self) -> bool:
        return self.trips > 0 and not self.open

    def answered(self) -> Circuit:
        """A call was answered. One sent long before the circuit opened may be: it is as good a sign."""
        return Circuit()

    def failed(self, now: float, why: str, policy: HealthPolicy) -> Circuit:
        """A call was not answered, or by a proxy that could not reach the service."""
        if self.open:
            return self
        in_a_row = self.on_trial or now - self.failed_at <= policy.window_seconds
        failures = (self.failures if in_a_row else 0) + 1
        if failures >= policy.failures_max:
            return self._opened(now, why)
        return msgspec.structs.replace(self, failures=failures, failed_at=now, why=why)

    def probed(self, now: float, trouble: str | None, policy: HealthPolicy) -> Circuit:
        """A probe was answered, or not: one that was not opens the circuit at once."""
        if trouble is not None:
            return msgspec.structs.replace(self, why=trouble) if self.open else self._opened(now, trouble)
        if not self.open or now - self.failed_at < policy.delay_seconds(self.trips - 1):
            return self
        return msgspec.structs.replace(self, open=False, failures=policy.failures_max - 1)

    def _opened(self, now: float, why: str) -> Circuit:
        return Circuit(open=True, failures=0, failed_at=now, trips=self.trips + 1, why=why)
