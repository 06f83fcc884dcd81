"""The audit's comparison: what it takes for missing, for an orphan, for a duplicate, and what for neither."""

from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest
from rich.console import Console

from global_heat.cli.lab.audit import KEYSTONE, Audit, Records, audit
from global_heat.cli.lab.auditing import audit_record, print_audit
from global_heat.model.names import Path, PhysicalId, Project, Region, StackId, Token
from global_heat.model.records import (
    Action,
    Attempt,
    AttemptState,
    Header,
    Incarnation,
    State,
    Status,
)
from global_heat.sim.cloud.things import Made

REGIONS = ("north", "south")
PROJECT, STACK = Project("p"), StackId("s")
_numbers = itertools.count(1)


def made(id: str, kind: str = "network.network", region: str = "north", **more: Any) -> Made:
    fields = {
        "name": id,
        "project": "p",
        "token": None,
        "created_at": 0.0,
        "deleted_at": None,
        "origin": "user",
    }
    return Made(kind=kind, id=id, region=region, **{**fields, **more})


def record(id: str, type: str = "OS::Neutron::Net", region: str = "north", **more: Any) -> Incarnation:
    fields: dict[str, Any] = {"path": Path(f"r{next(_numbers)}"), "n": 1, "state": State.READY}
    return Incarnation(region=Region(region), type=type, id=PhysicalId(id), **{**fields, **more})


def attempt(token: str, path: str = "net", region: str = "north", **more: Any) -> Attempt:
    return Attempt(
        token=Token(token),
        project=PROJECT,
        stack=STACK,
        region=Region(region),
        path=Path(path),
        type="OS::Neutron::Net",
        kind="network.network",
        **{"n": 1, "state": AttemptState.ADOPTED, **more},
    )


def header(status: Status) -> Header:
    return Header(
        project=PROJECT,
        id=STACK,
        name="demo",
        region=Region("north"),
        revision=1,
        plan=1,
        action=Action.CREATE,
        status=status,
        created_at=0.0,
    )


def problems(found: Audit) -> list[tuple[str, str, str]]:
    return [(each.problem, each.region, each.id) for each in found.discrepancies]


def test_what_is_recorded_and_exists_is_clean() -> None:
    records = Records(incarnations=(record("a"), record("b", region="south")))
    found = audit([made("a"), made("b", region="south")], records, REGIONS)
    assert found.clean
    assert found.exist == 2
    assert [(tally.region, tally.recorded, tally.exist) for tally in found.tallies] == [
        ("north", 1, 1),
        ("south", 1, 1),
        (KEYSTONE, 0, 0),
    ]


@pytest.mark.parametrize("state", [State.CREATED, State.UPDATING, State.READY, State.FAILED])
def test_a_recorded_thing_that_does_not_exist_is_missing(state: State) -> None:
    found = audit([], Records(incarnations=(record("a", state=state),)), REGIONS)
    assert problems(found) == [("missing", "north", "a")]


@pytest.mark.parametrize("state", [State.INTENT, State.LEAVING])
def test_what_may_not_be_there_yet_or_any_more_is_not_missing(state: State) -> None:
    assert audit([], Records(incarnations=(record("a", state=state),)), REGIONS).clean


def test_a_thing_in_another_region_than_recorded_is_both() -> None:
    found = audit([made("a", region="south")], Records(incarnations=(record("a"),)), REGIONS)
    assert problems(found) == [("missing", "north", "a"), ("orphan", "south", "a")]


@pytest.mark.parametrize("token", [None, "t" * 42])
def test_what_is_recorded_nowhere_is_an_orphan(token: str | None) -> None:
    found = audit([made("a", token=token)], Records(), REGIONS)
    assert problems(found) == [("orphan", "north", "a")]


def test_what_services_made_along_or_somebody_by_hand_or_is_deleted_is_no_orphan() -> None:
    truth = [
        made("port", "network.port", origin="service"),
        made("by-hand"),
        made("gone", deleted_at=1.0),
    ]
    assert audit(truth, Records(), REGIONS, known={"by-hand"}).clean


def test_what_was_let_go_for_good_is_no_orphan() -> None:
    kept = attempt("t", state=AttemptState.RETAINED, id=PhysicalId("a"))
    assert audit([made("a", token="t")], Records(attempts=(kept,)), REGIONS).clean
    assert audit([made("a", token="t")], Records(kept=(("north", "a"),)), REGIONS).clean


def test_a_groups_own_rules_go_with_it_and_no_others() -> None:
    group = record("group", "OS::Neutron::SecurityGroup")
    rules = [
        made("own", "network.security_group_rule", joined=("group",)),
        made("strange", "network.security_group_rule", joined=("other",)),
        made("ours", "network.security_group_rule", joined=("group",), token="t"),
    ]
    truth = [made("group", "network.security_group"), *rules]
    found = audit(truth, Records(incarnations=(group,)), REGIONS)
    assert problems(found) == [("orphan", "north", "strange"), ("orphan", "north", "ours")]


