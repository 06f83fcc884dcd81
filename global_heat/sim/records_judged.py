"""What must hold of the records through time, whatever the clouds did. Called by `sim.checker`."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator

from global_heat.model.leavings import Orphan
from global_heat.model.names import Path
from global_heat.model.plan import Plan
from global_heat.model.records import (
    Attempt,
    AttemptState,
    EventBatch,
    Header,
    NameRecord,
    Operation,
    PlanPointer,
    State,
)
from global_heat.sim.evidence import Case, Step, Violation
from global_heat.store import keys
from global_heat.store.blobs import unpack_plan
from global_heat.store.codec import decode

_MADE = (State.INTENT, State.CREATED)
_BEGUN = (State.INTENT, State.CREATED, State.UPDATING)
_VANISHED = "deleted by somebody else"
"""The reason that the engine records of what it found gone."""


def _no_lost_stack(case: Case) -> Iterator[Violation]:
    """What was acknowledged is in every later revision, until its deletion is."""
    headers: dict[str, Header] = {}
    names: dict[str, str] = {}
    operations: set[str] = set()
    for written in case.evidence.history:
        freed: list[str] = []
        for key, value in written.changes:
            match key.split("/"):
                case ["projects", _, "operations", id] if value is not None:
                    operations.add(id)
                case ["projects", _, "names", _] if value is not None:
                    names[key] = decode(NameRecord, value).stack
                case ["projects", _, "names", _]:
                    freed.append(names.pop(key))
                case ["stacks", _, id, "header"]:
                    yield from _header_goes_on(headers.pop(id, None), value)
                    if value is not None:
                        headers[id] = decode(Header, value)
        for id in freed:
            if id in headers and not (headers[id].deleted or headers[id].nameless):
                yield Violation(1, f"{headers[id].name} lost its name while it was {headers[id].state}")
    for operation in case.evidence.acknowledged:
        if operation.id not in operations:
            told = f"{operation.verb} of {operation.stack_name}"
            yield Violation(1, f"{told} was acknowledged and is not recorded")


def _header_goes_on(before: Header | None, value: bytes | None) -> Iterator[Violation]:
    if before is None:
        return
    if value is None:
        if not before.deleted:
            yield Violation(1, f"{before.name} is gone while it was {before.state}")
    elif (after := decode(Header, value)).plan < before.plan:
        yield Violation(1, f"{before.name} went back from plan {before.plan} to {after.plan}")


def _one_operation_per_request(case: Case) -> Iterator[Violation]:
    first: dict[tuple[str, str], str] = {}
    for written in case.evidence.history:
        for key, value in written.changes:
            parts = key.split("/")
            if parts[0] != "projects" or parts[2] != "operations" or value is None:
                continue
            operation = decode(Operation, value)
            if operation.request:
                known = first.setdefault((operation.project, operation.request), operation.id)
                if known != operation.id:
                    yield Violation(3, f"request {operation.request} began {known} and {operation.id}")


def _one_claim(case: Case) -> Iterator[Violation]:
    """A claim is made where there is none: so its epochs rise, and nobody takes it from its owner."""
    owned: set[str] = set()
    for written in case.evidence.history:
        for key, value in written.changes:
            if not key.startswith("claims/"):
                continue
            if value is None:
                owned.discard(key)
            elif key in owned:
                yield Violation(4, f"{key} was taken from its owner at {written.revision}")
            else:
                owned.add(key)


def _one_holder(case: Case) -> Iterator[Violation]:
    """What can be there only once belongs to one resource at a time."""
    versions = [
        (written.revision, attempt)
        for token, commits in case.ledger.commits.items()
        for written, (_, _, attempt) in zip(commits, case.ledger.versions[token], strict=True)
        if attempt.natural and attempt.id and not case.evidence.is_meddled(attempt.id)
    ]
    last = {
        (revision, attempt.token): attempt for revision, attempt in versions
    }  # of one commit the ledger has one version of a token
    holders: dict[tuple[str, str, str, str], dict[str, str]] = defaultdict(dict)
    for revision in sorted({revision for revision, _ in last}):
        changed = [attempt for (at, _), attempt in last.items() if at == revision]
        for attempt in changed:
            place = (attempt.region, attempt.project, attempt.kind, attempt.id)
            holders[place].pop(attempt.token, None)
            if attempt.state is AttemptState.ADOPTED and not attempt.gone:
                holders[place][attempt.token] = f"{attempt.path} of {attempt.stack}"
        for attempt in changed:
            both = holders[attempt.region, attempt.project, attempt.kind, attempt.id]
            if len(both) > 1:
                yield Violation(
                    10, f"{attempt.kind} {attempt.id} is held by {' and by '.join(both.values())}"
                )


class _Plans:
    """The plans, as the history shows them."""

    def __init__(self, case: Case) -> None:
        self._chunks: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._pointers: dict[tuple[str, int], str] = {}
        self._plans: dict[tuple[str, int], Plan] = {}
        for written in case.evidence.history:
            for key, value in written.changes:
                parts = key.split("/")
                if parts[0] != "stacks" or value is None:
                    continue
                if parts[3] == "blobs":
                    self._chunks[f"{parts[2]}/{parts[4]}"][parts[5]] = value
                elif parts[3] == "plan":
                    pointer = decode(PlanPointer, value)
                    self._pointers[parts[2], pointer.number] = pointer.blob

    def find(self, stack: str, number: int) -> Plan | None:
        if (stack, number) not in self._pointers:
            return None
        if (stack, number) not in self._plans:
            chunks = self._chunks[f"{stack}/{self._pointers[stack, number]}"]
            self._plans[stack, number] = unpack_plan(b"".join(chunks[name] for name in sorted(chunks)))
        return self._plans[stack, number]


def _needs_first(case: Case) -> Iterator[Violation]:
    """A plan's step begins only once all that it needs is finished for that very plan."""
    plans = _Plans(case)
    finished: dict[tuple[str, int], set[Path]] = defaultdict(set)
    for commit in _by_commit(case.records.steps):
        for step in commit:
            if step.after is not None and step.after.state is State.READY:
                finished[step.stack, step.after.plan].add(step.after.path)
        for step in commit:
            number = _begins(step)
            plan = plans.find(step.stack, number) if number else None
            apply = plan.applies.get(step.record.path) if plan is not None else None
            lacking = set(apply.needs) - finished[step.stack, number] if apply is not None else set()
            if lacking:
                what = f"{step.record.ref} began under plan {number} before {', '.join(sorted(lacking))}"
                yield Violation(15, f"{what} was done, at {step.written.revision}")


