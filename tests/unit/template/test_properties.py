from __future__ import annotations

import json

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.tree import Gap
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import VERSION, Recorded, compile_text, faults_of

A = Path("a")


def shaped(type: str, properties: str) -> dict[str, Json]:
    tree = compile_text(f'resources: {{a: {{type: "OS::{type}", properties: {{{properties}}}}}}}')
    return tree.properties(A, NothingYet())


def fault(type: str, properties: str) -> tuple[str, str]:
    found = faults_of(f'resources: {{a: {{type: "OS::{type}", properties: {{{properties}}}}}}}')
    [(path, message)] = found.items()
    return path.removeprefix("resources.a.properties"), message


def test_defaults_are_filled_in_and_the_rest_left_out() -> None:
    assert shaped("Heat::RandomString", "") == {
        "length": 32,
        "character_classes": [{"class": "lettersdigits", "min": 1}],
    }


@pytest.mark.parametrize(
    ("type", "properties", "value"),
    [
        ("Heat::RandomString", "length: '7'", 7),
        ("Heat::RandomString", "length: 3.7", 3),
        ("Heat::RandomString", "length: null", 32),
        ("Heat::TestResource", "value: 5", "5"),
        ("Heat::TestResource", "value: true", "True"),
        ("Heat::TestResource", "value: null", "test_string"),
        ("Heat::TestResource", "fail: 'TRUE'", True),
        ("Heat::TestResource", "wait_secs: '1.5'", 1.5),
        (
            "Heat::TestResource",
            "action_wait_secs: {create: '1'}",
            {"create": 1, "update": None, "delete": None},
        ),
        ("Heat::Value", "value: {a: [1, null]}", {"a": [1, None]}),
        ("Heat::Value", "value: null, type: number", 0),
        ("Neutron::Port", "network: n, security_groups: [1, {a: b}]", [1, {"a": "b"}]),
    ],
)
def test_values_become_those_of_the_schema(type: str, properties: str, value: Json) -> None:
    name = properties.replace("network: n, ", "").split(":")[0]
    found = shaped(type, properties)[name]
    assert (found, found.__class__) == (value, value.__class__)


@pytest.mark.parametrize(
    ("type", "properties", "path", "expected"),
    [
        ("Heat::RandomString", "length: '3.7'", ".length", "a whole number"),
        ("Heat::RandomString", "length: 9999", ".length", "from 1 to 512, found the number 9999"),
        ("Heat::TestResource", "value: 1.5", ".value", "a text"),
        ("Heat::TestResource", "value: {a: b}", ".value", "a text, found a map"),
        ("Heat::TestResource", "fail: 'yes'", ".fail", "true or false"),
        ("Heat::TestResource", "wait_secs: abc", ".wait_secs", "a number"),
        ("Heat::TestResource", "action_wait_secs: abc", ".action_wait_secs", "a map"),
        ("Heat::TestResource", "action_wait_secs: {zz: 1}", ".action_wait_secs.zz", "is no property here"),
        ("Heat::TestResource", "action_wait_secs: {create: x}", ".action_wait_secs.create", "a number"),
        ("Heat::TestResource", "nope: 1", ".nope", "is no property here"),
        ("Heat::Value", "", "", "value is required"),
        ("Heat::Value", "value: {a: 1}, type: string", ".value", "a text"),
        ("Neutron::Port", "network: n, security_groups: a", ".security_groups", "a list"),
        (
            "Neutron::Port",
            "network: n, fixed_ips: [{ip_address: x}]",
            ".fixed_ips[0].ip_address",
            "IP address",
        ),
        ("Neutron::Port", "network: n, network_id: n", ".network", "beside network_id"),
        ("Neutron::Port", "network: n, 'binding:vnic_type': x", ".binding:vnic_type", "one of normal"),
        ("Nova::KeyPair", "name: ''", ".name", "a length from 1 to 255"),
    ],
)
def test_what_does_not_fit(type: str, properties: str, path: str, expected: str) -> None:
    found, message = fault(type, properties)
    assert found == path
    assert expected in message


LAUNCHED = "ImageId: i, InstanceType: f"


@pytest.mark.parametrize(
    ("type", "properties", "path"),
    [
        ("AWS::AutoScaling::LaunchConfiguration", f"{LAUNCHED}, KernelId: k", ".KernelId"),
        ("AWS::AutoScaling::LaunchConfiguration", f"{LAUNCHED}, RamDiskId: null", ".RamDiskId"),
        (
            "AWS::AutoScaling::LaunchConfiguration",
            f"{LAUNCHED}, BlockDeviceMappings: [{{DeviceName: a, NoDevice: {{}}, Ebs: {{SnapshotId: s}}}}]",
            ".BlockDeviceMappings[0].NoDevice",
        ),
        ("AWS::EC2::Instance", f"{LAUNCHED}, KernelId: k", ".KernelId"),
        ("AWS::EC2::VPC", "CidrBlock: 10.0.0.0/24, Tags: [{Key: a, Value: b}]", ".Tags"),
        (
            "AWS::AutoScaling::AutoScalingGroup",
            "AvailabilityZones: [a], MinSize: 1, MaxSize: 1, InstanceId: i, HealthCheckGracePeriod: 5",
            ".HealthCheckGracePeriod",
        ),
    ],
)
def test_what_heat_does_not_implement_is_refused(type: str, properties: str, path: str) -> None:
    found = faults_of(f'resources: {{a: {{type: "{type}", properties: {{{properties}}}}}}}')
    assert "not implemented" in found[f"resources.a.properties{path}"]


