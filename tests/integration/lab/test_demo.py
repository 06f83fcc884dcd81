"""The demo as a person runs it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.lab.traces import processes_of

MAIN = "from global_heat.cli.main import main; main()"


def start(directory: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-u", "-c", MAIN, "demo", "--directory", str(directory)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.timeout(300)
def test_it_holds_and_leaves_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "demo"
    done = start(directory)
    said, _ = done.communicate()
    assert done.returncode == 0, said
    figures = re.fullmatch(
        r"7\. (\d+) resources · (\d+) kills · ([\d.]+) s parked · orphans 0 · duplicates 0 · missing 0 · .*",
        said.splitlines()[-1],
    )
    assert figures, said
    assert int(figures[1]) >= 30
    assert int(figures[2]) == 2
    assert float(figures[3]) > 0
    for number in range(1, 8):
        assert re.search(rf"^{number}\. ", said, re.MULTILINE), f"step {number} was not told"
    assert not directory.exists()
    assert processes_of(directory) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_all_of_it(tmp_path: Path, number: signal.Signals) -> None:
    directory = tmp_path / "demo"
    done = start(directory)
    assert done.stdout is not None
    for line in done.stdout:
        if "CREATE_COMPLETE" in line:
            break
    done.send_signal(number)
    rest = done.stdout.read()
    assert done.wait() == 1
    assert "Traceback" not in rest
    assert rest.rstrip().endswith("Aborted!")
    assert not directory.exists()
    assert processes_of(directory) == []
