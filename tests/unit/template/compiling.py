"""Compile short templates: what every test of this folder needs."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.schema import Schemas
from global_heat.model.values import Json, Unknown
from global_heat.template.compilation import compile_source
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree
from global_heat.template.view import NothingYet, View

REGIONS = ("One", "Two", "Three")
IDENTITY = Identity("stack", "00000000-0000-4000-8000-000000000001", "project", "One")
VERSION = "heat_template_version: 2021-04-16\n"

_DATA = resources.files("global_heat.resources").joinpath("resource-types.json").read_bytes()
_ALL = Schemas.decode(_DATA, {})
_SUPPORTED = {
    "OS::Heat::None": [],
    "OS::Heat::Value": ["type", "value"],
    "OS::Heat::RandomString": ["length", "salt", "character_classes"],
    "OS::Heat::TestResource": ["value", "fail", "wait_secs", "action_wait_secs", "constraint_prop_secs"],
} | {
    name: list(_ALL.get(name).properties)  # type: ignore[union-attr]
    for name in (
        "OS::Cinder::Volume",
        "OS::Cinder::VolumeAttachment",
        "OS::Neutron::FloatingIP",
        "OS::Neutron::Net",
        "OS::Neutron::Port",
        "OS::Neutron::Router",
        "OS::Neutron::RouterInterface",
        "OS::Neutron::Subnet",
        "OS::Nova::KeyPair",
        "OS::Nova::Server",
    )
}
SCHEMAS = Schemas.decode(_DATA, _SUPPORTED)


def compile_text(
    text: str,
    parameters: Mapping[str, Json] | None = None,
    environment: Mapping[str, Json] | None = None,
    files: Mapping[str, str] | None = None,
    regions: tuple[str, ...] | None = REGIONS,
) -> Tree:
    """Compile; the newest version is put before a text that names none."""
    template = text if "heat_template_version" in text else VERSION + text
    source = Source(template, dict(environment or {}), dict(files or {}), dict(parameters or {}))
    return compile_source(source, IDENTITY, SCHEMAS, regions)


def faults_of(text: str, **more: object) -> dict[str, str]:
    """Compile what is wrong; the faults by their path."""
    with pytest.raises(Invalid) as caught:
        compile_text(text, **more)  # type: ignore[arg-type]
    assert caught.value.faults
    return {fault.path: fault.message for fault in caught.value.faults}


class Recorded(View):
    """A view of things that exist, by path and attribute; "" is the reference."""

    def __init__(self, things: Mapping[str, Mapping[str, Json]]) -> None:
        self._things = things

    def reference(self, path: Path) -> Json:
        return self.attribute(path, "")

    def attribute(self, path: Path, name: str) -> Json:
        return self._things[path].get(name) if path in self._things else Unknown(path)


def evaluate(expression: str, version: str = "2021-04-16", **more: object) -> Json:
    """The value of one output; fails the test when it has an error. `more`: as for `compile_text`."""
    output = output_of(expression, version, **more)
    assert not output.error, output.error
    return output.value


def output_of(expression: str, version: str = "2021-04-16", **more: object) -> Json:
    declared = str(more.pop("declared", ""))
    text = f"heat_template_version: {version}\n{declared}\noutputs:\n  o:\n    value: {expression}\n"
    return compile_text(text, **more).outputs(NothingYet())["o"]  # type: ignore[arg-type]


def error_of(expression: str, version: str = "2021-04-16", **more: object) -> str:
    """What is wrong with an output: found at once, or when it is asked for."""
    try:
        error = output_of(expression, version, **more).error
    except Invalid as invalid:
        error = invalid.faults[0].message
    assert error
    return str(error)
