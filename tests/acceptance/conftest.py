"""A lab of two regions, used as an operator uses it: by commands."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from global_heat.cli.lab import layout
from global_heat.cli.lab.audit import Audit
from global_heat.cli.lab.auditing import take_audit
from global_heat.cli.lab.running import RunningLab
from global_heat.store.etcd.finder import find

HERE = Path(__file__).parent
_MAIN = "from global_heat.cli.main import main; main()"


class Operator:
    """A person at a terminal, with the lab's variables set."""

    def __init__(self, lab: RunningLab, environment: dict[str, str]) -> None:
        self._lab = lab
        self._environment = {**os.environ, **environment}

    @property
    def regions(self) -> list[str]:
        return [region.name for region in self._lab.lab.regions]

    def run(self, *command: str) -> str:
        """The output of `global-heat COMMAND`. A failure fails the test, with what was printed."""
        done = subprocess.run(
            [sys.executable, "-c", _MAIN, *command],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"global-heat {' '.join(command)}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def read(self, *command: str) -> Any:
        return json.loads(self.run(*command, "--format", "json"))

    def audit(self) -> Audit:
        return asyncio.run(take_audit(self._lab, patience_seconds=60.0))


@pytest.fixture(scope="session")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    directory = tmp_path_factory.mktemp("lab")
    lab = RunningLab(layout.lay_out(directory, 2, 2, (5.0,), str(find().path)), directory)
    try:
        asyncio.run(lab.start(lambda line: None))
        operator = Operator(lab, asyncio.run(lab.environment()))
        for region in operator.regions:
            template = str(HERE / "prerequisites.yaml")
            operator.run(
                "stack",
                "create",
                f"given-{region}",
                "-t",
                template,
                "--region",
                region,
                "--wait",
                "--timeout",
                "60s",
            )
        yield operator
    finally:
        lab.stop()
