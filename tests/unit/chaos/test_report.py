"""Several runs in one table; what was acknowledged is there; when a region was left alone."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from rich.console import Console

from global_heat.cli.chaos_runs.figures import Takeovers
from global_heat.cli.chaos_runs.hand import Done, disturbances
from global_heat.cli.chaos_runs.judging import kept, outbursts
from global_heat.cli.chaos_runs.load import Known
from global_heat.cli.chaos_runs.probes import Wait, untouched
from global_heat.cli.chaos_runs.report import Report, faults_table, runs_table, total, waits_table
from global_heat.cli.chaos_runs.schedule import Kind
from global_heat.model.names import Project, Region, StackId
from global_heat.model.records import Action, Header, Status
from global_heat.sim.blueprints import Blueprint
from global_heat.sim.evidence import Violation


def report(seed: int, **fields: Any) -> Report:
    return Report(
        seed,
        faults=Counter({Kind.REGION_KILL: 2, Kind.STORE_FULL: 1}),
        stacks=3,
        takeovers=Takeovers([0.25], [6.5]),
        waits={"north": [0.1, 4.0]},
        waits_untouched={"north": [0.1]},
        **fields,
    )


def shown(table: Any) -> list[list[str]]:
    console = Console(width=400, color_system=None)
    with console.capture() as captured:
        console.print(table)
    return [line.split() for line in captured.get().splitlines()]


def test_runs_are_added_up():
    bad = report(2, violations=[Violation(8, "orphan")])
    whole = total([report(1), bad])
    assert whole.faults == {Kind.REGION_KILL: 4, Kind.STORE_FULL: 2}
    assert whole.takeovers == Takeovers([0.25, 0.25], [6.5, 6.5])
    assert whole.waits["north"] == [0.1, 4.0, 0.1, 4.0]
    assert not whole.ok and report(1).ok


def test_the_table_has_a_row_for_each_run_and_one_for_all():
    rows = shown(runs_table([report(1), report(2, violations=[Violation(8, "orphan")])]))
    assert [row[0] for row in rows[1:]] == ["1", "2", "all"]
    assert [row[-1] for row in rows[1:]] == ["0", "1", "1"]
    assert rows[3][1:4] == ["6", "4", "6"]


def test_every_kind_of_fault_has_a_row():
    rows = shown(faults_table(report(1).faults))
    assert len(rows) == 1 + len(Kind)
    assert [row[-1] for row in rows if row[:2] == ["region", "killed"]] == ["2"]


def test_waits_are_shown_by_region():
    rows = shown(waits_table(report(1)))
    assert rows[1] == ["north", "0.10", "s", "4.00", "s", "4.00", "s", *["0.10", "s"] * 3]


def header(id: str, name: str, action: Action = Action.CREATE) -> Header:
    return Header(
        project=Project("red"),
        id=StackId(id),
        name=name,
        region=Region("east"),
        revision=1,
        plan=1,
        action=action,
        status=Status.COMPLETE,
        created_at=0.0,
    )


@pytest.mark.parametrize(
    ("headers", "stories"),
    [
        ([header("1", "kept")], []),
        ([header("1", "kept"), header("3", "probe-north")], []),
        ([header("1", "kept"), header("2", "gone", Action.DELETE)], []),
        ([], ["stack kept is lost"]),
        ([header("1", "kept", Action.DELETE)], ["stack kept is lost"]),
        ([header("4", "kept")], ["stack kept is lost", "stack kept is there, and nobody wishes it"]),
        ([header("1", "kept"), header("2", "gone")], ["stack gone is there, and nobody wishes it"]),
    ],
)
def test_what_was_acknowledged_is_there_and_nothing_else(headers, stories):
    nothing = Blueprint(())
    known = [Known("kept", nothing, "1"), Known("gone", nothing, "2", deleted=True)]
    assert [violation.story for violation in kept(headers, known)] == stories


def test_a_region_is_left_alone_when_nothing_is_done_to_it_or_to_all():
    waits = [Wait(float(at), 0.5) for at in range(6)]
    done = [
        Done(Kind.REGION_KILL, ("north",), 1.2, 1.9),
        Done(Kind.REGION_KILL, ("south",), 0.0, 9.0),
        Done(Kind.STORE_FULL, (), 3.9, 4.1),
    ]
    assert [wait.at for wait in untouched("north", waits, done)] == [0.0, 2.0, 3.0, 5.0]


def test_what_a_cloud_does_is_a_seeds_and_within_what_its_region_promises():

    for seed in range(50):
        drawn = disturbances(random.Random(seed))
        assert drawn == disturbances(random.Random(seed))
        assert all(each.fate.hold_seconds < 5.0 for each in drawn)


def test_an_exception_in_a_log_is_a_violation(tmp_path):
    (tmp_path / "north-1.log").write_text(
        '{"event": "called"}\n{"exception": "Traceback (most recent call last)"}\n'
    )
    (tmp_path / "south-1.log").write_text("all is well\n")
    assert [(each.invariant, each.story[:14]) for each in outbursts(tmp_path)] == [(0, "north-1.log:2:")]
