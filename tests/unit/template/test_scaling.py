"""Groups that scale, as they are compiled: sizes, names, attributes, launch configurations, bad input."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.resources.catalogue import load_schemas
from global_heat.template.compilation import compile_source
from global_heat.template.source import GroupPast, Scaled, Source
from global_heat.template.tree import Tree
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import IDENTITY, VERSION, Recorded, compile_text, faults_of

SCHEMAS = load_schemas()
G = Path("g")
ASG = "resources:\n  g: {type: 'OS::Heat::AutoScalingGroup', properties: {%s}}\n"
MEMBER = "resource: {type: 'OS::Heat::Value', properties: {value: [x]}}"
SIZES = "min_size: 1, max_size: 5"


def group(properties: str = SIZES, past: GroupPast | None = None, more: str = "") -> Tree:
    text = VERSION + ASG % f"{properties}, {MEMBER}" + more
    return compile_source(Source(text, groups={"g": past} if past else {}), IDENTITY, SCHEMAS, None)


def names(tree: Tree) -> list[str]:
    return tree.names(G)


def past(tree: Tree) -> GroupPast:
    return tree.groups.past(NothingYet())["g"]


@pytest.mark.parametrize(
    ("properties", "size"),
    [(SIZES, 1), (f"{SIZES}, desired_capacity: 3", 3), ("min_size: 0, max_size: 2", 0)],
)
def test_at_first_it_has_the_number_that_it_wishes_or_the_least(properties: str, size: int) -> None:
    tree = group(properties)
    assert len(names(tree)) == size and past(tree).size == size
    assert all(path.startswith("g/") for path in tree.definitions)


def test_a_size_that_a_policy_gave_it_stays_until_the_group_is_given_something_else() -> None:
    first = past(group(f"{SIZES}, desired_capacity: 2"))
    source = Source(VERSION, groups={"g": first}).scaled({G: Scaled(4, 10.0, "up")})
    scaled = group(f"{SIZES}, desired_capacity: 2", source.groups["g"])
    assert names(scaled)[:2] == list(first.members) and len(names(scaled)) == 4
    assert past(scaled).scaled_by == {"up": 10.0} and past(scaled).scaled_at == 10.0
    assert names(group(f"{SIZES}, desired_capacity: 2", past(scaled))) == names(scaled)
    assert names(group(f"{SIZES}, desired_capacity: 2, cooldown: 9", past(scaled))) == names(scaled)[2:]
    assert names(group(SIZES, past(scaled))) == names(scaled)
    assert names(group("min_size: 1, max_size: 3", past(scaled))) == names(scaled)[1:]


def test_names_are_the_groups_own_and_are_never_given_again() -> None:
    tree = group(f"{SIZES}, desired_capacity: 3")
    assert len(set(names(tree))) == 3 and all(len(name) == 12 for name in names(tree))
    smaller = past(group("min_size: 1, max_size: 1", past(tree)))
    assert list(smaller.members) == names(tree)[2:] and smaller.named == 3
    again = group(f"{SIZES}, desired_capacity: 3", smaller)
    assert names(again)[0] == names(tree)[2] and not set(names(again)[1:]) & set(names(tree))
    other = compile_text(ASG.replace("g:", "h:") % f"{SIZES}, {MEMBER}")
    assert not set(other.names(Path("h"))) & set(names(tree))


def test_its_attributes_are_about_all_its_members() -> None:
    wanted: dict[str, Json] = {
        "size": ["g", "current_size"],
        "refs": ["g", "refs"],
        "map": ["g", "refs_map"],
        "values": ["g", "outputs", "value"],
        "list": ["g", "outputs_list", "value", 0],
        "first": ["g", "refs", 0],
        "second": ["g", "resource.1"],
        "its value": ["g", "resource.1.value", 0],
        "the same": ["g", "resource.1", "value", 0],
    }
    outputs = "".join(f"  '{name}': {{value: {{get_attr: {keys}}}}}\n" for name, keys in wanted.items())
    tree = group(f"{SIZES}, desired_capacity: 2", more="outputs:\n" + outputs)
    one, two = names(tree)
    recorded = Recorded({f"g/{one}": {"": "id-1", "value": ["a"]}, f"g/{two}": {"": "id-2", "value": ["b"]}})
    found = {name: output.value for name, output in tree.outputs(recorded).items()}
    assert found == {
        "size": 2,
        "refs": ["id-1", "id-2"],
        "map": {one: "id-1", two: "id-2"},
        "values": {one: ["a"], two: ["b"]},
        "list": ["a", "b"],
        "first": "id-1",
        "second": "id-2",
        "its value": "b",
        "the same": "b",
    }


@pytest.mark.parametrize(
    ("properties", "path", "why"),
    [
        (f"min_size: 3, max_size: 1, {MEMBER}", "", "must not be more"),
        (f"{SIZES}, desired_capacity: 9, {MEMBER}", "", "must lie from"),
        (f"min_size: 1, max_size: 99999999, desired_capacity: 99999999, {MEMBER}", "", "at most"),
        (f"{SIZES}, resource: {{properties: {{}}}}", ".resource.type", "name of a resource type"),
        (f"{SIZES}, resource: {{type: 'OS::Heat::None', depends_on: x}}", ".resource.depends_on", "no key"),
        (f"{SIZES}, resource: {{type: 'OS::Heat::None', metadata: [1]}}", ".resource.metadata", "a map"),
        (f"{SIZES}, resource: {{type: 'OS::Heat::Nope'}}", ".resource.type", "not known"),
    ],
)
def test_bad_groups(properties: str, path: str, why: str) -> None:
    found = faults_of(ASG % properties)
    assert list(found) == [f"resources.g.properties{path}"] and why in found[f"resources.g.properties{path}"]


def test_what_its_members_would_be_is_looked_at_although_there_are_none() -> None:
    member = "resource: {type: 'OS::Heat::RandomString', properties: {length: many}}"
    assert "length" in next(iter(faults_of(ASG % f"min_size: 0, max_size: 2, {member}")))


CFN = """HeatTemplateFormatVersion: '2012-12-12'
Resources:
  g: {Type: 'AWS::AutoScaling::AutoScalingGroup', Properties: {AvailabilityZones: [a], MinSize: '1',
      MaxSize: '3', DesiredCapacity: '2', LaunchConfigurationName: %s, VPCZoneIdentifier: [subnet-id]}}
  lc: {Type: 'AWS::AutoScaling::LaunchConfiguration', Properties: {ImageId: F20, InstanceType: m1.small,
       KeyName: test, UserData: hello}, Metadata: {init: [1]}}
