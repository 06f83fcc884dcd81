"""A history whose times are only bounded: a violation is what no reading of it excuses."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.records import AttemptState, State
from global_heat.sim.checker import check_history
from tests.unit.sim.evidence import KIND, TOKEN, Case, attempt, built, deleted, record

TIMED = (6, 11, 12)
"""Those that ask what was recorded when."""


def found(case: Case, earliest: dict[int, float]) -> list[int]:
    evidence = msgspec.structs.replace(case.evidence(), earliest=earliest)
    return [each.invariant for each in check_history(evidence) if each.invariant in TIMED]


def created_at(written: float) -> Case:
    """A request that arrives at 2.0; its intent was heard of at `written`."""
    case = Case()
    case.wrote(written, attempt(AttemptState.INTENT), record(State.INTENT))
    case.sent(2.0, "POST", "/network/v2.0/networks", TOKEN)
    return case


def test_an_intent_that_may_have_come_first_is_excused():
    assert found(created_at(2.5), {}) == [6]
    assert found(created_at(2.5), {2: 1.5}) == []
    assert found(created_at(2.5), {2: 2.1}) == [6]


@pytest.mark.parametrize(("earliest", "invariants"), [(3.9, []), (4.6, [11, 12])])
def test_a_deletion_must_be_wrong_under_every_reading(earliest, invariants):
    case = built()
    case.wrote(5.0, attempt(AttemptState.CONDEMNED, "net-1"), record(State.LEAVING, "net-1"))
    case.sent(4.5, "DELETE", "/network/v2.0/networks/net-1")
    case.removed(case.cloud.regions["east"].ground.things.of(KIND)["net-1"], 4.5)
    assert found(case, {4: earliest}) == invariants


def test_what_is_deleted_before_it_may_be_recorded_is_no_loss():
    case = Case()
    case.wrote(1.0, attempt(AttemptState.INTENT))
    case.wrote(1.5, attempt(AttemptState.CONDEMNED))
    case.sent(2.0, "POST", "/network/v2.0/networks", TOKEN)
    case.removed(case.exists(), 3.0)
    case.wrote(4.0, record(State.READY, "net-1"))
    assert found(case, {4: 2.5}) == []


def test_without_guards_nobody_can_say_that_a_write_was_unguarded():
    case = deleted()
    case.wrote(7.0, record(State.READY, "net-1"), guards=())
    judged = [case.evidence(), msgspec.structs.replace(case.evidence(), guards_known=False)]
    assert [5 in {each.invariant for each in check_history(every)} for every in judged] == [True, False]
