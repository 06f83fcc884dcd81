"""Measure, and print one table: every figure with its goal beside it.

    python -m tests.bench [--json] [PART …]

Without PART all of them. Takes ten minutes on two cores, more than half of them Heat's own. The exit
status says whether it could be measured, not whether the goals were reached.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import sys
import time
from collections.abc import Callable, Sequence

import msgspec
import structlog
from rich.console import Console

from tests.bench.figures import Figure, print_table
from tests.bench.labs import lab
from tests.bench.overhead import measured_overhead, simulated_overhead
from tests.bench.peer.comparing import beside_heat
from tests.bench.planning import planning
from tests.bench.takeover import measured_takeover, simulated_takeover
from tests.bench.thousand import thousand
from tests.bench.throughput import throughput

_WIDTH = 180
"""Of the table where nobody says how wide it may be."""


def on_one() -> list[Figure]:
    async def run() -> list[Figure]:
        async with lab(1) as made:
            return await thousand(made, "1 replica")

    return asyncio.run(run())


def on_three() -> list[Figure]:
    async def run() -> list[Figure]:
        async with lab(3) as made:
            return [
                *await measured_overhead(made),
                *await thousand(made, "3 replicas"),
                await measured_takeover(made),
            ]

    return asyncio.run(run())


PARTS: dict[str, tuple[str, Callable[[], Sequence[Figure]]]] = {
    "planning": ("plans of 100 to 10,000 resources", planning),
    "heat": ("templates of 1,000 resources, beside Heat's own engine", beside_heat),
    "simulated": (
        "take-over, overhead and commits in virtual time",
        lambda: [simulated_takeover(), *simulated_overhead()],
    ),
    "throughput": ("schedules in the simulator", throughput),
    "one": ("a lab of one region: 1,000 resources", on_one),
    "three": ("a lab of three regions: overhead, commits, 1,000 resources, take-over", on_three),
}


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Measure, beside the goals.")
    parser.add_argument(
        "parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all if none is named"
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    options = parser.parse_args(arguments)
    if unknown := set(options.parts) - set(PARTS):
        parser.error(f"no such part: {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    told = Console(stderr=True)
    told.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: what else runs is measured along")
    figures: list[Figure] = []
    for name in options.parts or PARTS:
        about, measure = PARTS[name]
        begun = time.monotonic()
        figures += measure()
        told.print(f"{name}: {about}, {time.monotonic() - begun:.0f} s", soft_wrap=True)
    if options.json:
        print(
            json.dumps(
                [msgspec.to_builtins(figure) | {"verdict": figure.verdict} for figure in figures], indent=2
            )
        )
    else:
        print_table(figures, Console() if sys.stdout.isatty() else Console(width=_WIDTH))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
