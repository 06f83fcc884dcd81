"""A template of 10,000 resources to its plan: pure, in a process of its own, so that its memory can be told.

python -m tests.bench.planning        prints one line of JSON
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import msgspec

from global_heat.model.names import Project, StackId
from global_heat.model.records import Action
from global_heat.planner.planning import plan_apply
from global_heat.resources.catalogue import load_schemas
from global_heat.store.sealing import Seal
from global_heat.template.compilation import compile_source
from global_heat.template.source import Identity, Source
from tests.bench.figures import Figure

RESOURCES = 10_000
REGIONS = ("north", "south", "west")
SECONDS_GOAL = 5.0
MEMORY_GOAL = 300.0


class Taken(msgspec.Struct, frozen=True):
    """CPU seconds, of one thread; MiB at most, of the whole process."""

    compiling: float
    planning: float
    memory: float
    steps: int


PLACES = {"*[147]": "south", "*[258]": "west"}
"""By the last digit of the name; the rest is in the stack's own region. Written out, it would be too long."""


def template() -> str:
    """Networks with a subnet each, and two that are nothing: about as much as a template may hold."""
    lines = ["heat_template_version: 2021-04-16", "resources:"]
    for n in range(RESOURCES // 4):
        lines += [
            f" n{n}: {{type: OS::Neutron::Net}}",
            f" s{n}: {{type: OS::Neutron::Subnet, properties:"
            f" {{network: {{get_resource: n{n}}}, cidr: 10.{n // 256}.{n % 256}.0/24}}}}",
            f" a{n}: {{type: OS::Heat::None}}",
            f" b{n}: {{type: OS::Heat::None}}",
        ]
    return "\n".join(lines)


def planning() -> list[Figure]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.planning"], check=True, capture_output=True, text=True
    )
    taken = msgspec.json.decode(done.stdout, type=Taken)
    assert taken.steps == RESOURCES, taken
    seconds = taken.compiling + taken.planning
    return [
        Figure(
            "plan of 10,000 resources, CPU seconds",
            seconds,
            f"{seconds:.2f} (template {taken.compiling:.2f}, plan {taken.planning:.2f})",
            SECONDS_GOAL,
        ),
        Figure("plan of 10,000 resources, MiB", taken.memory, f"{taken.memory:.0f}", MEMORY_GOAL),
    ]


def _take() -> Taken:
    source = Source(template=template(), environment={"regions": {"resources": PLACES}})
    schemas = load_schemas()
    seal = Seal({"k": b"k" * 32}, lambda n: b"0" * n)
    project, stack = Project("p"), StackId("s")
    identity = Identity(stack_name="big", stack_id=stack, project=project, default_region=REGIONS[0])
    begun = time.process_time()
    tree = compile_source(source, identity, schemas, REGIONS)
    compiled = time.process_time()
    plan = plan_apply(
        number=1,
        parent=0,
        revision=1,
        action=Action.CREATE,
        tree=tree,
        recorded=(),
        schemas=schemas,
        hash_property=lambda name, value: seal.fingerprint(value, "property", project, stack, name),
        attributes_of=lambda incarnation: {},
    )
    planned = time.process_time()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Taken(compiled - begun, planned - compiled, memory, len(plan.steps))


if __name__ == "__main__":
    print(msgspec.json.encode(_take()).decode())
