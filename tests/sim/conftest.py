"""What the tests of whole simulated worlds share."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import structlog

from global_heat.engine.ports import Settings
from global_heat.sim import stage
from global_heat.sim.stage import Stage as Stage
from global_heat.sim.stage import Story
from global_heat.sim.world import SETTINGS


@pytest.fixture
def play() -> Callable[..., None]:
    """Play a story in a world of its own; then judge all of it, delete the stack, judge again."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))

    def run(story: Story, replicas: int = 3, settings: Settings = SETTINGS) -> None:
        assert stage.play(story, replicas, settings=settings) == []

    return run
