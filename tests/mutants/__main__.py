"""Hunt the mutants: `python -m tests.mutants [--only NAME] [--fraction 1/5 --rotate N] [--jobs J]`.

Each is put into a process of its own and run over schedules, its stories first, then seeds, until the
checker names an invariant that it is known to break. Exit status 0: all were found, and the program without
any of them violates nothing in the same stories.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from pytest import MonkeyPatch

from global_heat.sim.checker import Violation
from global_heat.sim.schedule import PROFILES, run_seed
from global_heat.sim.stage import Stage, Story, play
from tests.mutants import creating, entrusting, keeping, sweeping, telling
from tests.mutants.registry import ALL, Mutant

SCHEDULES_MAX = 5000
CONTROL_SEEDS = 10
_WORLDS = 3
"""Of each story, with other latencies."""
_SECONDS_MAX = 60
"""Of real time for one schedule: a mutant may well run in circles."""
MODULES = (creating, keeping, sweeping, entrusting, telling)


@dataclass(frozen=True)
class Hunt:
    """What came of a mutant. `found`: what the checker said; None: it was not found."""

    name: str
    found: Violation | None
    by: str
    schedules: int
    seconds: float
    others: tuple[str, ...] = ()
    """What was seen beside it."""


class _Endless(BaseException):
    """A schedule ran for too long in real time. No handler of the program takes it for its own."""


def hunt(mutant: Mutant, schedules_max: int = SCHEDULES_MAX) -> Hunt:
    """Run it until it is found. To be called in a process of its own."""
    begun, count = time.monotonic(), 0
    others: dict[str, None] = {}
    with MonkeyPatch.context() as patch:
        mutant.put(patch)
        for name, schedule in _schedules(mutant, schedules_max):
            count += 1
            violations = _run(schedule)
            for violation in violations:
                if violation.invariant in mutant.finds:
                    return Hunt(mutant.name, violation, name, count, time.monotonic() - begun)
            others.update(dict.fromkeys(f"{v.invariant}: {v.story}" for v in violations))
    return Hunt(mutant.name, None, "", count, time.monotonic() - begun, tuple(others)[:5])


def _schedules(mutant: Mutant, schedules_max: int) -> Iterator[tuple[str, Any]]:
    for count, (story, world) in enumerate((s, w) for s in mutant.stories for w in range(_WORLDS)):
        if count < schedules_max:
            yield story.__name__, lambda story=story, world=world: play(_leniently(story), seed=world + 1)
    left = schedules_max - len(mutant.stories) * _WORLDS
    for seed in range(max(left, 0)):
        yield (
            f"{mutant.profile} {seed}",
            lambda seed=seed: run_seed(seed, PROFILES[mutant.profile]).violations,
        )


def _leniently(story: Story) -> Story:
    """A story that does not come to what it tells of is judged all the same."""

    async def tell(stage: Stage) -> None:
        with contextlib.suppress(AssertionError, StopIteration):
            await story(stage)

    tell.__name__ = story.__name__
    return tell


def _run(schedule: Any) -> list[Violation]:
    """What a schedule violates. One that breaks says nothing."""

    def ring(number: int, frame: Any) -> None:
        raise _Endless

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(_SECONDS_MAX)
    try:
        found: list[Violation] = schedule()
    except _Endless:
        return [Violation(-1, f"it ran for more than {_SECONDS_MAX} s")]
    except Exception as broken:
        return [Violation(-1, f"it broke: {broken!r}")]
    finally:
        signal.alarm(0)
    return found


def control() -> list[str]:
    """What the program as it is violates in the same stories, and in some seeds: nothing."""
    stories = dict.fromkeys(story for mutant in ALL for story in mutant.stories)
    wrong = [
        f"{story.__name__}: {violation}"
        for story in stories
        for world in range(_WORLDS)
        for violation in _run(lambda story=story, world=world: play(story, seed=world + 1))
    ]
    for seed in range(CONTROL_SEEDS):
        violations = _run(lambda seed=seed: run_seed(seed, PROFILES["rough"]).violations)
        wrong += [f"rough {seed}: {violation}" for violation in violations]
    return wrong


def chosen(fraction: str, rotate: int, only: list[str]) -> list[Mutant]:
    """Of all mutants the named ones, or every n-th, another n-th with each rotation."""
    taken, of = (int(part) for part in fraction.split("/"))
    names = set(only)
    unknown = names - {mutant.name for mutant in ALL}
    if unknown:
        raise SystemExit(f"no such mutant: {', '.join(sorted(unknown))}")
    if names:
        return [mutant for mutant in ALL if mutant.name in names]
    return [mutant for n, mutant in enumerate(ALL) if (n + rotate) % of < taken]


def _hunt_named(task: tuple[str, int]) -> Hunt:
    _quiet()
    name, schedules_max = task
    return hunt(next(mutant for mutant in ALL if mutant.name == name), schedules_max)


def _control(_: str) -> list[str]:
    _quiet()
    return control()


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--fraction", default="1/1", help="hunt so much of them: 1/5")
    parser.add_argument(
        "--rotate", type=int, default=0, help="which part: the number of the commit, or the day"
    )
    parser.add_argument("--only", action="append", default=[], help="a mutant by its name")
    parser.add_argument("--schedules", type=int, default=SCHEDULES_MAX, help="give up after so many")
    parser.add_argument("--jobs", type=int, default=multiprocessing.cpu_count())
    options = parser.parse_args(arguments)
    mutants = chosen(options.fraction, options.rotate, options.only)
    begun, missed = time.monotonic(), 0
    width = max(len(mutant.name) for mutant in mutants)
    print(f"{'mutant':<{width}}  invariant  schedules  seconds  found in")
    with multiprocessing.get_context("fork").Pool(options.jobs, maxtasksperchild=1) as pool:
        clean = pool.map_async(_control, [""], chunksize=1)
        for hunted in pool.imap(_hunt_named, [(mutant.name, options.schedules) for mutant in mutants]):
            missed += hunted.found is None
            print(_line(hunted, width), flush=True)
        wrong = clean.get()[0]
    for line in wrong:
        print(f"without any mutant: {line[:300]}")
    took = time.monotonic() - begun
    found = f"{len(mutants) - missed} of {len(mutants)} found in {took:.0f} s"
    print(f"{found}; without any: {len(wrong)} violations")
    return int(bool(missed or wrong))


def _line(hunted: Hunt, width: int) -> str:
    invariant = str(hunted.found.invariant) if hunted.found else "NOT FOUND"
    numbers = f"{invariant:>9}  {hunted.schedules:>9}  {hunted.seconds:>7.1f}"
    others = "".join(f"\n    not it: {other[:200]}" for other in hunted.others)
    return f"{hunted.name:<{width}}  {numbers}  {hunted.by}{others}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