def test_a_former_name_is_taken_for_the_new_one() -> None:
    assert shaped("Neutron::Port", "network_id: n")["network"] == "n"


def test_what_heat_makes_an_item_of_another_property() -> None:
    assert shaped("Heat::RandomString", "length: 5, sequence: digits") == {
        "length": 5,
        "character_classes": [{"class": "digits", "min": 1}],
    }
    router = shaped("Neutron::Router", "l3_agent_id: x")
    assert router["l3_agent_ids"] == ["x"] and "l3_agent_id" not in router
    assert "beside" in fault("Neutron::Router", "l3_agent_id: x, l3_agent_ids: []")[1]


@pytest.mark.parametrize(
    ("type", "default", "given", "value"),
    [
        ("string", "d", "null", ""),
        ("number", 7, "null", 0),
        ("comma_delimited_list", "'a,b'", "null", []),
        ("json", "{a: 1}", "null", {}),
        ("json", "{a: 1}", "[1, {a: 2}]", '[1, {"a": 2}]'),
    ],
)
def test_what_a_template_is_given_as_properties(type: str, default: Json, given: str, value: Json) -> None:
    child = f"{VERSION}parameters: {{p: {{type: {type}, default: {default}}}}}\n"
    child += "outputs: {o: {value: {get_param: p}}}"
    text = f"resources: {{a: {{type: child.yaml, properties: {{p: {given}}}}}}}\n"
    text += "outputs: {o: {value: {get_attr: [a, o]}}}"
    tree = compile_text(text, files={"child.yaml": child})
    assert tree.properties(A, NothingYet()) == {"p": value}
    inside = json.loads(value) if type == "json" and isinstance(value, str) else value
    assert tree.outputs(NothingYet())["o"].value == inside


def test_the_type_that_does_nothing_takes_anything() -> None:
    assert shaped("Heat::None", "a: 1, b: {c: d}") == {}


def test_what_is_not_known_is_checked_when_it_is() -> None:
    tree = compile_text(
        "resources:\n"
        "  v: {type: 'OS::Heat::Value', properties: {value: x}}\n"
        "  a: {type: 'OS::Heat::RandomString', properties: {length: {get_attr: [v, value, 0]}}}\n"
    )
    assert tree.properties(A, Recorded({"v": {"value": ["7"]}}))["length"] == 7
    with pytest.raises(Invalid) as caught:
        tree.properties(A, Recorded({"v": {"value": ["secret"]}}))
    assert caught.value.faults[0].path == "resources.a.properties.length"
    assert "secret" not in str(caught.value)


def gaps(text: str, environment: object = None) -> list[tuple[str, str]]:
    tree = compile_text(text, environment=environment)  # type: ignore[arg-type]
    return [(gap.location, gap.what) for gap in tree.unsupported()]


def test_what_is_right_and_not_carried_out_is_told_apart() -> None:
    a = "resources: {a: {type: 'OS::Heat::TestResource'"
    assert gaps(a + ", properties: {attr_wait_secs: 1}}}") == [
        ("resources.a.properties.attr_wait_secs", "the property attr_wait_secs of OS::Heat::TestResource")
    ]
    registry = {"resources": {"a*": {"hooks": ["pre-create"]}}}
    assert gaps(a + "}}", {"resource_registry": registry}) == []
    given = "properties: {resource_def: {type: OS::Heat::None}}"
    group = f"resources: {{a: {{type: 'OS::Heat::ResourceGroup', {given}}}}}"
    at, what = "environment.resource_registry.resources.a.hooks", "hooks of a nested stack or group"
    assert (at, what) in gaps(group, {"resource_registry": registry})


def test_types_that_are_known_and_not_carried_out_are_told_apart() -> None:
    tree = compile_text("resources: {z: {type: 'OS::Designate::Zone', properties: {name: a.b.}}}")
    assert tree.unsupported() == [Gap(Path("z"), "OS::Designate::Zone", "resources.z.type")]
    assert compile_text("resources: {a: {type: 'OS::Heat::None'}}").unsupported() == []


def test_lookups_are_asked_of_the_region_of_who_uses_them() -> None:
    tree = compile_text(
        "parameters: {f: {type: string, default: small, constraints: [{custom_constraint: nova.flavor}]}}\n"
        "resources:\n"
        "  s: {type: 'OS::Nova::Server', region: Two, properties:"
        " {flavor: {get_param: f}, image: {get_attr: [v, value]}, networks: [{network: net}]}}\n"
        "  v: {type: 'OS::Heat::Value', properties: {value: x}}\n"
    )
    asked = {(each.path, each.region, each.constraint, each.value, each.location) for each in tree.lookups()}
    assert asked == {
        ("s", "Two", "nova.flavor", "small", "resources.s.properties.flavor"),
        ("s", "Two", "neutron.network", "net", "resources.s.properties.networks[0].network"),
        ("", "Two", "nova.flavor", "small", "parameters.f"),
    }
