"""An owner is struck at every point of a resource's life; `make sim-crashpoints` does it for every type."""

from __future__ import annotations

import crash_points
import pytest
from crash_points import ALIKE, LIVES, OTHER_LIVES, How

from global_heat.engine import creating
from global_heat.resources.catalogue import ALL

ONE_OF_EACH_HANDLE = (
    "OS::Heat::Delay",
    "OS::Heat::ResourceGroup",
    "OS::Neutron::Net",
    "OS::Neutron::RouterInterface",
    "OS::Nova::KeyPair",
)


@pytest.fixture(autouse=True)
def quiet():
    crash_points.quiet()


def test_every_resource_type_has_a_life():
    assert set(LIVES) | set(ALIKE) == set(ALL)
    assert set(ALIKE.values()) <= set(LIVES)
    assert "a thing that is there" in OTHER_LIVES


@pytest.mark.parametrize("type", [*ONE_OF_EACH_HANDLE, "a thing that is there"])
def test_whoever_is_struck_wherever_nothing_is_violated(type):
    points = list(crash_points.points([type]))
    assert len({at for _, at, _ in points}) >= 3
    assert [line for point in points for line in crash_points.strike(point)] == []


def test_a_protocol_that_forgets_to_condemn_is_found_by_the_points(monkeypatch):
    monkeypatch.setattr(creating, "condemn", lambda before: before)
    points = [p for p in crash_points.points(["OS::Neutron::Net"]) if p[2] is How.STOP_BEFORE]
    assert any("invariant" in line for point in points for line in crash_points.strike(point))
