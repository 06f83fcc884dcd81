"""Records: what they say of themselves, and the name of an incarnation."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.names import Path, PhysicalId, Project, Region, StackId, Token
from global_heat.model.records import (
    SCHEMA,
    Action,
    Attempt,
    AttemptState,
    Header,
    Incarnation,
    State,
    Status,
    WorkRecord,
    parse_ref,
)


def incarnation(path: str, region: str = "east", n: int = 1) -> Incarnation:
    return Incarnation(path=Path(path), region=Region(region), n=n, type="OS::Heat::None", state=State.READY)


def header(action: Action, status: Status) -> Header:
    return Header(
        project=Project("red"),
        id=StackId("s"),
        name="web",
        region=Region("east"),
        revision=1,
        plan=1,
        action=action,
        status=status,
        created_at=0.0,
    )


@pytest.mark.parametrize(
    "path", ["server", "group/3/server", "user@host", "a#1", "group@x#2/3/a@b#7", "@", "#", "@#1"]
)
@pytest.mark.parametrize("region", ["east", "Region-One.v2_3"])
def test_a_ref_comes_apart_again_whatever_a_resource_is_called(path, region):
    assert parse_ref(incarnation(path, region, 12).ref) == (path, region, 12)


def test_a_ref_reads_as_people_write_it():
    assert incarnation("group/3/server", "east", 2).ref == "group/3/server@east#2"


def test_refs_of_different_incarnations_differ():
    refs = {incarnation(*each).ref for each in [("a", "e", 1), ("a", "e", 2), ("a", "w", 1), ("a#1", "e", 1)]}
    assert len(refs) == 4


def test_the_schema_is_written_although_other_defaults_are_not():
    assert msgspec.json.decode(msgspec.json.encode(WorkRecord())) == {"schema": SCHEMA}


@pytest.mark.parametrize(
    ("action", "status", "ended", "deleted", "state"),
    [
        (Action.CREATE, Status.IN_PROGRESS, False, False, "CREATE_IN_PROGRESS"),
        (Action.CREATE, Status.COMPLETE, True, False, "CREATE_COMPLETE"),
        (Action.ROLLBACK, Status.FAILED, True, False, "ROLLBACK_FAILED"),
        (Action.DELETE, Status.IN_PROGRESS, False, False, "DELETE_IN_PROGRESS"),
        (Action.DELETE, Status.FAILED, True, False, "DELETE_FAILED"),
        (Action.DELETE, Status.COMPLETE, True, True, "DELETE_COMPLETE"),
    ],
)
def test_a_header_says_whether_its_stack_has_ended_and_is_gone(action, status, ended, deleted, state):
    made = header(action, status)
    assert (made.ended, made.deleted, made.state) == (ended, deleted, state)


@pytest.mark.parametrize(
    ("state", "gone", "seen", "pending"),
    [
        (AttemptState.INTENT, False, False, False),
        (AttemptState.ADOPTED, False, True, False),
        (AttemptState.CONDEMNED, False, False, True),
        (AttemptState.CONDEMNED, False, True, True),
        (AttemptState.CONDEMNED, True, False, False),
        (AttemptState.CONDEMNED, True, True, True),
        (AttemptState.CLOSED, False, False, False),
        (AttemptState.RETAINED, False, True, False),
    ],
)
def test_only_a_condemned_attempt_that_may_have_left_something_is_pending(state, gone, seen, pending):
    attempt = Attempt(
        token=Token("t"),
        project=Project("red"),
        stack=StackId("s"),
        region=Region("east"),
        path=Path("a"),
        n=1,
        type="T",
        kind="k",
        state=state,
        id=PhysicalId("x"),
        gone=gone,
        seen=seen,
    )
    assert attempt.pending is pending
