"""How many simulated schedules one core runs in a second, by profile."""

from __future__ import annotations

import time

from global_heat.sim.schedule import PROFILES, run_seed
from tests.bench.figures import Figure

SECONDS = 5.0
"""For each profile, at least."""


def throughput() -> list[Figure]:
    return [_figure(name) for name in sorted(PROFILES)]


def _figure(name: str) -> Figure:
    begun = time.process_time()
    seeds = faults = 0
    simulated = 0.0
    while (spent := time.process_time() - begun) < SECONDS:
        report = run_seed(seeds, PROFILES[name])
        assert report.ok, f"global-heat sim --seed {seeds} --profile {name}"
        seeds += 1
        faults += report.faults
        simulated += report.seconds
    rate = seeds / spent
    return Figure(
        f"simulator, {name}: schedules per second and core",
        rate,
        f"{rate:.1f} (n={seeds}, {faults / seeds:.1f} faults each; {simulated / spent:.0f} s of it in one)",
    )
