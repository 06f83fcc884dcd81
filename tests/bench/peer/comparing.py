"""Asks both sides the same, in turns, and says how ours compares."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import msgspec

from tests.bench.figures import Figure, median
from tests.bench.peer.installing import VERSION, Unavailable, heat_python
from tests.bench.peer.jobs import KINDS, Answer, Job, difference, job

SMALL, RESOURCES = 100, 1000
RUNS = 3
RATIO_GOAL = 0.10
_OURS = (sys.executable, "-m", "tests.bench.peer.ours")
_THEIRS = Path(__file__).with_name("theirs.py")

Seconds = Mapping[str, float]


class Side:
    """A process that answers jobs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        assert process.stdin is not None and process.stdout is not None
        self._to, self._from = process.stdin, process.stdout

    def ask(self, job: Job) -> Answer:
        self._to.write(msgspec.json.encode(job) + b"\n")
        self._to.flush()
        return msgspec.json.decode(self._from.readline(), type=Answer)


@contextmanager
def _side(*command: str) -> Iterator[Side]:
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        yield Side(process)


def beside_heat() -> list[Figure]:
    """A ratio for each kind of template; none, and a line that says why, where Heat cannot be had."""
    try:
        python = heat_python()
    except Unavailable as why:
        print(f"heat: left out, {why}", file=sys.stderr)
        return []
    with _side(*_OURS) as ours, _side(str(python), str(_THEIRS)) as theirs:
        return [figure for kind in KINDS for figure in _compare(kind, ours, theirs)]


def _compare(kind: str, ours: Side, theirs: Side) -> list[Figure]:
    _in_turns(job(kind, SMALL), ours, theirs)
    small = _Runs([_in_turns(job(kind, SMALL), ours, theirs) for _ in range(RUNS)])
    large = _Runs([_in_turns(job(kind, RESOURCES), ours, theirs) for _ in range(RUNS)])
    grows = [math.log(large.seconds(side) / small.seconds(side), RESOURCES / SMALL) for side in (0, 1)]
    return [
        Figure(
            f"{RESOURCES:,} {kind}: CPU, part of Heat {VERSION}'s",
            large.ratio,
            f"{large.ratio:.3f} ({large.parts(0)}; Heat {large.parts(1)})",
            RATIO_GOAL,
        ),
        Figure(
            f"{SMALL:,} {kind}: CPU, part of Heat {VERSION}'s",
            small.ratio,
            f"{small.ratio:.3f} ({small.seconds(0):.3f}, Heat {small.seconds(1):.3f};"
            f" from {SMALL:,} to {RESOURCES:,} as n^{grows[0]:.2f}, Heat n^{grows[1]:.2f})",
        ),
    ]


class _Runs(msgspec.Struct, frozen=True):
    """Runs of one job: ours, and Heat's."""

    runs: list[tuple[Seconds, Seconds]]

    def seconds(self, side: int) -> float:
        return median([sum(run[side].values()) for run in self.runs])

    @property
    def ratio(self) -> float:
        return self.seconds(0) / self.seconds(1)

    def parts(self, side: int) -> str:
        each = {what: median([run[side][what] for run in self.runs]) for what in self.runs[0][side]}
        return f"{self.seconds(side):.2f}: " + ", ".join(f"{what} {took:.2f}" for what, took in each.items())


def _in_turns(asked: Job, ours: Side, theirs: Side) -> tuple[Seconds, Seconds]:
    here, there = ours.ask(asked), theirs.ask(asked)
    differs = difference(here, there)
    if differs:
        raise AssertionError(f"not the same work: ours and Heat's answer differ: {differs}")
    return here.seconds, there.seconds
