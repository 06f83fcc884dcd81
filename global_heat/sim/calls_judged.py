"""What must hold of the calls to the clouds, given the records. Called by `sim.checker`."""

from __future__ import annotations

import bisect
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator

from global_heat.engine.ports import Bounds
from global_heat.model.records import Attempt, AttemptState, EventBatch, State
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.etcd import Written
from global_heat.sim.evidence import Case, Processes, Step, Violation
from global_heat.store.codec import decode

_CHANGES = ("POST", "PUT", "PATCH", "DELETE")
_PATIENCE_SECONDS = 100.0
"""A request without an answer is given up after 60 s, and looked for until 120 s after it was asked for."""
_ALIKE_MAX = 40
"""Times within a second that a replica may say the very same to a region."""
RELATIONS = ("os-volume_attachments", "os-interface")
"""Under these a thing's id names its relation to another."""
_PUT_ONLY_IN_UPDATES = ("networks", "subnets")
"""Collections whose items are changed by nothing but an update of the resource."""


def _changes(case: Case) -> Iterator[Entry]:
    """Requests of ours that change something of a region's services."""
    for entry in case.evidence.cloud.journal:
        ours = entry.client in case.evidence.replicas and entry.method in _CHANGES
        if ours and not entry.replay and "/auth/" not in entry.path:
            yield entry


def _creates(case: Case) -> Iterator[Entry]:
    """Those of an attempt; an update may write the token again."""
    for entry in _changes(case):
        if entry.method == "POST" and entry.token and not entry.path.partition("?")[0].endswith("/action"):
            yield entry


def _is_resumed(processes: Processes, entry: Entry, at: float) -> bool:
    moments = processes.resumed.get(entry.client, frozenset())
    return any(abs(moment - at) < 1e-6 for moment in moments)


def _deadline_kept(case: Case) -> Iterator[Violation]:
    """No call that changes something is sent later than a lease may live by its last renewal's sending."""
    processes = case.evidence.processes
    if processes is None:
        return
    until: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for client, renewals in processes.renewals.items():
        name = client.rpartition(".")[0]
        until[name] += [(sent, sent + seconds) for sent, seconds in renewals]
    for ends in until.values():
        ends.sort()
    for entry in _changes(case):
        at = entry.sent_at - case.evidence.epoch
        known = until.get(entry.client, [])
        before = known[: bisect.bisect_right(known, (at, float("inf")))]
        if _is_resumed(processes, entry, at) or any(end >= at for _, end in before[-50:]):
            continue
        yield Violation(
            14, f"{entry.client} sent {entry.method} {entry.path} after its deadline, at {at:.3f}"
        )


def _quiet_in_outages(case: Case) -> Iterator[Violation]:
    """Once the store has taken no writes for as long as a lease lives, nothing new is made."""
    processes = case.evidence.processes
    if processes is None:
        return
    lives = [seconds for renewals in processes.renewals.values() for _, seconds in renewals]
    longest = max(lives, default=0.0)
    for entry in _changes(case):
        at = entry.sent_at - case.evidence.epoch
        late = any(begun + longest < at < ended for begun, ended in processes.refusing)
        if late and entry.token and not _is_resumed(processes, entry, at):
            yield Violation(
                24, f"{entry.client} sent {entry.method} {entry.path} without a store, at {at:.3f}"
            )


def _bounded_load(case: Case) -> Iterator[Violation]:
    """Nobody says the same over and over without a pause."""
    counts = Counter(
        (entry.client, entry.region, entry.method, entry.path, int(entry.sent_at))
        for entry in case.evidence.cloud.journal
        if entry.client in case.evidence.replicas and not entry.replay
    )
    for (client, region, method, path, _), count in counts.items():
        if count > _ALIKE_MAX:
            yield Violation(22, f"{client} sent {method} {path} to {region} {count} times in a second")


def _known_credential(case: Case) -> Iterator[Violation]:
    """An attempt's request is admitted only while the credential is good that the ledger knows of."""
    bounds = case.evidence.bounds
    for entry in _creates(case) if bounds is not None else ():
        versions = case.ledger.versions.get(entry.token)
        if not versions or entry.admitted_at is None or bounds is None:
            continue
        expiry = versions[0][2].cred_expires_at
        if entry.admitted_at > expiry + bounds.skew_seconds:
            late = entry.admitted_at - expiry
            yield Violation(6, f"{entry.method} {entry.path} was admitted {late:.1f} s after its credential")


