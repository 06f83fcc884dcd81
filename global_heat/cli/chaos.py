"""`global-heat chaos`: real processes, killed and cut off while clients work, and the verdict."""

from __future__ import annotations

import asyncio
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec
from rich.console import Console
from rich.text import Text

from global_heat.cli.chaos_runs.report import Report, faults_table, runs_table, total, waits_table
from global_heat.cli.chaos_runs.run import Wish, run_once
from global_heat.cli.chaos_runs.space import QUOTA_BYTES
from global_heat.cli.lab import layout
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.output import console
from global_heat.cli.template_options import seconds
from global_heat.model.errors import Invalid
from global_heat.store.etcd.finder import find
from global_heat.store.etcd.version import MINIMUM

TOKEN_SECONDS = 20.0
"""Of the lab's Keystone: short, so that tokens end in the middle of things, and the ledger closes soon."""


@click.command()
@click.option("--runs", type=click.IntRange(1), default=1, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="Of the first run; the others count on.")
@click.option(
    "--time", "fault_seconds", type=seconds, default="90s", show_default=True, help="Of faults, each run."
)
@click.option(
    "--regions", type=click.IntRange(1), default=3, show_default=True, help="Each with an etcd member."
)
@click.option("--replicas", type=click.IntRange(1), default=6, show_default=True, help="In all.")
@click.option("--clients", type=click.IntRange(1), default=6, show_default=True)
@click.option("--keep", is_flag=True, help="Keep logs and evidence also of runs that held.")
@click.option("--quiet", is_flag=True, help="Only the tables.")
def chaos(
    runs: int,
    seed: int,
    fault_seconds: float,
    regions: int,
    replicas: int,
    clients: int,
    keep: bool,
    quiet: bool,
) -> None:
    """Break a lab in every way while clients work, let it come to rest, and judge.

    Each run has a lab of its own. The faults are drawn from its seed; what they meet is not, so the same seed
    need not end alike. Exit status 0: every run held. Logs and evidence of a run that did not are kept.
    """
    shown = console()
    program = find(say=lambda line: click.echo(line, err=True))
    if program.version < MINIMUM:
        raise Invalid(f"etcd {program.version} may lose records when it is killed: give {MINIMUM} or newer")
    wish = Wish(fault_seconds, clients)
    reports: list[Report] = []
    try:
        for each in range(seed, seed + runs):
            with _lab(regions, replicas, str(program.path)) as lab:
                reports.append(_run(lab, each, wish, shown, quiet))
            if keep or not reports[-1].ok:
                held = "held" if reports[-1].ok else "did not hold"
                shown.print(Text(f"seed {each} {held}; logs and evidence: {lab.directory}"))
            else:
                lab.remove()
    finally:
        if reports:
            _print(reports, shown)
    sys.exit(not all(report.ok for report in reports))


@contextmanager
def _lab(regions: int, replicas: int, program: str) -> Iterator[RunningLab]:
    """A lab that is laid out. Whatever runs of it is ended with the context, however that ends."""
    directory = Path(tempfile.mkdtemp(prefix="global-heat-chaos-"))
    laid_out = layout.lay_out(
        directory, regions, replicas, (20.0, 40.0, 60.0) if regions == 3 else (), program
    )
    lab = RunningLab(
        msgspec.structs.replace(laid_out, etcd_quota_bytes=QUOTA_BYTES, token_seconds=TOKEN_SECONDS),
        directory,
    )
    try:
        yield lab
    finally:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
        try:
            lab.stop()
        finally:
            signal.signal(signal.SIGINT, before)


def _run(lab: RunningLab, seed: int, wish: Wish, shown: Console, quiet: bool) -> Report:
    """One run. Its folder is removed if it was broken off."""
    began = time.monotonic()

    def tell(what: str) -> None:
        if not quiet:
            shown.print(Text(f"{time.monotonic() - began:7.1f}  {what}"))

    async def run() -> Report:
        this = asyncio.current_task()
        assert this is not None
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, this.cancel)
        return await run_once(lab, seed, wish, tell)

    tell(f"seed {seed}: {len(lab.lab.regions)} regions, {len(lab.lab.replicas)} replicas")
    try:
        return asyncio.run(run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        lab.stop()
        lab.remove()
        raise click.Abort from None


def _print(reports: list[Report], shown: Console) -> None:
    whole = total(reports)
    for table in (faults_table(whole.faults), waits_table(whole), runs_table(reports)):
        shown.print()
        shown.print(table)
    asked = ", ".join(f"{count} {what}" for what, count in sorted(whole.asked.items()))
    shown.print(Text(f"\nclients asked: {asked}"))
    for report in reports:
        for each in report.violations:
            shown.print(Text(f"seed {report.seed}: invariant {each.invariant}: {each.story}", style="red"))
