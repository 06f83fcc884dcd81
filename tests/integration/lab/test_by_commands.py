"""A lab from its beginning to its end, each step a command of its own, as people and scripts use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.lab.traces import processes_of

MAIN = "from global_heat.cli.main import main; main()"


class Shell:
    def __init__(self, directory: Path) -> None:
        self.environment = {**os.environ, "GLOBAL_HEAT_LAB": str(directory)}

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", MAIN, *command],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def take(self, exports: str) -> None:
        """What `eval` does."""
        for line in exports.splitlines():
            if line.startswith("export "):
                name, _, value = line.removeprefix("export ").partition("=")
                self.environment[name] = value


def test_up_use_down(tmp_path: Path) -> None:
    directory = tmp_path / "lab"
    shell = Shell(directory)
    shell.take(shell.run("lab", "up", "--regions", "2", "--replicas", "3", "--rtt", "5"))
    regions = json.loads(shell.run("region", "list", "-f", "json"))
    assert [(region["region"], region["replicas"]) for region in regions] == [("north", 2), ("south", 1)]
    assert shell.run("lab", "kill", "south-1") == "south-1 is killed\n"
    rows = {row["region"]: row for row in json.loads(shell.run("lab", "status", "-f", "json"))}
    assert rows["south"]["replicas"][0].startswith("south-1 dead")
    assert shell.run("lab", "restore", "south-1") == "south-1 is back\n"
    shell.run("lab", "cut", "north")
    assert "export OS_REGION_NAME=south\n" in shell.run("lab", "env")
    shell.run("lab", "restore", "north")
    assert shell.run("lab", "audit").splitlines()[-1].startswith("clean: ")

    running = processes_of(directory)
    assert len(running) > 2 + 2 + 3
    shell.run("lab", "down")
    assert not directory.exists()
    assert processes_of(directory) == []
