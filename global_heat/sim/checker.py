"""What must hold of every run, whatever went wrong in it: predicates over all that was written and sent.

The numbers are those of `docs/reliability.md`.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Protocol, TypeVar

import msgspec

from global_heat.model.names import Project, Region
from global_heat.model.records import (
    Attempt,
    AttemptState,
    EventBatch,
    Header,
    Incarnation,
    State,
)
from global_heat.model.token import verifies
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.cloud.things import Made
from global_heat.sim.etcd import Written
from global_heat.store.codec import decode

T = TypeVar("T")

_ALLOWED = {
    AttemptState.INTENT: {AttemptState.ADOPTED, AttemptState.CONDEMNED},
    AttemptState.ADOPTED: {AttemptState.CONDEMNED, AttemptState.RETAINED},
    AttemptState.CONDEMNED: {AttemptState.CLOSED},
    AttemptState.RETAINED: set(),
    AttemptState.CLOSED: set(),
}
_MADE_BY_USERS = "user"
_RELATIONS = ("os-volume_attachments", "os-interface")
"""Under these a thing's id names its relation to another."""


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

    def earliest_of(self, written: Written) -> float:
        return self.earliest.get(written.revision, written.at)


class _Versions(list[tuple[float, float, T]]):
    """What a record was, in order: from when on (at the earliest, at the latest), and its value."""

    def at(self, when: float) -> list[T]:
        """The values that it may have had then; more than one only where the times are not known."""
        began = bisect.bisect_right(self, when, key=lambda version: version[0])
        known = bisect.bisect_right(self, when, key=lambda version: version[1])
        return [value for _, _, value in self[max(known - 1, 0) : began]]


class _Ledger:
    """The attempts' records through time."""

    def __init__(self, evidence: Evidence) -> None:
        self.versions: dict[str, _Versions[Attempt]] = defaultdict(_Versions)
        for written in evidence.history:
            for key, value in written.changes:
                if key.startswith("attempts/") and value is not None:
                    attempt = decode(Attempt, value)
                    version = (evidence.earliest_of(written), written.at, attempt)
                    self.versions[attempt.token].append(version)

    def at(self, token: str, when: float) -> list[Attempt]:
        """The attempt as it may have been recorded at that moment; none: it was not."""
        versions = self.versions.get(token)
        return versions.at(when) if versions is not None else []

    def last(self, token: str) -> Attempt:
        return self.versions[token][-1][2]


def check_history(evidence: Evidence) -> list[Violation]:
    """What must have held all the time."""
    ledger = _Ledger(evidence)
    checks: tuple[Callable[[Evidence, _Ledger], Iterable[Violation]], ...] = (
        _guarded_writes,
        _intent_first,
        _one_request_per_token,
        _no_loss,
        _only_ours_deleted,
        _ledger_monotone,
        _events_gapless,
        _no_internal_errors,
    )
    return [violation for check in checks for violation in check(evidence, ledger)]


def check_rest(
    evidence: Evidence, records: Iterable[Incarnation], headers: Iterable[Header]
) -> list[Violation]:
    """What must hold once nothing goes wrong any more and all work is done."""
    records = list(records)
    recorded = {(i.region, i.id): i for i in records if i.id}
    # Of an intent that a stopped stack left open, the next plan looks for what came of it.
    open_intents = {i.token for i in records if i.state is State.INTENT}
    violations = [
        Violation(16, f"stack {header.name} is still {header.state}: open in {', '.join(header.open)}")
        for header in headers
        if not header.ended
    ]
    retained = _retained(evidence)
    alive: dict[tuple[str, str], Made] = {}
    for made in _live(evidence):
        place = (made.region, made.id)
        alive[place] = made
        ours = made.token is not None and verifies(
            made.token, evidence.token_keys, Project(made.project), Region(made.region), made.kind
        )
        known = place in recorded or place in retained or made.token in open_intents
        if ours and not known:
            violations.append(Violation(8, f"orphan: {_named(made)}"))
    violations += _duplicates(evidence)
    for (region, id), incarnation in recorded.items():
        if incarnation.state is not State.READY or not incarnation.token:
            continue
        if _is_a_thing(incarnation, evidence) and (region, id) not in alive and id not in evidence.meddled:
            violations.append(Violation(17, f"{incarnation.ref} is READY but {id} does not exist"))
    return violations


def _duplicates(evidence: Evidence) -> Iterator[Violation]:
    """Two live things of one incarnation. What was retained is not ours any more."""
    ledger, retained = _Ledger(evidence), _retained(evidence)
    seen: dict[tuple[str, str, str, int], Made] = {}
    for made in _live(evidence):
        if made.token is None or made.token not in ledger.versions or (made.region, made.id) in retained:
            continue
        attempt = ledger.last(made.token)
        other = seen.setdefault((attempt.stack, attempt.region, attempt.path, attempt.n), made)
        if other is not made:
            yield Violation(9, f"{attempt.path}#{attempt.n} exists twice: {_named(made)}, {_named(other)}")


def check_gone(evidence: Evidence) -> list[Violation]:
    """What must hold once every stack is deleted and the ledger is closed."""
    retained = _retained(evidence)
    alive = {made.id for made in evidence.cloud.truth()}
    lost = [Violation(12, f"{id}, which a person made, is gone") for id in sorted(evidence.foreign - alive)]
    return lost + [
        Violation(18, f"left behind: {_named(made)}")
        for made in _live(evidence)
        if (made.region, made.id) not in retained
    ]


def _live(evidence: Evidence) -> Iterator[Made]:
    """The things that a request of ours made and that are there now; not Keystone's."""
    for made in evidence.cloud.truth():
        if made.origin == _MADE_BY_USERS and made.region and made.id not in evidence.foreign:
            yield made