def _one_project(case: Case) -> Iterator[Violation]:
    """A project's things are made and deleted under that project's credentials."""
    things = {
        (region, made.id): made
        for region, cloud in case.evidence.cloud.regions.items()
        for made in cloud.history()
    }
    for entry in _changes(case):
        versions = case.ledger.versions.get(entry.token) if entry.token else None
        made = things.get((entry.region, entry.path.partition("?")[0].rpartition("/")[2]))
        wanted = versions[0][2].project if versions else made.project if made is not None else ""
        if entry.project and wanted and entry.project != wanted:
            told = f"{entry.method} {entry.path} for {wanted}"
            yield Violation(20, f"{told} was sent under a credential of {entry.project}")


def _update_intents(case: Case) -> Iterator[Violation]:
    """A thing is changed only once its record says that it is being changed."""
    things = case.records.of_things()
    for entry in _changes(case):
        collection, _, id = entry.path.partition("?")[0].rpartition("/")
        if entry.method != "PUT" or collection.rpartition("/")[2] not in _PUT_ONLY_IN_UPDATES:
            continue
        step = _last(things.get(id, ()), entry.sent_at - case.evidence.epoch)
        if step is None or step.after is None or not _is_by(step.written, entry):
            continue
        if step.after.state in (State.READY, State.FAILED):
            yield Violation(6, f"PUT of {step.after.ref} while its record says {step.after.state}")


def _saved_first(case: Case) -> Iterator[Violation]:
    """Nobody deletes a thing of which a snapshot is still due."""
    things = case.records.of_things()
    for entry in _changes(case):
        id = entry.path.partition("?")[0].rpartition("/")[2]
        if entry.method != "DELETE" or case.evidence.is_meddled(id) or id not in things:
            continue
        step = _last(things[id], entry.sent_at - case.evidence.epoch)
        if step is not None and step.after is not None and step.after.saving is not None:
            yield Violation(11, f"DELETE of {step.after.ref} before its snapshot was finished")


def _retained_stays(case: Case) -> Iterator[Violation]:
    """What shall be kept is not deleted."""
    things = case.records.of_things()
    for entry in _changes(case):
        collection, id = entry.path.partition("?")[0].split("/")[-2:]
        if entry.method != "DELETE" or collection in RELATIONS or case.evidence.is_meddled(id):
            continue
        if id not in things:
            continue
        standing = (s for s in things[id] if s.after is not None and s.after.state is not State.LEAVING)
        step = _last(standing, entry.sent_at - case.evidence.epoch)
        if step is not None and step.after is not None and step.after.retain:
            yield Violation(11, f"DELETE of {step.after.ref}, which is to be kept")


def _last(steps: Iterable[Step], when: float) -> Step | None:
    return max((s for s in steps if s.written.at <= when), key=lambda s: s.written.revision, default=None)


def _is_by(written: Written, entry: Entry) -> bool:
    return written.client.rpartition(".")[0] == entry.client


def _gone_is_gone(case: Case) -> Iterator[Violation]:
    """What is recorded as vanished does not exist then: an outage is no deletion."""
    things = {
        (region, made.id): made
        for region, cloud in case.evidence.cloud.regions.items()
        for made in cloud.history()
    }
    for written in case.evidence.history:
        for key, value in written.changes:
            if value is None or not key.startswith("stacks/") or key.split("/")[3] != "events":
                continue
            batch = decode(EventBatch, value)
            for event in batch.events:
                made = things.get((batch.region, event.id))
                if (event.action, event.status) != ("CHECK", "FAILED") or made is None:
                    continue
                if made.deleted_at is None or made.deleted_at - case.evidence.epoch > written.at:
                    yield Violation(11, f"{event.path} ({event.id}) was taken for gone while it was there")


def _adopted_by_token(case: Case) -> Iterator[Violation]:
    """Nothing is adopted that does not carry the attempt's token, wherever a thing of its kind can."""
    things = {
        (region, made.id): made
        for region, cloud in case.evidence.cloud.regions.items()
        for made in cloud.history()
    }
    for token, versions in case.ledger.versions.items():
        adopted = next((a for _, _, a in versions if a.state is AttemptState.ADOPTED), None)
        if adopted is None or adopted.natural or case.evidence.is_meddled(adopted.id):
            continue
        made = things.get((adopted.region, adopted.id))
        if made is None or made.token != token:
            yield Violation(12, f"{adopted.path}#{adopted.n} adopted {adopted.id}, which is not its own")


class _Looks:
    """The lists that were answered, by client, region and what was listed: when each was begun."""

    def __init__(self, case: Case) -> None:
        self._begun: dict[tuple[str, str, str], list[float]] = defaultdict(list)
        for entry in case.evidence.cloud.journal:
            ours = entry.client in case.evidence.replicas
            if ours and entry.method == "GET" and entry.status == entry.effect_status == 200:
                self._begun[entry.client, entry.region, _listed(entry.path)].append(entry.sent_at)

    def last(self, client: str, attempt: Attempt, before: float) -> float:
        """When this client's last list of what the attempt makes was begun; -inf: there was none."""
        place = (client.rpartition(".")[0], attempt.region, attempt.kind.partition(".")[2] + "s")
        return max((at for at in self._begun[place] if at <= before), default=float("-inf"))


