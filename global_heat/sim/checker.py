"""What must hold of every run, whatever went wrong in it: predicates over all that was written and sent.

The numbers are those of `docs/reliability.md`.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from global_heat.model.leavings import Orphan, OrphanState
from global_heat.model.names import Project, Region
from global_heat.model.records import (
    Action,
    Attempt,
    AttemptState,
    EventBatch,
    Header,
    Incarnation,
    NameRecord,
    ShardRecord,
    State,
    Status,
)
from global_heat.model.token import verifies
from global_heat.sim import calls_judged, messages_judged, records_judged, trusts_judged
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.cloud.things import Made
from global_heat.sim.evidence import Case, Evidence, Ledger, Versions
from global_heat.sim.evidence import Violation as Violation
from global_heat.store import keys
from global_heat.store.codec import decode

_ALLOWED = {
    AttemptState.INTENT: {AttemptState.ADOPTED, AttemptState.CONDEMNED},
    AttemptState.ADOPTED: {AttemptState.CONDEMNED, AttemptState.RETAINED},
    AttemptState.CONDEMNED: {AttemptState.CLOSED},
    AttemptState.RETAINED: set(),
    AttemptState.CLOSED: set(),
}
_MADE_BY_USERS = "user"


def check_history(evidence: Evidence) -> list[Violation]:
    """What must have held all the time."""
    case = Case(evidence)
    checks: tuple[Callable[[Evidence, Ledger], Iterable[Violation]], ...] = (
        _guarded_writes,
        _intent_first,
        _one_request_per_token,
        _no_loss,
        _only_ours_deleted,
        _ledger_monotone,
        _events_gapless,
        _no_internal_errors,
    )
    found = [violation for check in checks for violation in check(evidence, case.ledger)]
    more = (*records_judged.CHECKS, *calls_judged.CHECKS, *trusts_judged.CHECKS)
    return found + [violation for check in more for violation in check(case)]


def check_rest(
    evidence: Evidence, records: Iterable[Incarnation], headers: Iterable[Header]
) -> list[Violation]:
    """What must hold once nothing goes wrong any more and all work is done."""
    records, headers = list(records), list(headers)
    recorded = {(i.region, i.id): i for i in records if i.id}
    # Of an intent that a stopped stack left open, the next plan looks for what came of it.
    open_intents = {i.token for i in records if i.state is State.INTENT}
    saved = {(i.region, i.saving.id) for i in records if i.saving is not None and i.saving.id}
    open_intents |= {i.saving.token for i in records if i.saving is not None and i.saving.token}
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
        known = place in recorded or place in saved or place in retained or made.token in open_intents
        if ours and not known:
            violations.append(Violation(8, f"orphan: {_named(made)}"))
    violations += _duplicates(evidence)
    violations += _unsaid(evidence, headers)
    violations += trusts_judged.at_rest(evidence)
    violations += messages_judged.at_rest(evidence)
    for (region, id), incarnation in recorded.items():
        if incarnation.state is not State.READY or not incarnation.token:
            continue
        if _is_a_thing(incarnation, evidence) and (region, id) not in alive and id not in evidence.meddled:
            violations.append(Violation(17, f"{incarnation.ref} is READY but {id} does not exist"))
    return violations


def _unsaid(evidence: Evidence, headers: Iterable[Header]) -> Iterator[Violation]:
    """A stack that has ended waits for nothing, and was rolled back if that was wished."""
    parked: dict[str, ShardRecord] = {}
    for written in evidence.history:
        for key, value in written.changes:
            if key.startswith("stacks/") and key.split("/")[3] == "shards":
                parked.pop(key, None)
                if value is not None and (record := decode(ShardRecord, value)).parked is not None:
                    parked[key] = record
    for header in headers:
        mine = f"stacks/{header.project}/{header.id}/shards/"
        for key in sorted(parked):
            if header.ended and key.startswith(mine):
                yield Violation(16, f"{header.name} is {header.state} and still said to wait: {key}")
        undone = header.status is Status.FAILED and header.action in (Action.CREATE, Action.UPDATE)
        if undone and header.rollback:
            yield Violation(16, f"{header.name} is {header.state}: its rollback was forgotten")


def _names_freed(evidence: Evidence) -> Iterator[Violation]:
    names: dict[str, str] = {}
    deleted: set[str] = set()
    for written in evidence.history:
        for key, value in written.changes:
            parts = key.split("/")
            if parts[0] == "projects" and parts[2] == "names":
                names.pop(key, None)
                if value is not None:
                    names[key] = decode(NameRecord, value).stack
            elif value is not None and key.startswith("stacks/") and parts[3] == "header":
                deleted.update({parts[2]} if decode(Header, value).deleted else ())
    for key, stack in names.items():
        if stack in deleted:
            yield Violation(18, f"stack {stack} is deleted and keeps its name: {key}")


def _duplicates(evidence: Evidence) -> Iterator[Violation]:
    """Two live things of one incarnation. What was retained is not ours any more."""
    ledger, retained = Ledger(evidence), _retained(evidence)
    seen: dict[tuple[str, str, str, int, str], Made] = {}
    for made in _live(evidence):
        if made.token is None or made.token not in ledger.versions or (made.region, made.id) in retained:
            continue
        attempt = ledger.last(made.token)
        other = seen.setdefault((attempt.stack, attempt.region, attempt.path, attempt.n, attempt.kind), made)
        if other is not made:
            yield Violation(9, f"{attempt.path}#{attempt.n} exists twice: {_named(made)}, {_named(other)}")


def check_gone(evidence: Evidence) -> list[Violation]:
    """What must hold once every stack is deleted and the ledger is closed."""
    retained = _retained(evidence)
    alive = {made.id for made in evidence.cloud.truth()}
    lost = [Violation(12, f"{id}, which a person made, is gone") for id in sorted(evidence.foreign - alive)]
    lost += _names_freed(evidence)
    lost += trusts_judged.at_the_end(evidence)
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
    ledger = Ledger(evidence)
    for last in map(ledger.last, ledger.versions):
        if last.state is AttemptState.RETAINED:
            found.add((last.region, last.id))
    return found | _decided(evidence, OrphanState.ADOPTED).keys()


def _creates(evidence: Evidence) -> Iterator[Entry]:
    """Requests with a token that may create something."""
    for entry in evidence.cloud.journal:
        if entry.client not in evidence.replicas:
            continue
        if entry.method == "POST" and entry.token and not entry.path.partition("?")[0].endswith("/action"):
            yield entry


def _guarded_writes(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    if not evidence.guards_known:
        return
    stacks: set[str] = set()
    for written in evidence.history:
        compared = {guard.key for guard in written.guards}
        for key, value in written.changes:
            wanted = _must_compare(key, value is None, stacks)
            if not wanted <= compared:
                lacking = ", ".join(sorted(wanted - compared))
                yield Violation(5, f"{key} was written at {written.revision} without comparing {lacking}")
        for key, value in written.changes:
            if key.startswith("stacks/") and key.endswith("/header"):
                stacks.add(key.split("/")[2]) if value is not None else stacks.discard(key.split("/")[2])


def _must_compare(key: str, gone: bool, stacks: set[str]) -> set[str]:
    """The keys that whoever writes this one has to compare."""
    parts = key.split("/")
    match parts[0]:
        case "attempts" if not gone:
            return {key}
        case "trusts":
            return {key}
        case "stacks" if parts[3] == "trusts" and parts[2] in stacks:
            return {key}
        case "work" if gone and parts[3] in stacks:
            return {key}
        case "stacks" if parts[3] in ("header", "plan"):
            # A new plan stands or falls with the header, which both sides compare.
            return {f"stacks/{parts[1]}/{parts[2]}/header"}
        case "stacks" if parts[3] in ("resources", "shards", "events") and not gone:
            region = parts[-2] if parts[3] != "shards" else parts[4]
            return {f"claims/{region}/{parts[1]}/{parts[2]}", f"stacks/{parts[1]}/{parts[2]}/plan"}
    return set()


def _intent_first(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    for entry in _creates(evidence):
        if not ledger.at(entry.token, entry.arrived_at - evidence.epoch):
            yield Violation(6, f"{entry.method} {entry.path} in {entry.region} came before its intent")


def _one_request_per_token(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    counts = Counter(entry.token for entry in _creates(evidence) if not entry.replay)
    for token, count in counts.items():
        if count > 1:
            yield Violation(7, f"{count} requests carried token {token}")


def _no_loss(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    """No thing was deleted while a record said that it is the resource's."""
    unrecorded: tuple[float, float, None] = (-math.inf, -math.inf, None)
    lives: dict[tuple[str, str], Versions[Incarnation | None]]
    lives = defaultdict(lambda: Versions([unrecorded]))
    keys_to_id: dict[str, tuple[str, str]] = {}
    for written in evidence.history:
        for key, value in written.changes:
            if not (key.startswith("stacks/") and key.split("/")[3] == "resources"):
                continue
            incarnation = decode(Incarnation, value) if value is not None else None
            if incarnation is not None and incarnation.id and not incarnation.external:
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


