from __future__ import annotations

import pytest

from global_heat.template.positions import Position, Positions

TEXT = """resources:
  a.b: {properties: {x: [1, {y: 2}]}}
  a:
    type: web.yaml
"""
FILES = {"web.yaml": '{"outputs": {"o": {"value": 1}}}', "bad.yaml": "a: [}"}


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("resources", ("", 1, 1)),
        ("resources.a.b.properties.x[1].y", ("", 2, 30)),
        ("resources.a.type", ("", 4, 5)),
        ("resources.a.nothing.here", ("", 3, 3)),
        ("resources.a<web.yaml>.outputs.o.value", ("web.yaml", 1, 20)),
        ("resources.a<web.yaml>", None),
        ("environment.parameters", None),
        ("resources.a<bad.yaml>.x", None),
    ],
)
def test_a_path_leads_to_its_place(path: str, place: tuple[str, int, int] | None) -> None:
    assert Positions(TEXT, FILES).find(path) == (Position(*place) if place else None)


def test_a_text_that_cannot_be_read_has_no_places() -> None:
    assert Positions("a: [}", {}).find("a") is None


ENVIRONMENTS = [
    ("one.yaml", "parameters: {a: 1, b: 2}\nresource_registry: {A: B}"),
    ("two.yaml", "regions: {}\nparameters:\n  a: 3\n"),
]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("environment.parameters.a", ("two.yaml", 3, 3)),
        ("environment.parameters.b", ("one.yaml", 1, 20)),
        ("environment.resource_registry.A", ("one.yaml", 2, 21)),
        ("environment.regions.default", ("two.yaml", 1, 1)),
        ("environment 1.parameters.a", ("one.yaml", 1, 14)),
        ("environment 2.regions", ("two.yaml", 1, 1)),
        ("environment 1", ("one.yaml", 1, 1)),
        ("environment 3.parameters", None),
        ("environment.event_sinks", None),
        ("environments", None),
    ],
)
def test_what_an_environment_says(path: str, place: tuple[str, int, int] | None) -> None:
    found = Positions(TEXT, FILES, ENVIRONMENTS).find(path)
    assert found == (Position(*place) if place else None)