def _listed(path: str) -> str:
    """The plural of a list's kind, or the last part of another path."""
    plain = path.partition("?")[0].removesuffix("/detail").rpartition("/")[2]
    return plain.removeprefix("os-").replace("-", "_")


class _Turns:
    """When a shard got another owner, or another plan."""

    def __init__(self, case: Case) -> None:
        self._moments: dict[tuple[str, str], list[float]] = defaultdict(list)
        for written in case.evidence.history:
            for key, value in written.changes:
                parts = key.split("/")
                if parts[0] == "claims" and value is not None:
                    self._moments[parts[1], parts[3]].append(written.at)
                elif parts[0] == "stacks" and parts[3] == "plan":
                    self._moments["", parts[2]].append(written.at)

    def last(self, attempt: Attempt, after: float, before: float) -> float | None:
        """The last of them between the two; None: there was none."""
        both = (*self._moments[attempt.region, attempt.stack], *self._moments["", attempt.stack])
        return max((at for at in both if after < at <= before), default=None)


def _absence_is_seen(case: Case) -> Iterator[Violation]:
    """Nothing is given up, settled or closed but by a look that would have shown it."""
    bounds = case.evidence.bounds
    if bounds is None:
        return
    looks, turns = _Looks(case), _Turns(case)
    sent = {entry.token: entry for entry in _creates(case)}
    for token, commits in case.ledger.commits.items():
        attempts = [attempt for _, _, attempt in case.ledger.versions[token]]
        for before, after, written in zip(attempts, attempts[1:], commits[1:], strict=False):
            if after.settled and not before.settled:
                yield from _settled_rightly(case, bounds, looks, after, written)
            given_up = before.state is AttemptState.INTENT and after.state is AttemptState.CONDEMNED
            if given_up and not after.natural and token in sent and _tried_again(after, written):
                turn = turns.last(after, commits[0].at, written.at)
                if turn is None:
                    yield from _waited(case, after, sent[token], written)
                elif looks.last(written.client, after, _unix(case, written)) < (
                    turn + case.evidence.epoch + bounds.lag_seconds
                ):
                    yield _rash(after, written, "was given up without a look")


def _settled_rightly(
    case: Case, bounds: Bounds, looks: _Looks, attempt: Attempt, written: Written
) -> Iterator[Violation]:
    fence = attempt.cred_expires_at + bounds.exec_seconds + bounds.lag_seconds
    now = _unix(case, written)
    looked = now if attempt.natural else looks.last(written.client, attempt, now)
    if looked < fence:
        yield _rash(attempt, written, "was settled without a look after its fence")


def _waited(case: Case, attempt: Attempt, entry: Entry, written: Written) -> Iterator[Violation]:
    """Its own request's outcome an owner waits for, since only he knows when it was sent."""
    definite = 400 <= entry.status < 500
    resumed = case.evidence.processes is not None and _is_resumed(
        case.evidence.processes, entry, entry.sent_at - case.evidence.epoch
    )
    waited = _unix(case, written) - entry.sent_at
    if not definite and not resumed and waited < _PATIENCE_SECONDS:
        yield _rash(attempt, written, f"was given up {waited:.1f} s after its request was sent")


def _tried_again(attempt: Attempt, written: Written) -> bool:
    """Whether the commit that condemns an attempt begins another one for the same incarnation."""
    mine = (attempt.stack, attempt.region, attempt.path, attempt.n)
    for key, value in written.changes:
        if key.startswith("attempts/") and value is not None:
            other = decode(Attempt, value)
            alike = (other.stack, other.region, other.path, other.n) == mine
            if alike and other.token != attempt.token and other.state is AttemptState.INTENT:
                return True
    return False


def _unix(case: Case, written: Written) -> float:
    return written.at + case.evidence.epoch


def _rash(attempt: Attempt, written: Written, what: str) -> Violation:
    return Violation(26, f"the attempt of {attempt.path}#{attempt.n} {what}, at {written.at:.3f}")


CHECKS: tuple[Callable[[Case], Iterable[Violation]], ...] = (
    _deadline_kept,
    _quiet_in_outages,
    _bounded_load,
    _known_credential,
    _one_project,
    _update_intents,
    _retained_stays,
    _saved_first,
    _gone_is_gone,
    _adopted_by_token,
    _absence_is_seen,
)
