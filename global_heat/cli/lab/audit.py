"""The audit: what the clouds themselves know, against what is recorded.

Every recorded thing must exist, nothing else may, and nothing twice. Relations (a router's interface, a
volume in a server) are no things of their own: that their two ends are joined is what is looked for. What
services make along, a port for a server that names a network, belongs to the thing it was made for; so do the
rules that stand in a security group's own properties.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from global_heat.model.leavings import Orphan, OrphanState
from global_heat.model.names import Region
from global_heat.model.records import (
    Attempt,
    AttemptState,
    Header,
    Incarnation,
    State,
    Status,
    TrustAttempt,
    TrustRecord,
)
from global_heat.resources.catalogue import ALL
from global_heat.resources.type import Handle
from global_heat.sim.cloud.things import Made, Origin
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import Store

KEYSTONE = "(keystone)"
"""Where trusts are: of no region."""
TRUST = "identity.trust"
RELATIONS = frozenset(
    ("network.router_interface", "network.floatingip_association", "compute.volume_attachment")
)


class Records(msgspec.Struct, frozen=True):
    """What the store says of things. `trusts` by their handles; `trust_attempts` are those in the ledger."""

    headers: tuple[Header, ...] = ()
    incarnations: tuple[Incarnation, ...] = ()
    attempts: tuple[Attempt, ...] = ()
    trusts: tuple[str, ...] = ()
    trust_attempts: tuple[str, ...] = ()
    kept: tuple[tuple[str, str], ...] = ()
    """Orphans that their project has adopted: region and id."""

    @property
    def busy(self) -> list[str]:
        """Stacks of which not all is done: reasons to look again later."""
        return [f"{header.name} is {header.state}" for header in self.headers if not header.ended]


class Discrepancy(msgspec.Struct, frozen=True):
    """`problem` is one of missing, orphan, duplicate."""

    problem: str
    region: str
    kind: str
    id: str
    story: str


class Tally(msgspec.Struct, frozen=True):
    """One region in figures."""

    region: str
    recorded: int
    exist: int
    missing: int
    orphans: int
    duplicates: int


class Audit(msgspec.Struct, frozen=True):
    tallies: tuple[Tally, ...]
    discrepancies: tuple[Discrepancy, ...]
    busy: tuple[str, ...] = ()

    @property
    def clean(self) -> bool:
        return not self.discrepancies

    @property
    def exist(self) -> int:
        """How many things there are in all regions' clouds."""
        return sum(tally.exist for tally in self.tallies if tally.region != KEYSTONE)

    def count(self, problem: str) -> int:
        return sum(1 for found in self.discrepancies if found.problem == problem)


async def read_records(store: Store) -> Records:
    """Everything that the audit compares."""
    headers: list[Header] = []
    incarnations: list[Incarnation] = []
    trusts: list[str] = []
    for entry in (await store.scan(keys.STACKS)).entries:
        match entry.key.split("/")[3]:
            case "header":
                headers.append(decode(Header, entry.value))
            case "resources":
                incarnations.append(decode(Incarnation, entry.value))
            case "trusts":
                trusts.append(decode(TrustRecord, entry.value).handle)
    attempts = (await store.scan(keys.attempts())).entries
    orphans = [decode(Orphan, entry.value) for entry in (await store.scan(keys.ORPHANS)).entries]
    ledger = (await store.scan(keys.TRUSTS)).entries
    return Records(
        headers=tuple(headers),
        incarnations=tuple(incarnations),
        attempts=tuple(decode(Attempt, entry.value) for entry in attempts),
        trusts=tuple(trusts),
        trust_attempts=tuple(decode(TrustAttempt, entry.value).handle for entry in ledger),
        kept=tuple((each.region, each.id) for each in orphans if each.state is OrphanState.ADOPTED),
    )


def audit(
    truth: Iterable[Made], records: Records, regions: Sequence[str], known: Collection[str] = ()
) -> Audit:
    """Compare. `known` are ids of things that somebody made by hand, which are no concern of ours."""
    truth = [made for made in truth if made.deleted_at is None and made.id not in known]
    things = {(made.region, made.id): made for made in truth if made.region}
    recorded = _recorded(records)
    ours = {
        place: made
        for place, made in things.items()
        if made.origin == Origin.USER and not _is_part(made, recorded)
    }
    found = [
        *_missing(records, things),
        *_orphans(ours, recorded),
        *_duplicates(ours.values(), records),
        *_wrong_trusts(truth, records),
    ]
    counts = Counter((each.region, each.problem) for each in found)
    exist = Counter(region for region, _ in ours)
    exist[KEYSTONE] = sum(made.kind == TRUST for made in truth)
    kept = Counter(region for region, _ in recorded)
    kept[KEYSTONE] = len(records.trusts)
    return Audit(
        tallies=tuple(
            Tally(
                name,
                kept[name],
                exist[name],
                counts[name, "missing"],
                counts[name, "orphan"],
                counts[name, "duplicate"],
            )
            for name in (*regions, KEYSTONE)
        ),
        discrepancies=tuple(found),
        busy=tuple(records.busy),
    )


