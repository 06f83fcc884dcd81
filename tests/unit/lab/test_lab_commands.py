"""`global-heat lab` where there is no lab to talk to, and what it refuses to begin."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from global_heat.cli.main import main


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["lab", *arguments])


@pytest.mark.parametrize(
    "command", [["status"], ["env"], ["kill", "north"], ["audit"], ["restore", "north"], ["down"]]
)
def test_without_a_lab_it_says_how_to_get_one(tmp_path: Path, command: list[str]) -> None:
    done = run(*command, "--directory", str(tmp_path / "none"))
    assert done.exit_code == 1
    assert "there is no lab in" in done.stderr
    assert "global-heat lab up" in done.stderr


def test_a_folder_in_which_something_stands_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    done = run("up", "--directory", str(tmp_path))
    assert done.exit_code == 1
    assert "is not empty" in done.stderr
    assert run("down", "--directory", str(tmp_path)).exit_code == 1
    assert [path.name for path in tmp_path.iterdir()] == ["precious"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--rtt", "fast"], "'fast' is no time"),
        (["--rtt", "10,20"], "--rtt: one figure, or 3"),
        (["--regions", "0"], "--regions: from 1"),
        (["--replicas", "99"], "--replicas: from 1"),
    ],
)
def test_a_lab_that_cannot_be_is_refused_before_anything_starts(
    tmp_path: Path, arguments: list[str], says: str
) -> None:
    directory = tmp_path / "lab"
    done = run("up", "--directory", str(directory), *arguments)
    assert done.exit_code in (1, 2)
    assert says in done.stderr
    assert not directory.exists()
