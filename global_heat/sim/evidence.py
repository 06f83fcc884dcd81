"""All that there is to judge a run by, and the records in it through time."""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from global_heat.engine.ports import Bounds
from global_heat.model.records import Attempt, Incarnation, Operation
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.cloud.things import Made
from global_heat.sim.cloud.zaqar import Message
from global_heat.sim.etcd import Written
from global_heat.store.codec import decode

T = TypeVar("T")


class Violation(msgspec.Struct, frozen=True):
    """Which invariant was broken, and how, in words."""

    invariant: int
    story: str


class SeenRegion(Protocol):
    def history(self) -> list[Made]:
        """All things made since the start, also those deleted."""
        ...


class SeenCloud(Protocol):
    """What the clouds themselves know, whether they are simulated or served."""

    @property
    def regions(self) -> Mapping[str, SeenRegion]: ...

    @property
    def journal(self) -> Iterable[Entry]: ...

    def truth(self) -> list[Made]:
        """All things that exist now, Keystone's too."""
        ...


class Processes(msgspec.Struct, frozen=True):
    """What is known of the replicas' processes and of the store. Loop time, seconds."""

    renewals: Mapping[str, Sequence[tuple[float, float]]] = {}
    """By a client of the store: when it sent each renewal that was answered, and the lease's time to live."""
    resumed: Mapping[str, frozenset[float]] = {}
    """By a client of the clouds: when it went on after it was stopped. What it sends in that very moment it
    was about to send before; a real process is ended by its alarm."""
    refusing: Sequence[tuple[float, float]] = ()
    """From when to when the store took no writes."""


class Evidence(msgspec.Struct, frozen=True):
    """All that there is to judge a run by. `epoch` is the wall clock at loop time 0.

    Of a real store nobody knows when exactly a revision was written: at `Written.at` at the latest, and not
    before `earliest`. Only what is wrong under every reading of that is a violation.
    """

    history: Sequence[Written]
    cloud: SeenCloud
    epoch: float
    token_keys: tuple[bytes, ...]
    earliest: Mapping[int, float] = {}
    """By revision; of those that are not named the time is known."""
    guards_known: bool = True
    """Whether the history says what each commit compared: a real store keeps no record of that."""
    meddled: frozenset[str] = frozenset()
    """Ids of things that a user deleted or changed behind our back."""
    foreign: frozenset[str] = frozenset()
    """Ids of things that a user made himself, whatever they look like."""
    replicas: frozenset[str] = frozenset()
    """The clients of the clouds that are ours; others do as they like."""
    bounds: Bounds | None = None
    """What all regions keep to, if that is known."""
    processes: Processes | None = None
    messages: Mapping[str, Sequence[Message]] | None = None
    """What was posted to the messaging service of each region, the oldest first; None: not known."""
    deaf: frozenset[str] = frozenset()
    """Regions whose messaging service did not take messages for so long that they were given up."""
    acknowledged: Sequence[Operation] = ()
    """What users were told of their wishes."""

    def earliest_of(self, written: Written) -> float:
        return self.earliest.get(written.revision, written.at)

    def is_meddled(self, id: str) -> bool:
        """Whether a person had his hands in it; a relation's id names its parts."""
        return any(part in self.meddled for part in (id, *id.replace("subnet_id=", "").split(":")))


class Versions(list[tuple[float, float, T]]):
    """What a record was, in order: from when on (at the earliest, at the latest), and its value."""

    def at(self, when: float) -> list[T]:
        """The values that it may have had then; more than one only where the times are not known."""
        began = bisect.bisect_right(self, when, key=lambda version: version[0])
        known = bisect.bisect_right(self, when, key=lambda version: version[1])
        return [value for _, _, value in self[max(known - 1, 0) : began]]


class Ledger:
    """The attempts' records through time."""

    def __init__(self, evidence: Evidence) -> None:
        self.versions: dict[str, Versions[Attempt]] = defaultdict(Versions)
        self.commits: dict[str, list[Written]] = defaultdict(list)
        """By token: the commit of each of its versions."""
        for written in evidence.history:
            for key, value in written.changes:
                if key.startswith("attempts/") and value is not None:
                    attempt = decode(Attempt, value)
                    version = (evidence.earliest_of(written), written.at, attempt)
                    self.versions[attempt.token].append(version)
                    self.commits[attempt.token].append(written)

    def at(self, token: str, when: float) -> list[Attempt]:
        """The attempt as it may have been recorded at that moment; none: it was not."""
        versions = self.versions.get(token)
        return versions.at(when) if versions is not None else []

    def last(self, token: str) -> Attempt:
        return self.versions[token][-1][2]


class Step(msgspec.Struct, frozen=True):
    """One write of one resource's record."""

    written: Written
    key: str
    before: Incarnation | None
    after: Incarnation | None

    @property
    def stack(self) -> str:
        return self.key.split("/")[2]

    @property
    def record(self) -> Incarnation:
        found = self.after or self.before
        assert found is not None, f"{self.key} was deleted twice"
        return found


class Records:
    """The resources' records through time."""

    def __init__(self, evidence: Evidence) -> None:
        self.steps: list[Step] = []
        now: dict[str, Incarnation] = {}
        for written in evidence.history:
            for key, value in written.changes:
                if not key.startswith("stacks/") or key.split("/", 4)[3] != "resources":
                    continue
                after = decode(Incarnation, value) if value is not None else None
                self.steps.append(Step(written, key, now.get(key), after))
                if after is None:
                    now.pop(key, None)
                else:
                    now[key] = after

    def of_things(self) -> dict[str, list[Step]]:
        """By a thing's id: what was written of the incarnation that is it. What is external is another's."""
        ids: dict[str, str] = {}
        found: dict[str, list[Step]] = defaultdict(list)
        for step in self.steps:
            if step.record.external:
                continue
            if step.after is not None and step.after.id:
                ids[step.key] = step.after.id
            if step.key in ids:
                found[ids[step.key]].append(step)
        return found


class Case:
    """The evidence with what every check wants of it, read once."""

    def __init__(self, evidence: Evidence) -> None:
        self.evidence = evidence
        self.ledger = Ledger(evidence)
        self.records = Records(evidence)
