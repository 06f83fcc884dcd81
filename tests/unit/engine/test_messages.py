"""What event sinks are told: in order, from the sink's plan on, after what they were told already."""

from __future__ import annotations

from global_heat.engine.messages import Place, due, message, message_id, sender_id
from global_heat.model.names import Path, Region, StackId
from global_heat.model.records import Event, EventBatch, Sink

STACK, EAST = StackId("s1"), Region("east")
START = Place(1, -1)


def batch(seq: int, count: int = 1, plan: int = 1) -> EventBatch:
    told = Event(at=1_800_000_000.5, path=Path("a/b"), type="T", action="CREATE", status="COMPLETE", id="i")
    return EventBatch(region=EAST, seq=seq, plan=plan, events=(told,) * count)


def places(*batches: EventBatch, since: int = 0, after: Place = START) -> list[tuple[int, int, bool]]:
    found = due(STACK, batches, Sink("q", since=since), after)
    return [(*each.place, each.is_last) for each in found]


def test_events_are_told_in_their_order() -> None:
    assert places(batch(2), batch(1, 2)) == [(1, 0, False), (1, 1, True), (2, 0, True)]


def test_what_was_told_is_not_told_again() -> None:
    assert places(batch(1, 2), batch(2), after=Place(1, 0)) == [(1, 1, True), (2, 0, True)]
    assert places(batch(1, 2), batch(2), after=Place(1, 1)) == [(2, 0, True)]


def test_a_sink_hears_nothing_of_earlier_plans() -> None:
    assert places(batch(1), batch(2, plan=2), batch(3, plan=3), since=2) == [(2, 0, True), (3, 0, True)]


def test_a_message_has_heats_form() -> None:
    assert message(STACK, batch(1), 0) == {
        "timestamp": "2027-01-15T08:00:00.500000+00:00",
        "version": "0.1",
        "type": "os.heat.event",
        "id": message_id(STACK, EAST, Place(1, 0)),
        "payload": {
            "resource_name": "a/b",
            "physical_resource_id": "i",
            "stack_id": "s1",
            "resource_action": "CREATE",
            "resource_status": "COMPLETE",
            "resource_status_reason": "",
            "resource_type": "T",
            "resource_properties": {},
            "region": "east",
            "version": "0.1",
        },
    }


def test_no_two_events_have_one_id_and_it_never_changes() -> None:
    ids = {
        message_id(StackId(stack), Region(region), Place(seq, nth))
        for stack in ("s1", "s2")
        for region in ("east", "west")
        for seq in (1, 11)
        for nth in (0, 1)
    }
    assert len(ids) == 16
    # Consumers may have seen them: another release must make the same.
    assert message_id(STACK, EAST, Place(1, 0)) == "549c5c4f-5bff-5b1c-bd4a-5c8542d9a601"
    assert sender_id(STACK) == "b0d937be-137a-54bb-812d-d6934c2c6094"
