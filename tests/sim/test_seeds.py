"""Schedules drawn from seeds: wishes and faults by chance, judged by every invariant."""

from __future__ import annotations

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


def test_the_same_seed_is_the_same_run():
    first, again = run_seed(7, PROFILES["rough"]), run_seed(7, PROFILES["rough"])
    assert (first.story, first.requests, first.commits, first.seconds) == (
        again.story,
        again.requests,
        again.commits,
        again.seconds,
    )
