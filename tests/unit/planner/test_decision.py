"""What a step does, case by case."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.planner.decision import (
    Create,
    Done,
    Failed,
    Keep,
    Mend,
    Resume,
    Update,
    Wish,
    decide_apply,
    differences,
    finished,
    forcing,
    live,
    superseded,
)
from tests.unit.planner.recorded import NET, SCHEMAS, SUBNET, hashes, recorded

PLAN = 2
BIG, SMALL = {"name": "net", "size": 2}, {"name": "net", "size": 1}
WISH = Wish(hashes(**BIG))


def forces_size(changed):
    """In these tests a change of `size` replaces, any other updates."""
    return tuple(name for name in changed if name == "size")


def ready(n: int = 1, plan: int = 1, **properties):
    return recorded("net", "READY", n, plan=plan, properties=properties or BIG)


def opened(state: str, n: int = 1, target=BIG, **fields):
    return recorded("net", state, n, target=hashes(**target), **fields)


AS_WISHED, RENAMED, SMALLER = ready(), ready(name="other", size=2), ready(**SMALL)
INTENT = opened("INTENT", target=SMALL)
CREATED, CREATED_SMALL = opened("CREATED"), opened("CREATED", target=SMALL)
CREATED_RENAMED = opened("CREATED", target={"name": "other", "size": 2})
UPDATING, UPDATING_SMALL = opened("UPDATING"), opened("UPDATING", target=SMALL)
FAILED_NOW, FAILED_BEFORE = recorded("net", "FAILED", tried=PLAN), opened("FAILED", tried=1)
FAILED_SMALL, NEVER_MADE = (
    opened("FAILED", target=SMALL, tried=1),
    msgspec.structs.replace(opened("FAILED", tried=1), id=""),
)
LEAVING = recorded("net", "LEAVING", 3)
OTHER_TYPE = recorded("net", "READY", 4, type=SUBNET)
FINISHED = ready(plan=PLAN, name="whatever it was found to be")


@pytest.mark.parametrize(
    ("incarnations", "decision"),
    [
        pytest.param([], Create(1), id="nothing is recorded: create"),
        pytest.param([LEAVING], Create(4), id="the old one is on its way out: create the next"),
        pytest.param([OTHER_TYPE], Create(5), id="one of another type cannot become it"),
        pytest.param([AS_WISHED], Keep(AS_WISHED), id="as wished: keep"),
        pytest.param([FINISHED], Done(FINISHED), id="finished for this plan: done"),
        pytest.param([RENAMED], Update(RENAMED, ("name",)), id="what can be changed: update"),
        pytest.param([SMALLER], Create(2, SMALLER, ("size",)), id="what forces it: replace"),
        pytest.param([INTENT], Resume(INTENT), id="an open intent is resolved first, whatever is wished"),
        pytest.param([CREATED], Resume(CREATED), id="not ready yet: go on"),
        pytest.param([CREATED_RENAMED], Resume(CREATED_RENAMED), id="go on, then update"),
        pytest.param([CREATED_SMALL], Create(2, CREATED_SMALL, ("size",)), id="no use in waiting for it"),
        pytest.param([UPDATING], Resume(UPDATING), id="an update half-way: go on"),
        pytest.param([UPDATING_SMALL], Create(2, UPDATING_SMALL, ("size",)), id="an update to the wrong"),
        pytest.param([FAILED_NOW], Failed(FAILED_NOW), id="failed under this plan: no second try"),
        pytest.param(
            [NEVER_MADE], Create(2, NEVER_MADE), id="it could not be made under an earlier plan: anew"
        ),
        pytest.param(
            [FAILED_BEFORE],
            Mend(FAILED_BEFORE, Create(2, FAILED_BEFORE)),
            id="failed under an earlier plan: a look tells whether it is good",
        ),
        pytest.param(
            [FAILED_SMALL],
            Create(2, FAILED_SMALL, ("size",)),
            id="failed before, and what is wished now replaces it anyway",
        ),
        pytest.param([AS_WISHED, LEAVING], Keep(AS_WISHED), id="what leaves does not stand for it"),
        pytest.param([LEAVING, SMALLER], Create(4, SMALLER, ("size",)), id="numbers are never used again"),
        pytest.param([SMALLER, ready(2)], Keep(ready(2)), id="the newest that is as wished"),
        pytest.param([ready(2), AS_WISHED], Keep(ready(2)), id="of two that are, the newest, in any order"),
    ],
)
def test_decision(incarnations, decision):
    assert decide_apply(incarnations, NET, WISH, forces_size, PLAN) == decision


@pytest.mark.parametrize(
    "replacement",
    [ready(2, **SMALL), recorded("net", "FAILED", 2, tried=1), opened("CREATED", 2, SMALL)],
    ids=lambda replacement: replacement.state,
)
def test_a_rollback_goes_back_to_what_still_stands_as_wished(replacement):
    assert decide_apply([AS_WISHED, replacement], NET, WISH, forces_size, PLAN) == Keep(AS_WISHED)


def test_once_gone_back_it_is_done_although_a_newer_one_waits_for_its_removal():
    kept = ready(1, plan=PLAN)
    assert decide_apply([kept, ready(2, **SMALL)], NET, WISH, forces_size, PLAN) == Done(kept)


def test_an_open_intent_is_resolved_before_anything_is_gone_back_to():
    intent = opened("INTENT", 2, SMALL)
    assert decide_apply([AS_WISHED, intent], NET, WISH, forces_size, PLAN) == Resume(intent)


def test_nothing_is_gone_back_to_while_a_value_is_unknown():
    newer = ready(2, **SMALL)
    wish = Wish(hashes(**BIG), frozenset({"later"}))
    assert decide_apply([AS_WISHED, newer], NET, wish, forces_size, PLAN) == Create(3, newer, ("size",))


@pytest.mark.parametrize(
    ("have", "wish", "expected"),
    [
        ({"a": 1, "b": 2}, Wish(hashes(a=1, b=2)), ()),
        ({"a": 1}, Wish(hashes(a=2)), ("a",)),
        ({}, Wish(hashes(b=1, a=1)), ("a", "b")),
        ({"a": 1}, Wish({}), ("a",)),
        ({"a": 1}, Wish(hashes(a=1), frozenset({"b"})), ("b",)),
        ({"a": 1}, Wish({}, frozenset({"a"})), ("a",)),
    ],
    ids=["same", "other value", "given now", "not given any more", "unknown yet", "unknown, was known"],
)
def test_differences_are_named_in_order(have, wish, expected):
    assert differences(hashes(**have), wish) == expected


@pytest.mark.parametrize(
    ("type", "changed", "props", "expected"),
    [
        (SUBNET, {"name", "enable_dhcp"}, {}, ()),
        (SUBNET, {"name", "cidr"}, {}, ("cidr",)),
        (SUBNET, set(), {}, ()),
        ("OS::Heat::TestResource", {"update_replace"}, {"update_replace": True}, ()),
        ("OS::Heat::TestResource", {"value", "update_replace"}, {"update_replace": False}, ()),
        (
            "OS::Heat::TestResource",
            {"value", "update_replace"},
            {"update_replace": True},
            ("update_replace", "value"),
        ),
    ],
)
def test_a_replacement_is_forced_by_the_schema_or_by_the_types_own_rule(type, changed, props, expected):
    assert forcing(SCHEMAS, type, props)(changed) == expected


def test_the_live_one_is_the_newest_that_is_not_leaving():
    assert live([ready(1), ready(2), recorded("net", "LEAVING", 3)]) == ready(2)
    assert live([recorded("net", "LEAVING")]) is None
    assert live([]) is None


@pytest.mark.parametrize("state", ["INTENT", "CREATED", "UPDATING", "FAILED", "LEAVING"])
def test_only_what_is_ready_is_finished_and_only_for_its_own_plan(state):
    assert finished([recorded("net", state, plan=PLAN)], PLAN) is None
    assert finished([ready(1, plan=1), ready(2, plan=PLAN)], PLAN) == ready(2, plan=PLAN)
    assert finished([ready(1, plan=1)], PLAN) is None


def test_of_what_is_not_wished_everything_goes_oldest_first():
    assert superseded([ready(2), ready(1)], False, PLAN) == (ready(1), ready(2))


def test_nothing_goes_before_its_successor_is_finished():
    assert superseded([ready(1), opened("CREATED", 2)], True, PLAN) is None


def test_all_but_the_finished_one_goes_also_in_other_regions_and_also_what_is_newer():
    here = ready(2, plan=PLAN)
    others = [ready(1), ready(3), recorded("net", n=2, region="west")]
    gone = superseded([*others, here], True, PLAN)
    assert gone is not None
    assert [i.ref for i in gone] == ["net@east#1", "net@west#2", "net@east#3"]
