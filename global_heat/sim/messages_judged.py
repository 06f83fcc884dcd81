"""What must hold of the messages to event sinks, given the recorded events. Called by `sim.checker`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from global_heat.engine.messages import Due, Place, due
from global_heat.model.names import StackId
from global_heat.model.records import EventBatch, Header, Sink
from global_heat.sim.cloud.zaqar import Message
from global_heat.sim.evidence import Evidence, Violation
from global_heat.store.codec import decode

_Queue = tuple[str, str, str]
"""Its region, project and name."""


def at_rest(evidence: Evidence) -> Iterator[Violation]:
    """Once all is calm each event was posted to each sink of its stack that was not deaf, in the order of its
    region; and nothing else was."""
    if evidence.messages is None:
        return
    heard: dict[_Queue, list[Message]] = defaultdict(list)
    for region, messages in evidence.messages.items():
        for message in messages:
            heard[region, message.project, message.queue].append(message)
    recorded = _Recorded(evidence)
    for stack, header in recorded.headers.items():
        for sink in header.sinks:
            into = heard[header.region, header.project, sink.target]
            for region, batches in recorded.batches[stack].items():
                told = due(stack, batches, sink, Place(0, 0))
                yield from _judge(f"{stack}@{region}", told, into, header.region in evidence.deaf)
    bodies = {
        message.body["id"]: message.body
        for stack, regions in recorded.batches.items()
        for batches in regions.values()
        for message in due(stack, batches, Sink(""), Place(0, 0))
    }
    for queue, messages in heard.items():
        for message in messages:
            if bodies.get(message.body["id"]) != message.body:
                yield Violation(28, f"queue {queue} was told what is not recorded: {message.body}")


def _judge(shard: str, told: list[Due], heard: list[Message], deaf: bool) -> Iterator[Violation]:
    first: dict[str, int] = {}
    for position, message in enumerate(heard):
        first.setdefault(message.body["id"], position)
    last = -1
    for each in told:
        found = first.get(each.body["id"])
        if found is None:
            if not deaf:
                yield Violation(28, f"no sink was told of event {each.place} of {shard}: {each.body}")
        elif found < last:
            yield Violation(28, f"a sink was told of event {each.place} of {shard} after a later one")
        else:
            last = found


class _Recorded:
    """The stacks' last headers, and all events that were ever recorded."""

    def __init__(self, evidence: Evidence) -> None:
        self.headers: dict[StackId, Header] = {}
        self.batches: dict[StackId, dict[str, list[EventBatch]]] = defaultdict(lambda: defaultdict(list))
        for written in evidence.history:
            for key, value in written.changes:
                match key.split("/"):
                    case ["stacks", _, stack, "header"] if value is not None:
                        self.headers[StackId(stack)] = decode(Header, value)
                    case ["stacks", _, stack, "events", region, _] if value is not None:
                        self.batches[StackId(stack)][region].append(decode(EventBatch, value))
