"""Whole worlds in which even a small shard has several commits on their way at once."""

from __future__ import annotations

import pytest

from global_heat.engine import commits
from global_heat.sim.schedule import PROFILES, run_seed

BATCH = 5


@pytest.mark.parametrize("profile", ["rough", "mixed"])
@pytest.mark.parametrize("first", range(3000, 3015, BATCH))
def test_commits_of_few_writes_that_overtake_each_other_violate_nothing(monkeypatch, profile, first):
    monkeypatch.setattr(commits, "_OPERATIONS_MAX", 3)
    for seed in range(first, first + BATCH):
        report = run_seed(seed, PROFILES[profile])
        assert report.violations == [], f"seed {seed}, profile {profile}"
