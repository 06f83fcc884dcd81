"""Our side. A job a line on standard input, an answer a line on standard output, as `theirs` does."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Mapping

import msgspec

from global_heat.model.names import Path
from global_heat.model.schema import Schemas
from global_heat.model.values import Json
from global_heat.resources.catalogue import load_schemas
from global_heat.template.source import Source
from global_heat.template.tree import Definition
from tests.bench.peer.jobs import Answer, Attributes, Job
from tests.bench.pure import compiled, planned


class Existing:
    """All resources are there."""

    def __init__(self, definitions: Mapping[Path, Definition], attributes: Attributes) -> None:
        self._definitions = definitions
        self._attributes = attributes

    def reference(self, path: Path) -> Json:
        return f"{path}-id"

    def attribute(self, path: Path, name: str) -> Json:
        return self._attributes[self._definitions[path].type][name]


def run(schemas: Schemas, job: Job) -> Answer:
    begun = time.process_time()
    tree = compiled(Source(template=job.template, parameters=job.parameters), schemas, ("here",))
    read = time.process_time()
    plan = planned(tree, schemas)
    made = time.process_time()
    view = Existing(tree.definitions, job.attributes)
    properties = {step.path: tree.properties(step.path, view) for step in plan.steps}
    resolved = time.process_time()
    seconds = {"compile": read - begun, "plan": made - read, "resolve": resolved - made}
    return Answer(seconds, dict(properties), sorted(list(edge) for edge in tree.edges()))


def main() -> None:
    schemas = load_schemas()
    for line in sys.stdin:
        job = msgspec.json.decode(line, type=Job)
        gc.collect()
        print(msgspec.json.encode(run(schemas, job)).decode(), flush=True)


if __name__ == "__main__":
    main()