def _named(made: Made) -> str:
    return f"{made.kind} {made.id} ({made.name}) in {made.region}"


def _is_a_thing(incarnation: Incarnation, evidence: Evidence) -> bool:
    """Whether a cloud keeps it under that id: relations have none of their own."""
    history = evidence.cloud.regions[incarnation.region].history()
    return any(made.id == incarnation.id for made in history)


def _retained(evidence: Evidence) -> set[tuple[str, str]]:
    found: set[tuple[str, str]] = set()
    ledger = _Ledger(evidence)
    for last in map(ledger.last, ledger.versions):
        if last.state is AttemptState.RETAINED:
            found.add((last.region, last.id))
    return found


def _creates(evidence: Evidence) -> Iterator[Entry]:
    """Requests with a token that may create something."""
    for entry in evidence.cloud.journal:
        if entry.client not in evidence.replicas:
            continue
        if entry.method == "POST" and entry.token and not entry.path.partition("?")[0].endswith("/action"):
            yield entry


def _guarded_writes(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    if not evidence.guards_known:
        return
    for written in evidence.history:
        compared = {guard.key for guard in written.guards}
        for key, value in written.changes:
            parts = key.split("/")
            if parts[0] == "stacks" and parts[3] in ("resources", "shards", "events") and value is not None:
                region = parts[-2] if parts[3] != "shards" else parts[4]
                claim = f"claims/{region}/{parts[1]}/{parts[2]}"
                plan = f"stacks/{parts[1]}/{parts[2]}/plan"
                if claim not in compared or plan not in compared:
                    yield Violation(5, f"{key} was written at {written.revision} without claim and plan")
            elif parts[0] == "attempts" and key not in compared:
                yield Violation(5, f"{key} was written at {written.revision} without comparing it")


def _intent_first(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    for entry in _creates(evidence):
        if not ledger.at(entry.token, entry.arrived_at - evidence.epoch):
            yield Violation(6, f"{entry.method} {entry.path} in {entry.region} came before its intent")


def _one_request_per_token(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    counts = Counter(entry.token for entry in _creates(evidence) if not entry.replay)
    for token, count in counts.items():
        if count > 1:
            yield Violation(7, f"{count} requests carried token {token}")


def _no_loss(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    """No thing was deleted while a record said that it is the resource's."""
    unrecorded: tuple[float, float, None] = (-math.inf, -math.inf, None)
    lives: dict[tuple[str, str], _Versions[Incarnation | None]]
    lives = defaultdict(lambda: _Versions([unrecorded]))
    keys_to_id: dict[str, tuple[str, str]] = {}
    for written in evidence.history:
        for key, value in written.changes:
            if not (key.startswith("stacks/") and key.split("/")[3] == "resources"):
                continue
            incarnation = decode(Incarnation, value) if value is not None else None
            if incarnation is not None and incarnation.id:
                keys_to_id[key] = (incarnation.region, incarnation.id)
            if key in keys_to_id:
                version = (evidence.earliest_of(written), written.at, incarnation)
                lives[keys_to_id[key]].append(version)
    for cloud in evidence.cloud.regions.values():
        for made in cloud.history():
            place = (made.region, made.id)
            if made.deleted_at is None or place not in lives or made.id in evidence.meddled:
                continue
            before = lives[place].at(made.deleted_at - evidence.epoch)
            wanted = [each for each in before if each is not None and each.state is not State.LEAVING]
            if len(wanted) == len(before):
                yield Violation(11, f"{made.kind} {made.id} was deleted while recorded as {wanted[-1].state}")


def _only_ours_deleted(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    things = {
        (made.region, made.id): made for cloud in evidence.cloud.regions.values() for made in cloud.history()
    }
    for entry in evidence.cloud.journal:
        collection, id = entry.path.partition("?")[0].split("/")[-2:]
        made = things.get((entry.region, id))
        if collection in _RELATIONS or entry.client not in evidence.replicas:
            continue
        if entry.method != "DELETE" or made is None or made.token is None or id in evidence.meddled:
            continue
        attempts = ledger.at(made.token, entry.sent_at - evidence.epoch)
        if not attempts:
            yield Violation(12, f"DELETE of {_named(made)}: no attempt is recorded")
        elif all(_holds(attempt, id) for attempt in attempts):
            yield Violation(12, f"DELETE of {_named(made)} while its attempt is {attempts[-1].state}")


def _holds(attempt: Attempt, id: str) -> bool:
    """Whether a thing must not be deleted under it."""
    if attempt.state in (AttemptState.ADOPTED, AttemptState.RETAINED):
        return attempt.id == id
    return attempt.state is AttemptState.INTENT


def _ledger_monotone(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    for token, versions in ledger.versions.items():
        for (_, _, before), (_, _, after) in itertools.pairwise(versions):
            if before.state is not after.state and after.state not in _ALLOWED[before.state]:
                yield Violation(13, f"attempt {token} went from {before.state} to {after.state}")
            if before.state is AttemptState.ADOPTED and before.id != after.id:
                yield Violation(13, f"attempt {token} changed its thing")


def _events_gapless(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    last: dict[str, int] = {}
    for written in evidence.history:
        for key, value in written.changes:
            if value is None or not (key.startswith("stacks/") and key.split("/")[3] == "events"):
                continue
            shard = key.rpartition("/")[0]
            seq = decode(EventBatch, value).seq
            if seq != last.get(shard, 0) + 1:
                yield Violation(19, f"{key} follows event {last.get(shard, 0)}")
            last[shard] = seq


def _no_internal_errors(evidence: Evidence, ledger: _Ledger) -> Iterator[Violation]:
    for written in evidence.history:
        for key, value in written.changes:
            if value is not None and b"internal error" in value:
                yield Violation(0, f"{key}: {value[:600]!r}")
