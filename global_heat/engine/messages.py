"""What a stack's event sinks are told: which messages are due, and what they say, in Heat's form. Pure."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from global_heat.model.names import Region, StackId
from global_heat.model.records import EventBatch, Sink
from global_heat.model.values import Body

_NAMESPACE = uuid.UUID("5f0c2b0e-6c3b-5d53-9f0a-6e1d3a1c8b47")
"""Of the ids of messages and senders: one drawn once for all."""


class Place(NamedTuple):
    """An event of a shard: the number of its batch, and which one of it. They are ordered as events are."""

    seq: int
    nth: int


class Due(msgspec.Struct, frozen=True):
    """A message that is to be posted. `at`: when its event happened, unix seconds."""

    place: Place
    is_last: bool
    """Of its batch, so that the whole batch is done with it."""
    at: float
    body: Body


def due(stack: StackId, batches: Iterable[EventBatch], sink: Sink, after: Place) -> list[Due]:
    """What a sink is to be told of events after a place, in their order."""
    return [
        Due(Place(batch.seq, index), index == len(batch.events) - 1, event.at, message(stack, batch, index))
        for batch in sorted(batches, key=lambda batch: batch.seq)
        if batch.plan >= sink.since
        for index, event in enumerate(batch.events)
        if Place(batch.seq, index) > after
    ]


def message(stack: StackId, batch: EventBatch, index: int) -> Body:
    """The body of one event's message. The same event has the same, whoever posts it."""
    event = batch.events[index]
    return {
        "timestamp": datetime.fromtimestamp(event.at, UTC).isoformat(),
        "version": "0.1",
        "type": "os.heat.event",
        "id": message_id(stack, batch.region, Place(batch.seq, index)),
        "payload": {
            "resource_name": event.path,
            "physical_resource_id": event.id,
            "stack_id": stack,
            "resource_action": event.action,
            "resource_status": event.status,
            "resource_status_reason": event.reason,
            "resource_type": event.type,
            # What a resource was given may be secret, and is not recorded.
            "resource_properties": {},
            "region": batch.region,
            "version": "0.1",
        },
    }


def message_id(stack: StackId, region: Region, place: Place) -> str:
    return str(uuid.uuid5(_NAMESPACE, f"{stack}/{region}/{place.seq}/{place.nth}"))


def sender_id(stack: StackId) -> str:
    """What the messaging service knows the sender by: the same for all replicas."""
    return str(uuid.uuid5(_NAMESPACE, stack))