def _recorded(records: Records) -> dict[tuple[str, str], str]:
    """What is recorded as a thing of a cloud, by its place, with whose it is; also what was let go."""
    found: dict[tuple[str, str], str] = {
        (each.region, each.id): each.ref for each in records.incarnations if each.id and _is_thing(each)
    }
    for each in records.incarnations:
        if each.saving is not None and each.saving.id:
            found[each.region, each.saving.id] = f"{each.ref} (snapshot)"
    for attempt in records.attempts:
        if attempt.state is AttemptState.RETAINED:
            found[attempt.region, attempt.id] = f"{attempt.path}@{attempt.region}#{attempt.n} (retained)"
    return found | dict.fromkeys(records.kept, "an adopted orphan")


def _missing(records: Records, things: Mapping[tuple[str, str], Made]) -> Iterable[Discrepancy]:
    for each in records.incarnations:
        if not each.id or each.state in (State.INTENT, State.LEAVING) or _is_local(each):
            continue
        kind = ALL[each.type].kind
        if kind in RELATIONS:
            there = _is_joined(each.region, each.id, things)
        else:
            there = (each.region, each.id) in things
        if not there:
            story = f"{each.ref} is recorded as {each.state} and does not exist"
            yield Discrepancy("missing", each.region, kind, each.id, story)


def _orphans(
    ours: Mapping[tuple[str, str], Made], recorded: Mapping[tuple[str, str], str]
) -> Iterable[Discrepancy]:
    for place, made in ours.items():
        if place not in recorded:
            token = f"attempt {made.token[:8]}…" if made.token else "without a token"
            story = f"{made.name or 'nameless'} ({token}) exists and is recorded nowhere"
            yield Discrepancy("orphan", made.region, made.kind, made.id, story)


def _duplicates(ours: Iterable[Made], records: Records) -> Iterable[Discrepancy]:
    """Two things of one resource, unless one of them is on its way out: that is a replacement.

    A stack that has failed may have stopped between the two: there each incarnation is one for itself.
    """
    failed = {header.id for header in records.headers if header.status is Status.FAILED}
    leaving = {each.id for each in records.incarnations if each.state is State.LEAVING}
    whose = {attempt.token: attempt for attempt in records.attempts}
    twins: dict[tuple[str, Region, str, int, str], list[Made]] = defaultdict(list)
    for made in ours:
        attempt = whose.get(made.token) if made.token else None  # type: ignore[call-overload]
        if attempt is not None and attempt.state is not AttemptState.RETAINED and made.id not in leaving:
            n = attempt.n if attempt.stack in failed else 0
            twins[attempt.stack, attempt.region, attempt.path, n, attempt.kind].append(made)
    for (_, region, path, _, _), makes in twins.items():
        for made in makes[1:]:
            story = f"{path} exists {len(makes)} times: also as {makes[0].id}"
            yield Discrepancy("duplicate", region, made.kind, made.id, story)


def _wrong_trusts(truth: Iterable[Made], records: Records) -> Iterable[Discrepancy]:
    """A trust's id is sealed in its record; both know its expiry. One in the ledger will be removed."""
    exist = {made.name: made.id for made in truth if made.kind == TRUST}
    for handle in set(records.trusts) - exist.keys():
        yield Discrepancy("missing", KEYSTONE, TRUST, handle, "its stack has no credential")
    for handle in exist.keys() - {*records.trusts, *records.trust_attempts}:
        yield Discrepancy("orphan", KEYSTONE, TRUST, exist[handle], "no record names it, nor does the ledger")


def _is_part(made: Made, recorded: Mapping[tuple[str, str], str]) -> bool:
    """Whether it goes with something that is recorded, as a group's own rules do: they have no token."""
    is_rule = made.kind == "network.security_group_rule" and made.token is None
    return is_rule and any((made.region, id) in recorded for id in made.joined)


def _is_local(incarnation: Incarnation) -> bool:
    return ALL[incarnation.type].handle is Handle.LOCAL


def _is_thing(incarnation: Incarnation) -> bool:
    return not _is_local(incarnation) and ALL[incarnation.type].kind not in RELATIONS


def _is_joined(region: str, id: str, things: Mapping[tuple[str, str], Made]) -> bool:
    """A relation's id names what it joins: `ROUTER:subnet_id=SUBNET`, `SERVER:VOLUME`, `ADDRESS:PORT`."""
    ends = {part.rpartition("=")[2] for part in re.split(r"[:,]", id)}
    return any(ends <= {made.id, *made.joined} for (place, _), made in things.items() if place == region)
