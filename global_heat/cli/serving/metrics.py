"""What a process counts and measures. `docs/configuration.md` lists it."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

from global_heat.model.errors import Ambiguous, Error
from global_heat.model.names import Region
from global_heat.regions.calls import CallRecord, Outcome
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import Committed, Guard, Lease, Refused

CALL_BUCKETS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
COMMIT_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """The metrics of one process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)
        self._calls = Histogram(
            "global_heat_call_seconds",
            "Calls to the regions' services, by how they ended.",
            ("region", "service", "outcome"),
            buckets=CALL_BUCKETS,
            registry=self.registry,
        )
        self._commits = Histogram(
            "global_heat_commit_seconds",
            "Commits to the store, by how they ended.",
            ("outcome",),
            buckets=COMMIT_BUCKETS,
            registry=self.registry,
        )
        self._published = Counter(
            "global_heat_sink_events",
            "Events for the event sinks in a region, by what came of them.",
            ("region", "outcome"),
            registry=self.registry,
        )

    def text(self) -> bytes:
        """All of it as Prometheus reads it."""
        return generate_latest(self.registry)

    def called(self, call: CallRecord) -> None:
        outcome = f"{call.status // 100}xx" if call.outcome is Outcome.ANSWERED else str(call.outcome)
        self._calls.labels(call.region, call.service, outcome).observe(call.seconds)

    def committed(self, outcome: str, seconds: float) -> None:
        self._commits.labels(outcome).observe(seconds)

    def published(self, region: Region, outcome: str, count: int) -> None:
        self._published.labels(region, outcome).inc(count)

    def gauge(self, name: str, text: str, value: Callable[[], float]) -> None:
        """A number that is looked at when it is asked for."""
        Gauge(name, text, registry=self.registry).set_function(value)

    def by_region(self, name: str, text: str) -> RegionGauge:
        return RegionGauge(Gauge(name, text, ("region",), registry=self.registry))


class RegionGauge:
    """A number for each region; regions that are gone are forgotten."""

    def __init__(self, gauge: Gauge) -> None:
        self._gauge = gauge

    def show(self, values: Mapping[Region, float], regions: Collection[Region] = ()) -> None:
        """`regions` that have no value have 0."""
        self._gauge.clear()
        for region in {*values, *regions}:
            self._gauge.labels(region).set(values.get(region, 0.0))


class MeteredStore(EtcdStore):
    """The store on etcd, whose commits are timed."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        super().__init__(settings)
        self._metrics = metrics

    async def commit(
        self,
        *guards: Guard,
        put: Mapping[str, bytes] = {},
        delete: Collection[str] = (),
        lease: Lease | None = None,
    ) -> Committed | Refused:
        started, outcome = time.monotonic(), "abandoned"
        try:
            answer = await super().commit(*guards, put=put, delete=delete, lease=lease)
            outcome = "committed" if isinstance(answer, Committed) else "refused"
            return answer
        except Ambiguous:
            outcome = "unknown"
            raise
        except Error:
            outcome = "failed"
            raise
        finally:
            self._metrics.committed(outcome, time.monotonic() - started)