def _begins(step: Step) -> int:
    """The plan under which this write begins or finishes its resource; 0: none."""
    before, after = step.before, step.after
    if after is None:
        return 0
    if after.state is State.READY:
        return after.plan if before is None or before.plan != after.plan else 0
    return after.tried if after.state in _BEGUN and (before is None or before.tried != after.tried) else 0


def _holders_gone(case: Case) -> Iterator[Violation]:
    """Nothing is condemned while something is recorded that was built on it.

    What is known by its name alone makes way for the next of that name, whatever was built on it.
    """
    requires: dict[tuple[str, str], tuple[str, ...]] = {}
    for commit in _by_commit(case.records.steps):
        for step in commit:
            requires.pop((step.stack, step.record.ref), None)
            if step.after is not None:
                requires[step.stack, step.record.ref] = step.after.requires
        for step in commit:
            if not _condemned(step) or _is_natural(case, step):
                continue
            ref = step.record.ref
            holders = [
                of for (stack, of), needed in requires.items() if stack == step.stack and ref in needed
            ]
            if set(holders) - {ref}:
                what = f"{ref} goes at {step.written.revision}"
                yield Violation(15, f"{what} while {', '.join(sorted(holders))} stands on it")


def _condemned(step: Step) -> bool:
    if step.after is None:
        return step.before is not None and step.before.state is not State.LEAVING
    leaves = step.after.state is State.LEAVING and step.after.reason != _VANISHED
    return leaves and (step.before is None or step.before.state is not State.LEAVING)


def _is_natural(case: Case, step: Step) -> bool:
    versions = case.ledger.versions.get(step.record.token)
    return versions is not None and versions[-1][2].natural


def _all_is_told(case: Case) -> Iterator[Violation]:
    """Whatever begins to be, or ceases to be, says so by an event of the same commit."""
    for commit in _by_commit(case.records.steps):
        told = {
            (event.path, event.action)
            for key, value in commit[0].written.changes
            if key.startswith("stacks/") and key.split("/")[3] == "events" and value is not None
            for event in decode(EventBatch, value).events
            if event.status == "COMPLETE"
        }
        for step in commit:
            action = _happened(step)
            if action and (step.record.path, action) not in told:
                yield Violation(19, f"no event says that {step.record.ref} is {action}_COMPLETE")


def _happened(step: Step) -> str:
    """What a person must be told of this write."""
    before, after = step.before, step.after
    if after is None:
        return "DELETE"
    if after.state is not State.READY:
        return ""
    if before is None or before.state in _MADE:
        return "CHECK" if after.external else "CREATE"
    return "UPDATE" if before.state is State.UPDATING else ""


def _by_commit(steps: Iterable[Step]) -> Iterator[list[Step]]:
    commit: list[Step] = []
    for step in steps:
        if commit and commit[0].written.revision != step.written.revision:
            yield commit
            commit = []
        commit.append(step)
    if commit:
        yield commit


def _only_orphans_are_told_of(case: Case) -> Iterator[Violation]:
    """Nothing is called an orphan that an attempt accounts for."""
    attempts: dict[str, Attempt] = {}
    for written in case.evidence.history:
        for key, value in written.changes:
            if key.startswith("attempts/"):
                attempts.pop(key.rpartition("/")[2], None)
                if value is not None:
                    attempts[key.rpartition("/")[2]] = decode(Attempt, value)
        for key, value in written.changes:
            if value is None or not key.startswith(keys.ORPHANS):
                continue
            orphan = decode(Orphan, value)
            attempt = attempts.get(orphan.token)
            if attempt is None or attempt.state is AttemptState.CLOSED:
                continue
            if attempt.id == orphan.id or attempt.state is AttemptState.INTENT:
                told = f"{orphan.kind} {orphan.id} is called an orphan"
                yield Violation(27, f"{told} while its attempt is {attempt.state}, at {written.at:.3f}")


CHECKS: tuple[Callable[[Case], Iterable[Violation]], ...] = (
    _no_lost_stack,
    _one_operation_per_request,
    _one_claim,
    _one_holder,
    _needs_first,
    _holders_gone,
    _all_is_told,
    _only_orphans_are_told_of,
)