def test_two_things_of_one_resource_are_a_duplicate() -> None:
    attempts = (attempt("t1"), attempt("t2", n=2), attempt("t3", region="south"), attempt("t4", "other"))
    truth = [
        made("a", token="t1"),
        made("b", token="t2"),
        made("c", token="t3", region="south"),
        made("d", token="t4"),
    ]
    standing = tuple(record(each.id, region=each.region) for each in truth)
    found = audit(truth, Records(incarnations=standing, attempts=attempts), REGIONS)
    assert problems(found) == [("duplicate", "north", "b")]


def test_one_attempt_that_made_two_things_is_a_duplicate_and_an_orphan() -> None:
    records = Records(incarnations=(record("a"),), attempts=(attempt("t"),))
    found = audit([made("a", token="t"), made("b", token="t")], records, REGIONS)
    assert sorted(problems(found)) == [("duplicate", "north", "b"), ("orphan", "north", "b")]


def test_what_is_replaced_and_on_its_way_out_is_no_duplicate() -> None:
    records = Records(
        incarnations=(record("old", state=State.LEAVING), record("new")),
        attempts=(attempt("t1"), attempt("t2", n=2)),
    )
    assert audit([made("old", token="t1"), made("new", token="t2")], records, REGIONS).clean


@pytest.mark.parametrize(("n", "twins"), [(1, [("duplicate", "north", "b")]), (2, [])])
def test_a_replacement_that_failed_half_way_is_no_duplicate(
    n: int, twins: list[tuple[str, str, str]]
) -> None:
    records = Records(
        headers=(header(Status.FAILED),),
        incarnations=(record("a"), record("b")),
        attempts=(attempt("t1"), attempt("t2", n=n)),
    )
    assert problems(audit([made("a", token="t1"), made("b", token="t2")], records, REGIONS)) == twins


@pytest.mark.parametrize(
    ("type", "id", "end"),
    [
        (
            "OS::Neutron::RouterInterface",
            "router:subnet_id=subnet",
            made("port", "network.port", origin="service", joined=("router", "subnet")),
        ),
        (
            "OS::Neutron::RouterInterface",
            "router:port_id=port",
            made("port", "network.port", origin="service", joined=("router", "subnet")),
        ),
        (
            "OS::Cinder::VolumeAttachment",
            "server:volume",
            made("volume", "volume.volume", origin="service", joined=("server",)),
        ),
        (
            "OS::Neutron::FloatingIPAssociation",
            "address:port",
            made("address", "network.floatingip", origin="service", joined=("port",)),
        ),
    ],
)
def test_a_relation_is_there_while_its_ends_are_joined(type: str, id: str, end: Made) -> None:
    records = Records(incarnations=(record(id, type),))
    assert audit([end], records, REGIONS).clean
    apart = msgspec.structs.replace(end, joined=())
    assert problems(audit([apart], records, REGIONS)) == [("missing", "north", id)]
    elsewhere = msgspec.structs.replace(end, region="south")
    assert problems(audit([elsewhere], records, REGIONS)) == [("missing", "north", id)]


def test_what_lives_in_the_records_alone_is_looked_for_in_no_cloud() -> None:
    found = audit([], Records(incarnations=(record("x", "OS::Heat::RandomString"),)), REGIONS)
    assert found.clean
    assert found.tallies[0].recorded == 0


@pytest.mark.parametrize(
    ("records", "problems"),
    [
        (Records(), [("orphan", "t")]),
        (Records(trusts=("mine",)), []),
        (Records(trust_attempts=("mine",)), []),
        (Records(trusts=("mine", "other")), [("missing", "other")]),
        (Records(trusts=("other",)), [("missing", "other"), ("orphan", "t")]),
    ],
)
def test_a_trust_is_known_by_its_expiry(records: Records, problems: list[tuple[str, str]]) -> None:
    trust = msgspec.structs.replace(made("t", "identity.trust", region=""), name="mine")
    found = audit([trust], records, REGIONS)
    assert sorted((each.problem, each.id) for each in found.discrepancies) == problems
    assert found.exist == 0


def test_a_stack_that_is_not_at_rest_is_named() -> None:
    headers = (header(Status.IN_PROGRESS), header(Status.COMPLETE))
    assert audit([], Records(headers=headers), REGIONS).busy == ("demo is CREATE_IN_PROGRESS",)


def test_it_is_printed_with_its_reasons() -> None:
    found = audit([made("stray")], Records(incarnations=(record("lost"),)), REGIONS)
    console = Console(width=200, highlight=False)
    with console.capture() as captured:
        print_audit(found, console)
    lines = captured.get().splitlines()
    assert lines[0].split() == ["region", "recorded", "exist", "missing", "orphans", "duplicates"]
    assert lines[1].split() == ["north", "1", "1", "1", "1", "0"]
    assert any(line.startswith("orphan: north: network.network stray: ") for line in lines)
    assert lines[-1] == "2 discrepancies"
    assert audit_record(found)["clean"] is False
