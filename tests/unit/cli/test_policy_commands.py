"""`global-heat policy`: what is in force, and a sample that is itself a good policy file."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner, Result

from global_heat.api.policy_file import read_overrides
from global_heat.api.rules import RULES
from global_heat.cli.main import main
from tests.unit.serving.conftest import changed, good


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "global-heat.yaml"
    path.write_text(yaml.safe_dump(changed(good(), "policy.file", "policy.yaml")))
    (tmp_path / "policy.yaml").write_text('"stack:create": "rule:builder"\nbuilder: "role:builder"\n')
    return path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["policy", *arguments])


def test_show_tells_what_is_in_force_and_what_overrides(config: Path) -> None:
    shown = run("show", "--config", str(config), "-f", "json")
    assert shown.exit_code == 0, shown.output
    rows = {row["rule"]: row for row in json.loads(shown.stdout)}
    assert set(rows) == {rule.name for rule in RULES} | {"builder"}
    create = rows["stack:create"]
    assert (create["check"], create["default"], create["overridden"]) == ("rule:builder", "rule:member", True)
    assert create["method"] == "/globalheat.v1.StackService/CreateStack"
    assert rows["stack:get"]["overridden"] is False
    assert "rule:builder" in run("show", "--config", str(config)).stdout


def test_show_tells_what_is_wrong_with_a_file(config: Path) -> None:
    (config.parent / "policy.yaml").write_text('"stack:crate": "role:builder"\n')
    shown = run("show", "--config", str(config))
    assert shown.exit_code == 1 and "policy.yaml: stack:crate: is no rule" in shown.stderr


def test_the_sample_changes_nothing_commented_out_or_not() -> None:
    sample = run("sample").stdout
    assert read_overrides(sample, "sample") == {}
    meant = "\n".join(line.removeprefix("#") for line in sample.splitlines() if not line.startswith("# "))
    assert read_overrides(meant, "sample") == {rule.name: rule.check_str for rule in RULES}
