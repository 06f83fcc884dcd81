"""Schedules drawn from seeds: wishes and faults by chance, judged by every invariant."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from global_heat.sim.schedule import PROFILES, run_seed

BATCH = 10


@pytest.mark.parametrize("first", range(0, 200, BATCH))
def test_mixed_schedules_violate_nothing(first):
    for seed in range(first, first + BATCH):
        report = run_seed(seed, PROFILES["mixed"])
        assert report.violations == [], f"global-heat sim --seed {seed}"


@pytest.mark.parametrize("first", range(1000, 1060, BATCH))
def test_rough_schedules_violate_nothing(first):
    for seed in range(first, first + BATCH):
        report = run_seed(seed, PROFILES["rough"])
        assert report.violations == [], f"global-heat sim --seed {seed} --profile rough"


@pytest.mark.parametrize("first", range(0, 40, BATCH))
def test_schedules_with_event_sinks_violate_nothing(first):
    for seed in range(first, first + BATCH):
        report = run_seed(seed, PROFILES["told"])
        assert report.violations == [], f"global-heat sim --seed {seed} --profile told"


_PRINT_DIGESTS = """
from global_heat.cli.sim import _quiet
from global_heat.sim.schedule import PROFILES, run_seed
_quiet()
print(*(run_seed(seed, PROFILES["rough"]).digest for seed in range(7, 12)))
"""


def digests(hash_seed: str) -> list[str]:
    """Of some runs in a process of its own, in which sets have another order."""
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed}
    done = subprocess.run(
        [sys.executable, "-c", _PRINT_DIGESTS], env=environment, check=True, capture_output=True, text=True
    )
    return done.stdout.split()


def test_the_same_seed_is_the_same_run_in_every_process():
    first, again = digests("1"), digests("2")
    assert len(set(first)) == len(first) == 5
    assert first == again
