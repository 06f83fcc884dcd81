"""The story of a violation is made short."""

from __future__ import annotations

from global_heat.engine.sweeper import Sweeper
from global_heat.sim.schedule import PROFILES, run_drawn
from global_heat.sim.shrinking import shrink

SEEDS = range(20)


def test_a_repeated_run_has_the_same_faults_and_is_the_same_run():
    first, drawn = run_drawn(7, PROFILES["rough"])
    again, _ = run_drawn(7, PROFILES["rough"], drawn)
    assert drawn
    assert again.digest == first.digest


def test_what_a_violation_does_not_need_is_left_out(monkeypatch):
    async def never(self):
        return None

    monkeypatch.setattr(Sweeper, "run", never)
    seed = next(n for n in SEEDS if run_drawn(n, PROFILES["mixed"])[0].faults >= 3)
    long, drawn = run_drawn(seed, PROFILES["mixed"])
    short, needed = shrink(seed, PROFILES["mixed"])
    assert {18} <= {violation.invariant for violation in long.violations}
    assert {violation.invariant for violation in short.violations} & {v.invariant for v in long.violations}
    assert len(needed) == 0 < len(drawn), "attempts are never closed, whatever goes wrong"


def test_a_run_that_violates_nothing_is_left_as_it_is():
    report, drawn = shrink(7, PROFILES["mixed"])
    assert report.ok
    assert drawn == run_drawn(7, PROFILES["mixed"])[1]
