"""Figures and the table of them, each beside its goal."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import msgspec
from rich.console import Console
from rich.table import Table


class Figure(msgspec.Struct, frozen=True):
    """One line of the table. `value` and `goal` are in the unit that `what` names."""

    what: str
    value: float
    text: str
    """The value as a person reads it, with what it was made of."""
    goal: float | None = None
    """At most so much (at least, where `at_least`); None: there is none."""
    at_least: bool = False

    @property
    def verdict(self) -> str:
        if self.goal is None:
            return ""
        reached = self.value >= self.goal if self.at_least else self.value <= self.goal
        return "reached" if reached else "missed"

    @property
    def goal_text(self) -> str:
        if self.goal is None:
            return ""
        return f"{'≥' if self.at_least else '≤'} {self.goal:g}"


def print_table(figures: Sequence[Figure], console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column, justify in (("figure", "left"), ("measured", "left"), ("goal", "right"), ("", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for figure in figures:
        table.add_row(figure.what, figure.text, figure.goal_text, figure.verdict)
    console.print(table)


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def percentile(values: Sequence[float], part: float) -> float:
    """The smallest value that `part` (0 to 1) of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(math.ceil(part * len(ordered)) - 1, 0)]
