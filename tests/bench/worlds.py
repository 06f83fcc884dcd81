"""Simulated worlds for measuring: the whole engine in virtual time, and what its store saw."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from pathlib import Path as File

from global_heat.model.names import StackId
from global_heat.sim.world import REGIONS, SimWorld
from global_heat.store.caller import Caller
from global_heat.store.wishes import StackWish, Wishes
from global_heat.template.source import Source
from tests.bench.history import Write

DEMO = File(__file__).parents[2] / "deploy" / "local" / "demo"


def writes(world: SimWorld) -> list[Write]:
    """All that was ever written, in order."""
    return [
        Write(each.revision, each.at, key, value)
        for each in world.cluster.history
        for key, value in each.changes
    ]


async def create(world: SimWorld, name: str, template: str, files: Mapping[str, str] = {}) -> StackId:
    """Wish for a stack; its id."""
    ids = (f"{name}-{n}" for n in itertools.count())
    wishes = Wishes(world.documents(world.user.store), world.clock, lambda: next(ids))
    wish = StackWish(name=name, source=Source(template=template, files=dict(files)), region=REGIONS[0])
    operation = await wishes.create(Caller(world.project, "demo"), wish, f"create-{name}", REGIONS)
    return operation.stack


def demo_source() -> tuple[str, dict[str, str]]:
    """The demo's template and its files, with the simulator's names of regions."""
    text = (DEMO / "stack.yaml").read_text().replace("south", "east")
    return text, {name: (DEMO / name).read_text() for name in ("network.yaml", "machine.yaml")}