def _only_ours_deleted(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    things = {
        (made.region, made.id): made for cloud in evidence.cloud.regions.values() for made in cloud.history()
    }
    condemned = _decided(evidence, OrphanState.CONDEMNED)
    for entry in evidence.cloud.journal:
        collection, id = entry.path.partition("?")[0].split("/")[-2:]
        made = things.get((entry.region, id))
        if condemned.get((entry.region, id), math.inf) <= entry.sent_at - evidence.epoch:
            continue
        if collection in calls_judged.RELATIONS or entry.client not in evidence.replicas:
            continue
        if entry.method != "DELETE" or made is None or made.token is None or id in evidence.meddled:
            continue
        attempts = ledger.at(made.token, entry.sent_at - evidence.epoch)
        if not attempts:
            yield Violation(12, f"DELETE of {_named(made)}: no attempt is recorded")
        elif all(_holds(attempt, id) for attempt in attempts):
            yield Violation(12, f"DELETE of {_named(made)} while its attempt is {attempts[-1].state}")


def _decided(evidence: Evidence, state: OrphanState) -> dict[tuple[str, str], float]:
    """Of which orphans an operator has decided so, and when."""
    found: dict[tuple[str, str], float] = {}
    for written in evidence.history:
        for key, value in written.changes:
            if value is None or not key.startswith(keys.ORPHANS):
                continue
            orphan = decode(Orphan, value)
            if orphan.state is state:
                found.setdefault((orphan.region, orphan.id), written.at)
    return found


def _holds(attempt: Attempt, id: str) -> bool:
    """Whether a thing must not be deleted under it."""
    if attempt.state in (AttemptState.ADOPTED, AttemptState.RETAINED):
        return attempt.id == id
    return attempt.state is AttemptState.INTENT


def _ledger_monotone(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    for token, versions in ledger.versions.items():
        for (_, _, before), (_, _, after) in itertools.pairwise(versions):
            if before.state is not after.state and after.state not in _ALLOWED[before.state]:
                yield Violation(13, f"attempt {token} went from {before.state} to {after.state}")
            if before.state is AttemptState.ADOPTED and before.id != after.id:
                yield Violation(13, f"attempt {token} changed its thing")


def _events_gapless(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
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


def _no_internal_errors(evidence: Evidence, ledger: Ledger) -> Iterator[Violation]:
    for written in evidence.history:
        for key, value in written.changes:
            if value is not None and b"internal error" in value:
                yield Violation(0, f"{key}: {value[:600]!r}")