"""
INSTANCE = """heat_template_version: 2013-05-23
parameters:
  ImageId: {type: string}
  InstanceType: {type: string}
  KeyName: {type: string}
  SubnetId: {type: string}
  Tags: {type: json}
  UserData: {type: string}
resources:
  v: {type: 'OS::Heat::Value', properties: {value: {get_param: ImageId}}}
  m: {type: 'OS::Heat::Value', properties: {value: {resource_facade: metadata}}}
"""
MAPPED: dict[str, Json] = {"resource_registry": {"AWS::EC2::Instance": "instance.yaml"}}


def instances(name: str = "{Ref: lc}") -> Tree:
    source = Source(CFN % name, environment=MAPPED, files={"instance.yaml": INSTANCE})
    return compile_source(source, IDENTITY, SCHEMAS, None)


def test_instances_are_given_what_their_launch_configuration_says() -> None:
    tree = instances()
    one, _ = names(tree)
    given = tree.given(Path(f"g/{one}"), NothingYet())
    tags = given.pop("Tags")
    assert given == {
        "ImageId": "F20",
        "InstanceType": "m1.small",
        "KeyName": "test",
        "SubnetId": "subnet-id",
        "UserData": "hello",
    }
    assert [tag["Key"] for tag in tags] == ["metering.groupname", "metering.AutoScalingGroupName"]
    recorded = Recorded({"lc": {"": "stack-lc-1"}})
    assert tree.properties(Path(f"g/{one}/v"), recorded)["value"] == "F20"
    assert tree.properties(Path(f"g/{one}/m"), recorded)["value"] == {"init": [1]}


def test_a_launch_configuration_is_named_by_a_reference() -> None:
    with pytest.raises(Invalid, match="expected a reference"):
        instances("lc")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("LaunchConfigurationName: {get_resource: lc}, VPCZoneIdentifier: [a, b]", "expected one"),
        ("LaunchConfigurationName: {get_resource: lc}, InstanceId: i", "found both"),
        ("InstanceId: ''", "found neither"),
    ],
)
def test_bad_groups_of_instances(said: str, why: str) -> None:
    found = faults_of(
        "resources:\n"
        "  lc: {type: 'AWS::AutoScaling::LaunchConfiguration', properties: {ImageId: i, InstanceType: f}}\n"
        "  g:\n"
        "    type: AWS::AutoScaling::AutoScalingGroup\n"
        f"    properties: {{AvailabilityZones: [a], MinSize: 0, MaxSize: 1, {said}}}\n"
    )
    assert list(found) == ["resources.g.properties"] and why in found["resources.g.properties"]


def test_an_instance_without_a_mapping_cannot_be_carried_out_yet() -> None:
    text = CFN % "{Ref: lc}"
    tree = compile_source(Source(text), IDENTITY, SCHEMAS, None)
    assert {gap.what for gap in tree.unsupported()} >= {"AWS::EC2::Instance"}
