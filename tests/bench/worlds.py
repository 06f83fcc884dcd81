"""Simulated worlds for measuring: the whole engine in virtual time, and what its store saw."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path as File

from global_heat.model.names import StackId
from global_heat.sim.world import SimWorld
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
    return (await world.user.create(name, template, files=files)).stack


def demo_source() -> tuple[str, dict[str, str]]:
    """The demo's template and its files, with the simulator's names of regions."""
    text = (DEMO / "stack.yaml").read_text().replace("south", "east")
    return text, {name: (DEMO / name).read_text() for name in ("network.yaml", "machine.yaml")}
