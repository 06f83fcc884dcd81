"""What is written about the configuration is so."""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml

from global_heat.cli.serving.config import Config, read_config
from global_heat.cli.serving.engine import show
from global_heat.cli.serving.metrics import Metrics
from global_heat.model.errors import Fault

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/configuration.md").read_text()


def structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for argument in typing.get_args(kind):
        yield from structs_in(argument)


def keys_of(kind: type[msgspec.Struct]) -> Iterator[str]:
    """All keys that a configuration can have, each by its own name alone."""
    for name, hint in typing.get_type_hints(kind).items():
        inner = list(structs_in(hint))
        if not inner:
            yield name
        for each in inner:
            yield from keys_of(each)


@pytest.mark.parametrize("key", sorted(set(keys_of(Config))))
def test_every_key_is_described(key: str) -> None:
    assert re.search(rf"`(\w+\.)*{key}`", PAGE)


def test_the_shortest_configuration_of_the_page_is_one() -> None:
    faults: list[Fault] = []
    text = PAGE.split("```yaml\n")[1].split("```")[0]
    assert read_config(text, faults) is not None, faults


def test_the_example_beside_the_unit_is_a_configuration() -> None:
    faults: list[Fault] = []
    config = read_config((ROOT / "deploy/systemd/global-heat.yaml").read_text(), faults)
    assert config is not None, faults
    assert config.listen.tls is not None


@pytest.mark.parametrize("section", ["engine", "regions"])
def test_the_defaults_of_the_page_are_the_defaults(section: str) -> None:
    rows = PAGE.split(f"### {section}\n")[1].split("\n#")[0].splitlines()
    checked = 0
    for row in rows:
        cells = [cell.strip() for cell in row.split("|")]
        if not row.startswith("| `") or not cells[2]:
            continue
        names = re.findall(r"`([\w.]+)`", cells[1])
        for name, said in zip(names, cells[2].split(", "), strict=True):
            if re.fullmatch(r"[\d.]+", said):
                assert float(said) == default_of(section, name), name
                checked += 1
    assert checked >= 5


def default_of(section: str, name: str) -> float:
    config = read_config(PAGE.split("```yaml\n")[1].split("```")[0], [])
    assert config is not None
    if section == "engine":
        value: float = getattr(config.engine, name)
        return value
    place: msgspec.Struct = config.home_spec
    if name.startswith("pace."):
        place = config.pace(config.home, "compute")
    found: float = getattr(place, name.removeprefix("pace."))
    return found


def test_every_metric_is_described() -> None:
    metrics = Metrics()
    show(metrics, lambda: None, lambda: None)
    families = [family.name for family in metrics.registry.collect() if family.name.startswith("global_heat")]
    assert len(families) >= 7
    for name in families:
        assert f"`{name}`" in PAGE


def test_the_unit_stops_later_than_a_replica_does() -> None:
    unit = (ROOT / "deploy/systemd/global-heat.service").read_text()
    config = yaml.safe_load((ROOT / "deploy/systemd/global-heat.yaml").read_text())
    (limit,) = re.findall(r"^TimeoutStopSec=(\d+)$", unit, re.MULTILINE)
    assert int(limit) > config.get("drain_seconds", 60) + 10
    assert "RestartPreventExitStatus=78" in unit
