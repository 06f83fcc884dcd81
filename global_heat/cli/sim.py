"""`global-heat sim`: run simulated schedules by their seeds, and tell what was violated."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections.abc import Iterator

import click
import structlog

from global_heat.sim.schedule import PROFILES, Report, run_seed
from global_heat.sim.shrinking import shrink


@click.command()
@click.option("--seed", type=int, help="Run this one schedule and print its story.")
@click.option("--seeds", type=int, default=200, show_default=True, help="Run so many schedules.")
@click.option("--from", "first", type=int, default=0, show_default=True, help="The first of them.")
@click.option("--profile", type=click.Choice(sorted(PROFILES)), default="mixed", show_default=True)
@click.option(
    "--shrink",
    "shrinks",
    is_flag=True,
    help="With --seed: leave out its faults one by one while it still fails.",
)
@click.option("--jobs", type=int, default=multiprocessing.cpu_count(), show_default=True)
def sim(seed: int | None, seeds: int, first: int, profile: str, shrinks: bool, jobs: int) -> None:
    """Run the whole engine against simulated etcd and clouds, in virtual time.

    Exit status 0: no invariant was violated; 1: one was.
    """
    _quiet()
    if shrinks and seed is None:
        raise click.UsageError("--shrink needs the --seed of the schedule")
    if seed is not None:
        if shrinks:
            report, needed = shrink(seed, PROFILES[profile], lambda line: click.echo(line, err=True))
            click.echo(f"{len(needed)} faults:")
        else:
            report = run_seed(seed, PROFILES[profile])
        click.echo("\n".join(report.story))
        _print(report, profile)
        sys.exit(not report.ok)
    started, total, bad = time.monotonic(), Report(first), 0
    for report in _run_many(range(first, first + seeds), profile, jobs):
        total.resources += report.resources
        total.requests += report.requests
        total.commits += report.commits
        total.faults += report.faults
        total.seconds += report.seconds
        if not report.ok:
            bad += 1
            _print(report, profile)
    elapsed = time.monotonic() - started
    click.echo(
        f"{seeds} schedules, {total.faults} faults, {total.resources} resources, {total.requests} requests, "
        f"{total.commits} commits, {total.seconds / 3600:.1f} simulated hours in {elapsed:.1f} s: "
        f"{bad} with violations"
    )
    sys.exit(bool(bad))


def _run_many(seeds: range, profile: str, jobs: int) -> Iterator[Report]:
    work = [(seed, profile) for seed in seeds]
    if jobs <= 1:
        yield from map(_run_one, work)
        return
    with multiprocessing.Pool(jobs, initializer=_quiet) as pool:
        yield from pool.imap_unordered(_run_one, work, chunksize=4)


def _run_one(work: tuple[int, str]) -> Report:
    seed, profile = work
    return run_seed(seed, PROFILES[profile])


def _quiet() -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))


def _print(report: Report, profile: str) -> None:
    for violation in report.violations:
        click.echo(f"seed {report.seed}: invariant {violation.invariant}: {violation.story}")
    if report.violations:
        click.echo(f"  again: global-heat sim --seed {report.seed} --profile {profile} [--shrink]")
