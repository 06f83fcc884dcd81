"""Templates of up to 10,000 resources to their plans: pure, each in a process of its own for its memory.

python -m tests.bench.planning 1000        prints one line of JSON

Each size is measured three times. Imports, the schemas' loading and a first small plan are not counted, save
in the memory, which is that of the whole process.
"""

from __future__ import annotations

import itertools
import math
import resource
import subprocess
import sys
import time

import msgspec

from global_heat.resources.catalogue import load_schemas
from global_heat.template.source import Source
from tests.bench.figures import Figure, median
from tests.bench.pure import compiled, planned

SIZES = (100, 1000, 10_000)
RUNS = 3
REGIONS = ("north", "south", "west")
SECONDS_GOAL = 5.0
MEMORY_GOAL = 300.0


class Taken(msgspec.Struct, frozen=True):
    """CPU seconds, of one thread; MiB at most, of the whole process."""

    compiling: float
    planning: float
    memory: float
    steps: int

    @property
    def seconds(self) -> float:
        return self.compiling + self.planning


PLACES = {"*[147]": "south", "*[258]": "west"}
"""By the last digit of the name; the rest is in the stack's own region. Written out, it would be too long."""


def template(count: int) -> str:
    """Networks with a subnet each, and two that are nothing: 10,000 are about all a template may hold."""
    lines = ["heat_template_version: 2021-04-16", "resources:"]
    for n in range(count // 4):
        lines += [
            f" n{n}: {{type: OS::Neutron::Net}}",
            f" s{n}: {{type: OS::Neutron::Subnet, properties:"
            f" {{network: {{get_resource: n{n}}}, cidr: 10.{n // 256}.{n % 256}.0/24}}}}",
            f" a{n}: {{type: OS::Heat::None}}",
            f" b{n}: {{type: OS::Heat::None}}",
        ]
    return "\n".join(lines)


def planning() -> list[Figure]:
    runs = {size: [_apart(size) for _ in range(RUNS)] for size in SIZES}
    seconds = {size: median([run.seconds for run in runs[size]]) for size in SIZES}
    memory = {size: median([run.memory for run in runs[size]]) for size in SIZES}
    largest = runs[SIZES[-1]]
    compiling, making = (
        median([getattr(run, part) for run in largest]) for part in ("compiling", "planning")
    )
    slopes = [_slope(seconds, *sizes) for sizes in itertools.pairwise(SIZES)]
    return [
        Figure(
            "plan of 10,000 resources, CPU seconds",
            seconds[SIZES[-1]],
            f"{seconds[SIZES[-1]]:.2f} (template {compiling:.2f}, plan {making:.2f})",
            SECONDS_GOAL,
        ),
        Figure(
            "plan of 10,000 resources, MiB",
            memory[SIZES[-1]],
            " ← ".join(f"{memory[size]:.0f} ({size:,})" for size in reversed(SIZES)),
            MEMORY_GOAL,
        ),
        Figure(
            "plan of n resources, CPU seconds as n^",
            slopes[-1],
            f"{slopes[-1]:.2f} from 1,000 to 10,000, {slopes[0]:.2f} from 100 to 1,000 ("
            + ", ".join(f"{size:,}: {seconds[size]:.3f}" for size in SIZES)
            + ")",
        ),
    ]


def _slope(seconds: dict[int, float], small: int, large: int) -> float:
    """How time grows with size, on a log scale: 1 is in proportion."""
    return math.log(seconds[large] / seconds[small], large / small)


def _apart(size: int) -> Taken:
    command = [sys.executable, "-m", "tests.bench.planning", str(size)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    taken = msgspec.json.decode(done.stdout, type=Taken)
    assert taken.steps == size, taken
    return taken


def _take(size: int) -> Taken:
    schemas = load_schemas()
    small, source = (
        Source(template=template(count), environment={"regions": {"resources": PLACES}})
        for count in (min(SIZES) // 5, size)
    )
    planned(compiled(small, schemas, REGIONS), schemas)
    begun = time.process_time()
    tree = compiled(source, schemas, REGIONS)
    read = time.process_time()
    plan = planned(tree, schemas)
    made = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(read - begun, made - read, memory, len(plan.steps))


if __name__ == "__main__":
    print(msgspec.json.encode(_take(int(sys.argv[1]))).decode())
