"""Groups of deployments become one deployment for each server."""

from __future__ import annotations

import pytest

from global_heat.model.names import Path, Project, Region, StackId
from global_heat.model.values import Json, Unknown
from global_heat.resources.catalogue import load_schemas
from global_heat.template.compilation import compile_source
from global_heat.template.source import GroupPast, Identity, Source
from global_heat.template.tree import Tree
from tests.unit.template.compiling import Recorded

SCHEMAS = load_schemas()
IDENTITY = Identity("s", StackId("id"), Project("p"), Region("east"))
HEAD = "heat_template_version: 2018-08-31\nresources:\n  s: {type: OS::Heat::DeployedServer}\n"
GROUP = "  g: {type: OS::Heat::%s, properties: {config: c, input_values: {a: 1}, servers: %s}}\n"
TWO = "{one: {get_resource: s}, two: other}"
OUTPUTS = (
    "outputs: {all: {value: {get_attr: [g, deploy_stdouts]}}, two: {value: {get_attr: [g, result, two]}}}\n"
)


class Known:
    """A view in which each attribute says what it is of."""

    def reference(self, path: Path) -> Json:
        return f"id of {path}"

    def attribute(self, path: Path, name: str) -> Json:
        return f"{name} of {path}"


class Nothing:
    def reference(self, path: Path) -> Json:
        return Unknown(path)

    def attribute(self, path: Path, name: str) -> Json:
        return Unknown(path)


def compiled(
    type: str = "SoftwareDeploymentGroup",
    servers: str = TWO,
    more: str = OUTPUTS,
    groups: dict[str, GroupPast] | None = None,
) -> Tree:
    source = Source(HEAD + GROUP % (type, servers) + more, groups=groups or {})
    return compile_source(source, IDENTITY, SCHEMAS, ["east"])


@pytest.mark.parametrize(
    ("group", "member"),
    [
        ("SoftwareDeploymentGroup", "SoftwareDeployment"),
        ("SoftwareDeployments", "SoftwareDeployment"),
        ("StructuredDeploymentGroup", "StructuredDeployment"),
        ("StructuredDeployments", "StructuredDeployment"),
    ],
)
def test_each_server_gets_a_deployment_of_its_own(group: str, member: str) -> None:
    tree = compiled(group)
    types = {path: definition.type for path, definition in tree.definitions.items() if "/" in path}
    assert types == {"g/one": f"OS::Heat::{member}", "g/two": f"OS::Heat::{member}"}
    assert list(tree.unsupported()) == []
    properties = {name: tree.properties(Path(f"g/{name}"), Known()) for name in ("one", "two")}
    assert {name: given["server"] for name, given in properties.items()} == {"one": "id of s", "two": "other"}
    for given in properties.values():
        assert given["config"] == "c" and given["input_values"] == {"a": 1} and "servers" not in given
    assert list(tree.requires(Path("g/one"))) == ["s"]


def test_an_attribute_of_the_group_is_a_map_of_its_members() -> None:
    outputs = compiled().outputs(Known())
    assert outputs["all"].value == {
        "one": "deploy_stdout of g/one",
        "two": "deploy_stdout of g/two",
    }
    assert outputs["two"].value == "result of g/two"
    assert {"deploy_stdout", "result"} <= set(compiled().needed_attributes(Path("g/two")))


SERVERS_LATER = "  v: {type: OS::Heat::Value, properties: {type: json, value: {a: b}}}\n"


def test_servers_that_are_not_known_beforehand_are_found_by_a_step() -> None:
    tree = compiled(servers="{get_attr: [v, value]}", more=SERVERS_LATER)
    group = Path("g")
    assert tree.groups.opening == {group: "east"} and not tree.groups.has_shape(group, {"servers": []})
    found = tree.groups.shape(group, Recorded({"v": {"value": {"a": "id-a", "b": "id-b"}}}))
    assert found == {"servers": ["a", "b"]}


def test_then_each_of_them_has_a_member() -> None:
    past = {"g": GroupPast(shape={"servers": ["a", "b"]})}
    tree = compiled(servers="{get_attr: [v, value]}", more=SERVERS_LATER, groups=past)
    assert tree.groups.has_shape(Path("g"), {"servers": ["a", "b"]})
    assert {"g/a", "g/b"} <= set(tree.definitions)
    servers = Recorded({"v": {"value": {"a": "id-a", "b": "id-b"}}})
    assert tree.properties(Path("g/a"), servers)["server"] == "id-a"
    assert "g" in tree.requires(Path("g/a")) and "v" in tree.requires(Path("g"))


def test_a_group_without_servers_deploys_nothing() -> None:
    for servers in ("{}", "null"):
        tree = compiled(servers=servers, more="")
        assert list(tree.definitions) == ["s"]


def test_who_reads_of_the_group_waits_for_all_of_it() -> None:
    reader = "  r: {type: OS::Heat::Value, properties: {value: {get_attr: [g, deploy_stdouts, one]}}}\n"
    assert set(compiled(more=reader).requires(Path("r"))) == {"g/one", "g/two"}


def test_who_reads_of_an_empty_group_waits_for_what_the_group_waits_for() -> None:
    reader = "  r: {type: OS::Heat::Value, properties: {value: {get_attr: [g, deploy_stdouts]}}}\n"
    group = "  g: {type: OS::Heat::SoftwareDeploymentGroup, depends_on: [s], properties: {servers: {}}}\n"
    tree = compile_source(Source(HEAD + group + reader), IDENTITY, SCHEMAS, ["east"])
    assert list(tree.requires(Path("r"))) == ["s"]
