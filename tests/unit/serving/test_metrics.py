"""What is counted."""

from __future__ import annotations

from global_heat.cli.serving.engine import suspects_by_region
from global_heat.cli.serving.metrics import Metrics
from global_heat.model.leavings import OrphanState
from global_heat.model.names import Region, Revision
from global_heat.regions.calls import CallRecord, Outcome
from global_heat.store.codec import encode
from global_heat.store.protocol import Entry
from tests.unit.api.test_leavings import orphan


def call(outcome: Outcome, status: int = 0) -> CallRecord:
    return CallRecord(Region("east"), "compute", "GET", "/servers", outcome, status, 0.2, "req-1")


def test_calls_are_counted_by_how_they_ended() -> None:
    metrics = Metrics()
    for each in (call(Outcome.ANSWERED, 202), call(Outcome.ANSWERED, 204), call(Outcome.CUT)):
        metrics.called(each)
    text = metrics.text().decode()
    count = 'global_heat_call_seconds_count{outcome="%s",region="east",service="compute"} %s'
    assert count % ("2xx", "2.0") in text
    assert count % ("cut", "1.0") in text
    assert "req-1" not in text


def test_a_gauge_is_looked_at_when_asked() -> None:
    metrics, owned = Metrics(), [0]
    metrics.gauge("claims", "Claims.", lambda: owned[0])
    owned[0] = 3
    assert "claims 3.0" in metrics.text().decode()


def test_a_region_that_is_gone_is_not_shown() -> None:
    metrics = Metrics()
    gauge = metrics.by_region("attempts", "Attempts.")
    gauge.show({Region("east"): 2.0}, [Region("west")])
    assert 'attempts{region="west"} 0.0' in metrics.text().decode()
    gauge.show({}, [Region("west")])
    assert "east" not in metrics.text().decode()


def test_orphans_are_counted_until_somebody_decides() -> None:
    east, west = orphan("n1"), orphan("n2", region=Region("west"))
    decided = [orphan("n3", state=state) for state in (OrphanState.ADOPTED, OrphanState.CONDEMNED)]
    entries = [Entry("", encode(each), Revision(1), Revision(1)) for each in (east, west, *decided)]
    assert suspects_by_region(entries) == {east.region: 1, west.region: 1}
