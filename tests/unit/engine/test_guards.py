"""Why the sweeper spares a thing: every reason once, and what it does not spare."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from global_heat.engine.guards import (
    Place,
    Spared,
    Thing,
    thing_named,
    thing_of,
    why_name_spared,
    why_orphan_spared,
    why_spared,
    why_suspect,
)
from global_heat.engine.ports import Bounds
from global_heat.model.leavings import Orphan, OrphanState
from global_heat.model.names import Path, PhysicalId, Project, Region, StackId, Token
from global_heat.model.records import Attempt, AttemptState
from global_heat.model.token import mark, mint
from global_heat.resources.catalogue import KINDS

KEY, OTHER_KEY = b"k" * 32, b"o" * 32
EAST, RED = Region("east"), Project("red")
KIND = "network.network"
BOUNDS = Bounds(exec_seconds=100.0, lag_seconds=5.0, skew_seconds=5.0)
BEGUN, EXPIRES = 1_000_000.0, 1_003_600.0
PLACE = Place(EAST, RED, KIND, Project("red-there"))


def token(key: bytes = KEY, project: str = RED, region: str = EAST, kind: str = KIND, n: int = 1) -> Token:
    return mint(key, Project(project), Region(region), kind, bytes([n]) * 16)


ATTEMPT = Attempt(
    token=token(),
    project=RED,
    stack=StackId("s"),
    region=EAST,
    path=Path("net"),
    n=1,
    type="OS::Neutron::Net",
    kind=KIND,
    state=AttemptState.CONDEMNED,
    started_at=BEGUN,
    cred_expires_at=EXPIRES,
)
THING = Thing(PhysicalId("thing"), token(), BEGUN + 10.0, PLACE.owner)
ORPHAN = Orphan(
    region=EAST,
    project=RED,
    kind=KIND,
    type="OS::Neutron::Net",
    id=THING.id,
    token=token(),
    why="",
    made_at=BEGUN + 10.0,
    first_seen=EXPIRES,
    state=OrphanState.CONDEMNED,
)


def spared(thing: Thing = THING, attempt: Attempt | None = ATTEMPT, place: Place = PLACE) -> Spared | None:
    return why_spared(thing, place, attempt, (KEY,), BOUNDS)


def thing(**changes: object) -> Thing:
    return msgspec.structs.replace(THING, **changes)


def attempt(**changes: object) -> Attempt:
    return msgspec.structs.replace(ATTEMPT, **changes)


def test_what_a_condemned_attempt_made_goes():
    assert spared() is None
    assert spared(thing(owner="")) is None, "a service that does not say whose it is"
    assert spared(thing(made_at=None)) is None, "a service that does not say when"


def test_a_second_thing_of_an_adopted_attempt_goes():
    assert spared(attempt=attempt(state=AttemptState.ADOPTED, id="own")) is None


@pytest.mark.parametrize(
    ("made", "why"),
    [
        (thing(token=None), Spared.UNMARKED),
        (thing(token=Token("a" * 42)), Spared.FORGED),
        (thing(token=token(OTHER_KEY)), Spared.FORGED),
        (thing(token=token(project="blue")), Spared.FORGED),
        (thing(token=token(region="west")), Spared.FORGED),
        (thing(token=token(kind="network.port")), Spared.FORGED),
        (thing(owner="blue-there"), Spared.ANOTHERS),
        (thing(owner=RED), Spared.ANOTHERS),
        (thing(made_at=BEGUN - 6.5), Spared.TIME),
        (thing(made_at=EXPIRES + 106.5), Spared.TIME),
    ],
)
def test_a_thing_that_is_not_ours_or_not_its_attempts_is_spared(made: Thing, why: Spared):
    named = attempt(token=made.token) if made.token is not None else ATTEMPT
    assert spared(made, named) is why


@pytest.mark.parametrize(
    ("known", "why"),
    [
        (None, Spared.UNKNOWN),
        (attempt(token=token(n=2)), Spared.MISPLACED),
        (attempt(region="west"), Spared.MISPLACED),
        (attempt(project="blue"), Spared.MISPLACED),
        (attempt(kind="network.port"), Spared.MISPLACED),
        (attempt(state=AttemptState.INTENT), Spared.OPEN),
        (attempt(state=AttemptState.RETAINED, id="thing"), Spared.OVER),
        (attempt(state=AttemptState.CLOSED), Spared.OVER),
        (attempt(state=AttemptState.ADOPTED, id="thing"), Spared.WANTED),
    ],
)
def test_a_thing_whose_attempt_is_not_known_to_be_dead_is_spared(known: Attempt | None, why: Spared):
    assert spared(attempt=known) is why


def test_the_time_window_has_room_for_clocks_and_for_the_request_itself():
    assert spared(thing(made_at=BEGUN - 5.5)) is spared(thing(made_at=EXPIRES + 105.5)) is None


def test_of_the_thing_that_the_attempt_itself_names_the_time_is_not_asked():
    assert spared(thing(made_at=BEGUN - 1e6), attempt(id="thing")) is None


@pytest.mark.parametrize(
    ("known", "names", "made_at", "why"),
    [
        (attempt(id="key"), (), None, None),
        (attempt(id="key"), (), BEGUN - 1e6, None),
        (attempt(id="key"), (), EXPIRES + 106.5, Spared.TIME),
        (attempt(id="key"), ("key",), None, Spared.RENEWED),
        (attempt(id="key", token=Token("a" * 42)), (), None, Spared.FORGED),
        (attempt(id="key", region="west"), (), None, Spared.MISPLACED),
        (attempt(id="key", state=AttemptState.ADOPTED), (), None, Spared.WANTED),
        (attempt(id="key", state=AttemptState.INTENT), (), None, Spared.OPEN),
        (attempt(id="key", state=AttemptState.RETAINED), (), None, Spared.OVER),
    ],
)
def test_what_is_known_by_its_name_alone(known, names, made_at, why):
    named = Thing(PhysicalId("key"), known.token, made_at)
    assert why_name_spared(named, PLACE, known, (KEY,), BOUNDS, names) is why


def test_of_a_relation_the_age_of_its_end_is_not_asked():
    body = {"created_at": "2001-01-01T00:00:00Z", "project_id": "blue", "name": "k"}
    relation = thing_named(KINDS["OS::Neutron::RouterInterface"], attempt(id="r:s"), body)
    assert relation == Thing(PhysicalId("r:s"), ATTEMPT.token)
    key = thing_named(KINDS["OS::Nova::KeyPair"], attempt(id="k"), body)
    assert key.made_at == 978307200.0


@pytest.mark.parametrize(
    ("changes", "made", "why"),
    [
        ({}, THING, None),
        ({"state": OrphanState.SUSPECT}, THING, Spared.UNDECIDED),
        ({"state": OrphanState.ADOPTED}, THING, Spared.UNDECIDED),
        ({"region": "west"}, THING, Spared.MISPLACED),
        ({"project": "blue"}, THING, Spared.MISPLACED),
        ({"kind": "network.port"}, THING, Spared.MISPLACED),
        ({"id": "other"}, THING, Spared.CHANGED),
        ({"token": token(n=2)}, THING, Spared.CHANGED),
        ({}, thing(made_at=BEGUN + 11.0), Spared.CHANGED),
        ({}, thing(token=None), Spared.UNMARKED),
        ({}, thing(token=token(OTHER_KEY)), Spared.FORGED),
        ({}, thing(owner="blue-there"), Spared.ANOTHERS),
    ],
)
def test_an_orphan_is_deleted_only_as_it_was_condemned(changes, made, why):
    orphan = msgspec.structs.replace(ORPHAN, **changes)
    assert why_orphan_spared(made, PLACE, orphan, None, (KEY,)) is why


def test_an_orphan_that_the_ledger_accounts_for_after_all_is_spared():
    assert why_orphan_spared(THING, PLACE, ORPHAN, ATTEMPT, (KEY,)) is Spared.KNOWN


@pytest.mark.parametrize(
    ("known", "suspect"),
    [
        (None, True),
        (attempt(state=AttemptState.CLOSED), True),
        (attempt(state=AttemptState.CLOSED, id="thing"), True),
        (attempt(state=AttemptState.ADOPTED, id="own", settled=True), True),
        (attempt(state=AttemptState.ADOPTED, id="own"), False),
        (attempt(state=AttemptState.ADOPTED, id="thing", settled=True), False),
        (attempt(state=AttemptState.RETAINED, id="own"), True),
        (attempt(state=AttemptState.RETAINED, id="thing"), False),
        (attempt(state=AttemptState.INTENT), False),
        (attempt(state=AttemptState.CONDEMNED), False),
        (attempt(state=AttemptState.CONDEMNED, id="own", settled=True), False),
    ],
)
def test_what_no_attempt_accounts_for_is_suspect(known, suspect):
    assert bool(why_suspect(THING, PLACE, known, (KEY,))) is suspect


def test_nothing_is_both_swept_and_suspect():
    states = (None, *(attempt(state=s, id=i, settled=t) for s, i, t in itertools.product(
        AttemptState, ("", "thing", "own"), (True, False)
    )))  # fmt: skip
    both = [s for s in states if why_suspect(THING, PLACE, s, (KEY,)) and spared(attempt=s) is None]
    # A settled ADOPTED attempt is not swept any more, so nobody asks for it.
    assert all(state is not None and state.state is AttemptState.ADOPTED and state.settled for state in both)


def test_a_strangers_thing_is_never_suspect():
    for made in (thing(token=None), thing(token=token(OTHER_KEY)), thing(owner="blue-there")):
        assert not why_suspect(made, PLACE, None, (KEY,))


@pytest.mark.parametrize("owner", ["project_id", "tenant_id"])
def test_what_is_read_of_a_listed_thing(owner):
    body = {
        "id": "n1",
        "description": mark("mine", token()),
        "created_at": "2001-01-01T00:00:00Z",
        owner: "p",
    }
    seen = thing_of(KINDS["OS::Neutron::Net"], body)
    assert seen == Thing(PhysicalId("n1"), token(), 978307200.0, "p")
