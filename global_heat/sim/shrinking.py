"""Make the story of a violation short: leave out what it does not need."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from global_heat.sim.schedule import Profile, Report, run_drawn
from global_heat.sim.trouble import Drawn


def shrink(
    seed: int, profile: Profile, tell: Callable[[str], None] = lambda line: None
) -> tuple[Report, Sequence[Drawn]]:
    """Run a schedule, then again and again without one of its faults, as long as one of the invariants that
    it violated is still violated: the shortest run of that kind, and the faults that it needs.

    Each fault that stays happens when it did, and draws what it drew.
    """
    report, drawn = run_drawn(seed, profile)
    wanted = {violation.invariant for violation in report.violations}
    tell(f"{len(drawn)} faults violate {_listed(wanted)}")
    tried = len(drawn) if wanted else 0
    while tried:
        tried -= 1
        fewer = [*drawn[:tried], *drawn[tried + 1 :]]
        again, _ = run_drawn(seed, profile, fewer)
        if wanted & {violation.invariant for violation in again.violations}:
            report, drawn = again, fewer
            # What was needed beside the one that is gone may not be needed without it.
            tried = len(drawn)
            tell(f"{len(drawn)} faults are enough")
    return report, drawn


def _listed(invariants: set[int]) -> str:
    return "invariant " + ", ".join(map(str, sorted(invariants))) if invariants else "nothing"
