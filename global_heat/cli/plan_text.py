"""A plan for people: a table by region, what is done grouped by region, the longest chain, what to know."""

from __future__ import annotations

from itertools import groupby
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

from global_heat.cli.messages import last
from global_heat.proto.v1 import plan_pb2

_MARKS: Final = {
    plan_pb2.PLANNED_ACTION_ADD: ("+", "green"),
    plan_pb2.PLANNED_ACTION_CHANGE: ("~", "yellow"),
    plan_pb2.PLANNED_ACTION_REPLACE: ("±", "magenta"),
    plan_pb2.PLANNED_ACTION_DELETE: ("-", "red"),
    plan_pb2.PLANNED_ACTION_RETAIN: ("·", "blue"),
}
_COLUMNS = ("add", "change", "replace", "delete", "keep", "retain")


def print_plan(plan: plan_pb2.Plan, console: Console) -> None:
    name = last(plan.stack)
    console.print(Text(f"Stack {name}" + ("" if plan.etag else " (new)"), style="bold"))
    console.print(plan_table(plan))
    for region, resources in groupby(plan.resources, key=lambda resource: resource.region):
        console.print(Text(f"\n{last(region)}", style="bold"))
        for resource in resources:
            console.print(_line(resource))
    if len(plan.critical_path) > 1:
        steps = " → ".join(plan.critical_path)
        console.print(Text(f"\nLongest chain, {len(plan.critical_path)} steps: {steps}"))
    for warning in plan.warnings:
        console.print(Text(warning_line(warning), style="yellow"))
    if plan.empty:
        console.print(Text("\nNothing to do: the stack is as wished."))


def warning_line(warning: plan_pb2.PlanWarning) -> str:
    where = f"{warning.path}: " if warning.path else ""
    said = "not checked: " if warning.reason == "NOT_CHECKED" else ""
    return f"{said}{where}{warning.message}"


def plan_table(plan: plan_pb2.Plan) -> Table:
    """How much is done in each region, and in all."""
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("region")
    for column in _COLUMNS:
        table.add_column(column, justify="right")
    for summary in plan.regions:
        table.add_row(last(summary.region), *(str(getattr(summary, column) or "-") for column in _COLUMNS))
    if len(plan.regions) > 1:
        sums = (sum(getattr(summary, column) for summary in plan.regions) for column in _COLUMNS)
        table.add_row("all", *(str(each or "-") for each in sums), style="bold")
    return table


def _line(resource: plan_pb2.PlannedResource) -> Text:
    mark, colour = _MARKS.get(resource.action, ("?", ""))
    line = Text(f"  {mark} ", style=colour)
    line.append(resource.path)
    line.append(f"  {resource.type}", style="dim")
    changed = [change.path for change in resource.changes if not change.forces_replacement]
    forcing = [change.path for change in resource.changes if change.forces_replacement]
    if changed:
        line.append(f"  {', '.join(changed)}")
    if forcing:
        line.append(f"  {', '.join(forcing)} forces replacement", style="magenta")
    if resource.refused:
        line.append(f"  will fail: {resource.refused}", style="red")
    return line
