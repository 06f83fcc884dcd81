"""Take an audit of a lab, and print it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from global_heat.cli.lab.audit import KEYSTONE, Audit, audit, read_records
from global_heat.cli.lab.running import RunningLab

_LOOK_SECONDS = 0.5


async def take_audit(lab: RunningLab, patience_seconds: float = 0.0) -> Audit:
    """Look once, and again while something is wrong or under way, for as long as patience lasts."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience_seconds
    regions = [region.name for region in lab.lab.regions]
    async with lab.store() as store:
        while True:
            truth = await lab.truth()
            found = audit(truth, await read_records(store), regions)
            if (found.clean and not found.busy) or loop.time() >= deadline:
                return found
            await asyncio.sleep(_LOOK_SECONDS)


def print_audit(found: Audit, console: Console) -> None:
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("region")
    for column in ("recorded", "exist", "missing", "orphans", "duplicates"):
        table.add_column(column, justify="right")
    for tally in found.tallies:
        if tally.region == KEYSTONE:
            table.add_row(f"trusts {KEYSTONE}", *_figures(tally))
        else:
            table.add_row(tally.region, *_figures(tally))
    console.print(table)
    for each in found.discrepancies:
        console.print(
            Text(f"{each.problem}: {each.region}: {each.kind} {each.id}: {each.story}", style="red")
        )
    for reason in found.busy:
        console.print(Text(f"not at rest: {reason}", style="yellow"))
    console.print(
        Text("clean: every recorded thing exists, nothing else does, nothing twice", style="green")
        if found.clean
        else Text(f"{len(found.discrepancies)} discrepancies", style="bold red")
    )


def audit_record(found: Audit) -> dict[str, Any]:
    record: dict[str, Any] = msgspec.to_builtins(found)
    return {"clean": found.clean, **record}


def _figures(tally: msgspec.Struct) -> list[str]:
    return [str(getattr(tally, name)) for name in tally.__struct_fields__[1:]]
