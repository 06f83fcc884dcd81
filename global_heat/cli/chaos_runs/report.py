"""What came of runs, and how it is shown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import msgspec
from rich.table import Table

from global_heat.cli.chaos_runs.figures import Takeovers, percentile
from global_heat.cli.chaos_runs.schedule import Kind
from global_heat.sim.evidence import Violation


class Report(msgspec.Struct):
    """One run. Times in seconds."""

    seed: int
    faults: Counter[Kind] = msgspec.field(default_factory=Counter)
    asked: Counter[str] = msgspec.field(default_factory=Counter)
    stacks: int = 0
    resources: int = 0
    """Things made in the clouds by requests of ours, from first to last."""
    revisions: int = 0
    requests: int = 0
    takeovers: Takeovers = Takeovers()
    waits: dict[str, list[float]] = {}
    """By region: until a write was acknowledged, asked of its own replicas once a second."""
    waits_untouched: dict[str, list[float]] = {}
    """The same, only while nothing was done to that region, nor to all."""
    calm_seconds: float = 0.0
    """From the end of the faults until every stack had ended."""
    violations: list[Violation] = []

    @property
    def ok(self) -> bool:
        return not self.violations


def total(reports: Sequence[Report]) -> Report:
    """All of them as one; its seed is the first's."""
    found = Report(reports[0].seed)
    for each in reports:
        found.faults += each.faults
        found.asked += each.asked
        found.stacks += each.stacks
        found.resources += each.resources
        found.revisions += each.revisions
        found.requests += each.requests
        found.takeovers.gaps.extend(each.takeovers.gaps)
        found.takeovers.deaths.extend(each.takeovers.deaths)
        for mine, others in ((found.waits, each.waits), (found.waits_untouched, each.waits_untouched)):
            for region, seconds in others.items():
                mine.setdefault(region, []).extend(seconds)
        found.calm_seconds = max(found.calm_seconds, each.calm_seconds)
        found.violations += each.violations
    return found


def runs_table(reports: Sequence[Report]) -> Table:
    """A row for each run, and one for all if there are several."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    columns = ("seed", "faults", "region kills", "stacks", "resources", "requests", "revisions")
    for column in (
        *columns,
        "take-over p50",
        "p99",
        "after death p50",
        "p99",
        "calm after",
        "violations",
    ):
        table.add_column(column, justify="right")
    for report in reports:
        table.add_row(str(report.seed), *_figures(report))
    if len(reports) > 1:
        table.add_row("all", *_figures(total(reports)), style="bold")
    return table


def faults_table(faults: Mapping[Kind, int]) -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("fault")
    table.add_column("times", justify="right")
    for kind in Kind:
        table.add_row(kind.value, str(faults.get(kind, 0)))
    return table


def waits_table(report: Report) -> Table:
    """By region, how long a write waited."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("a write waits in")
    for column in ("p50", "p99", "most", "untouched p50", "p99", "most"):
        table.add_column(column, justify="right")
    for region, waits in sorted(report.waits.items()):
        untouched = report.waits_untouched.get(region, [])
        table.add_row(region, *_waits(waits), *_waits(untouched))
    return table


def _figures(report: Report) -> list[str]:
    gaps, deaths = report.takeovers.gaps, report.takeovers.deaths
    return [
        str(report.faults.total()),
        str(report.faults[Kind.REGION_KILL]),
        str(report.stacks),
        str(report.resources),
        str(report.requests),
        str(report.revisions),
        *(seconds(percentile(values, percent)) for values in (gaps, deaths) for percent in (50, 99)),
        seconds(report.calm_seconds),
        str(len(report.violations)),
    ]


def _waits(waits: Sequence[float]) -> list[str]:
    return [seconds(percentile(waits, percent)) for percent in (50, 99, 100)]


def seconds(value: float | None) -> str:
    """`1.23 s`; a dash for none."""
    return "-" if value is None else f"{value:.2f} s"
