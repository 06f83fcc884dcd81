"""A plan as a value: its views of itself, and its way through JSON."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.names import Path, Region
from global_heat.model.plan import Forecast, Kind, Plan, Step
from global_heat.model.records import Action


def step(kind: str, path: str, region: str, forecast: str = "keep", needs: tuple[str, ...] = ()) -> Step:
    return Step(
        kind=Kind(kind),
        path=Path(path),
        region=Region(region),
        type="T",
        forecast=Forecast(forecast),
        needs=tuple(map(Path, needs)),
    )


NET = step("apply", "net", "west", "add")
PORT = step("apply", "port", "east", "replace", needs=("net",))
SERVER = step("apply", "server", "east", "add", needs=("net", "port"))
OLD_PORT = step("clean", "port", "east")
GONE = step("clean", "old", "north", "delete")
STEPS = (NET, PORT, SERVER, OLD_PORT, GONE)


def plan(steps: tuple[Step, ...] = STEPS) -> Plan:
    return Plan(number=2, parent=1, revision=2, action=Action.UPDATE, steps=steps)


def test_regions_are_named_once_and_in_order():
    assert plan().regions == ("east", "north", "west")
    assert plan(()).regions == ()


def test_a_region_gets_its_own_steps_in_the_order_of_the_plan():
    assert plan().of(Region("east")) == (PORT, SERVER, OLD_PORT)
    assert plan().of(Region("south")) == ()


def test_applies_and_cleans_are_kept_apart():
    assert plan().applies == {"net": NET, "port": PORT, "server": SERVER}
    assert plan().cleans == {("port", "east"): OLD_PORT, ("old", "north"): GONE}


def test_dependants_are_the_applies_that_need_a_resource():
    assert plan().dependants == {"net": (PORT, SERVER), "port": (SERVER,)}


def test_what_a_clean_waits_for_makes_no_dependant():
    assert plan((step("clean", "net", "east", needs=("port",)),)).dependants == {}


def test_totals_count_every_forecast_by_region():
    totals = plan().totals
    assert {region: {str(k): n for k, n in counts.items() if n} for region, counts in totals.items()} == {
        "east": {"add": 1, "replace": 1, "keep": 1},
        "north": {"delete": 1},
        "west": {"add": 1},
    }
    assert set(totals["west"]) == set(Forecast)


def test_a_step_is_named_by_kind_path_and_region():
    assert (NET.ref, OLD_PORT.ref) == ("apply net@west", "clean port@east")


def test_a_plan_comes_back_from_json_as_it_was_and_without_what_was_worked_out_from_it():
    before = plan()
    assert before.totals and before.dependants and before.applies
    data = msgspec.json.encode(before)
    assert msgspec.json.decode(data, type=Plan) == before
    assert set(msgspec.json.decode(data)) == {"number", "parent", "revision", "action", "steps"}


def test_a_plan_cannot_be_changed():
    with pytest.raises(AttributeError):
        plan().number = 3
