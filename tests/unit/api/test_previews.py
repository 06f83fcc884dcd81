"""A plan as it is told: one line a resource and region, and the longest chain of what is done."""

from __future__ import annotations

from global_heat.api.previews import critical_path, told_steps
from global_heat.model.names import Path, Region
from global_heat.model.plan import Forecast, Kind, Plan, Step
from global_heat.model.records import Action

EAST, WEST = Region("East"), Region("West")


def apply(
    path: str, forecast: Forecast = Forecast.ADD, needs: tuple[str, ...] = (), region: Region = EAST
) -> Step:
    return Step(Kind.APPLY, Path(path), region, "T", forecast, needs=tuple(map(Path, needs)))


def clean(path: str, forecast: Forecast = Forecast.KEEP, needs: tuple[str, ...] = ()) -> Step:
    return Step(Kind.CLEAN, Path(path), EAST, "T", forecast, needs=tuple(map(Path, needs)))


def plan(*steps: Step) -> Plan:
    return Plan(number=2, parent=1, revision=2, action=Action.UPDATE, steps=steps)


def told(*steps: Step) -> list[tuple[str, str, str]]:
    return [(step.region, step.path, forecast) for step, forecast in told_steps(plan(*steps))]


def test_a_resource_that_stays_is_one_line():
    assert told(apply("a", Forecast.KEEP), clean("a")) == [("East", "a", "keep")]


def test_a_replacement_is_one_line():
    assert told(apply("a", Forecast.REPLACE), clean("a")) == [("East", "a", "replace")]


def test_what_moves_is_made_there_and_deleted_here():
    steps = apply("a", Forecast.REPLACE, region=WEST), clean("a")
    assert told(*steps) == [("East", "a", "delete"), ("West", "a", "replace")]


def test_what_is_given_up_or_already_leaving_is_told():
    steps = clean("a", Forecast.RETAIN), clean("b", Forecast.DELETE), clean("c")
    assert told(*steps) == [("East", "a", "retain"), ("East", "b", "delete"), ("East", "c", "delete")]


def chain(*steps: Step) -> list[str]:
    return [step.path for step in critical_path(plan(*steps))]


def test_the_longest_chain_counts_only_what_is_done():
    assert chain(
        apply("net", Forecast.KEEP),
        apply("subnet", needs=("net",)),
        apply("port", needs=("net", "subnet")),
        apply("server", Forecast.CHANGE, needs=("port", "key")),
        apply("key"),
    ) == ["subnet", "port", "server"]
    assert chain(apply("a", Forecast.KEEP)) == []


def test_deletion_goes_the_other_way():
    steps = clean("net", Forecast.DELETE, ("subnet",)), clean("subnet", Forecast.DELETE)
    assert chain(*steps) == ["subnet", "net"]


def test_a_long_chain_is_no_problem():
    steps = [apply("0"), *(apply(str(i), needs=(str(i - 1),)) for i in range(1, 5000))]
    assert len(chain(*reversed(steps))) == 5000
