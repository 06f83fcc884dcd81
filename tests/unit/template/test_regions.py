from __future__ import annotations

import pytest

from global_heat.model.names import Path
from global_heat.template.view import NothingYet
from tests.unit.template.compiling import compile_text, faults_of

NONE = "type: 'OS::Heat::None'"


def regions_of(text: str, **more: object) -> dict[str, str]:
    tree = compile_text(text, **more)  # type: ignore[arg-type]
    return {path: definition.region for path, definition in tree.definitions.items()}


def test_a_resource_names_its_region_or_has_that_of_the_stack() -> None:
    text = (
        "parameters: {r: {type: string, default: Two}, three: {type: boolean, default: true}}\n"
        "conditions: {c: {get_param: three}}\n"
        f"resources: {{a: {{{NONE}}}, b: {{{NONE}, region: {{get_param: r}}}},"
        f" c: {{{NONE}, region: {{if: [c, Three, One]}}}}}}"
    )
    assert regions_of(text) == {"a": "One", "b": "Two", "c": "Three"}


def test_what_is_nested_has_the_region_of_what_it_is_in() -> None:
    child = f"heat_template_version: rocky\nresources: {{x: {{{NONE}}}, y: {{{NONE}, region: Three}}}}"
    text = (
        "resources:\n"
        "  n: {type: c.yaml, region: Two}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', region: Three, properties:"
        " {count: 1, resource_def: {type: c.yaml}}}\n"
    )
    assert regions_of(text, files={"c.yaml": child}) == {
        "n/x": "Two",
        "n/y": "Three",
        "g/0/x": "Three",
        "g/0/y": "Three",
    }


def test_an_environment_places_an_unchanged_template() -> None:
    text = (
        "resources:\n"
        f"  db1: {{{NONE}}}\n"
        f"  db2: {{{NONE}}}\n"
        f"  web: {{{NONE}}}\n"
        f"  own: {{{NONE}, region: One}}\n"
        "  g: {type: 'OS::Heat::ResourceGroup', properties:"
        " {count: 2, resource_def: {type: 'OS::Heat::None'}}}\n"
    )
    environment = {
        "regions": {"default": "Three", "resources": {"db*": "Two", "db2": "One", "g/1": "Two", "own": "Two"}}
    }
    assert regions_of(text, environment=environment) == {
        "db1": "Two",
        "db2": "One",
        "web": "Three",
        "own": "One",
        "g/0": "Three",
        "g/1": "Two",
    }


def test_names_are_those_of_the_region() -> None:
    environment = {"regions": {"names": {"Two": {"image": {"ubuntu": "ubuntu-w"}, "flavor": {"m": "l"}}}}}
    server = "type: 'OS::Nova::Server', properties: {image: ubuntu, flavor: m, networks: [{network: n}]}"
    tree = compile_text(
        f"resources: {{a: {{{server}}}, b: {{{server}, region: Two}}}}", environment=environment
    )
    view = NothingYet()
    assert tree.properties(Path("a"), view)["image"] == "ubuntu"
    assert tree.properties(Path("b"), view)["image"] == "ubuntu-w"
    assert tree.properties(Path("b"), view)["flavor"] == "l"
    assert {(each.region, each.value) for each in tree.lookups()} == {
        ("One", "ubuntu"),
        ("One", "m"),
        ("One", "n"),
        ("Two", "ubuntu-w"),
        ("Two", "l"),
        ("Two", "n"),
    }


def test_a_region_that_is_not_there() -> None:
    found = faults_of(
        f"resources: {{a: {{{NONE}, region: Twoo}}, b: {{{NONE}}}}}",
        environment={"regions": {"resources": {"b": "Nowhere"}}},
    )
    assert found.keys() == {"resources.a.region", "environment.regions.resources.b"}
    assert 'no region "Twoo"; there are One, Three, Two' in found["resources.a.region"]


def test_a_recorded_revision_is_compiled_without_asking_which_regions_there_are() -> None:
    assert regions_of(f"resources: {{a: {{{NONE}, region: Gone}}}}", regions=None) == {"a": "Gone"}


@pytest.mark.parametrize("region", ["5", "[One]", "''", "{get_attr: [a, show]}", "{get_resource: a}"])
def test_a_region_must_be_a_name_that_is_known_beforehand(region: str) -> None:
    found = faults_of(f"resources: {{a: {{{NONE}}}, b: {{{NONE}, region: {region}}}}}")
    assert list(found) == ["resources.b.region"]


NET = "Neutron::Net", ""
PORT = "Neutron::Port", "network: n"
SERVER = "Nova::Server", "flavor: f, networks: [{network: n}]"
KEY = "Nova::KeyPair", "name: k"
S = "{get_resource: s}"


def written(type: str, properties: str, region: str) -> str:
    return f"{{region: {region}, type: 'OS::{type}', properties: {{{properties}}}}}"


@pytest.mark.parametrize(
    ("source", "type", "properties", "path"),
    [
        (NET, "Neutron::Port", f"network: {S}", ".network"),
        (NET, "Neutron::Subnet", f"cidr: 10.0.0.0/24, network_id: {S}", ".network_id"),
        (NET, "Neutron::Port", "network: {get_attr: [s, show, id]}", ".network"),
        (NET, "Neutron::Port", f"network: {{list_join: ['', [{S}]]}}", ".network"),
        (
            NET,
            "Neutron::Router",
            f"external_gateway_info: {{network: {S}}}",
            ".external_gateway_info.network",
        ),
        (PORT, "Nova::Server", f"flavor: f, networks: [{{port: {S}}}]", ".networks[0].port"),
        (PORT, "Neutron::Port", "network: {get_attr: [s, network_id]}", ".network"),
        (
            PORT,
            "Neutron::Port",
            "network: n, fixed_ips: [{subnet: {get_attr: [s, fixed_ips, 0, subnet_id]}}]",
            ".fixed_ips[0].subnet",
        ),
        (
            PORT,
            "Neutron::Port",
            "network: n, security_groups: [{get_attr: [s, security_groups, 0]}]",
            ".security_groups[0]",
        ),
        (SERVER, "Cinder::VolumeAttachment", f"volume_id: v, instance_uuid: {S}", ".instance_uuid"),
        (KEY, "Nova::Server", f"flavor: f, networks: [], key_name: {S}", ".key_name"),
    ],
)
def test_ids_do_not_cross(source: tuple[str, str], type: str, properties: str, path: str) -> None:
    consumer = written(type, properties, "Two")
    found = faults_of(f"resources:\n  s: {written(*source, 'One')}\n  c: {consumer}\n")
    [(where, message)] = found.items()
    assert where == f"resources.c.properties{path}"
    assert f"s (OS::{source[0]}) in One" in message
    assert f"c (OS::{type}) is in Two" in message


def test_an_id_does_not_cross_on_a_detour() -> None:
    child = (
        "heat_template_version: rocky\nparameters: {net: {type: string}}\n"
        "resources: {p: {type: 'OS::Neutron::Port', properties: {network: {get_param: net}}}}"
    )
    found = faults_of(
        "resources:\n"
        "  s: {type: 'OS::Neutron::Net'}\n"
        "  v: {type: 'OS::Heat::Value', properties: {value: {ids: [{get_resource: s}]}}}\n"
        "  c: {type: c.yaml, region: Two, properties: {net: {get_attr: [v, value, ids, 0]}}}\n",
        files={"c.yaml": child},
    )
    [(where, message)] = found.items()
    assert where == "resources.c<c.yaml>.resources.p.properties.network"
    assert "through v.value" in message


def test_data_crosses() -> None:
    compile_text(
        "resources:\n"
        f"  s: {written(*PORT, 'One')}\n"
        "  r: {region: One, type: 'OS::Heat::RandomString'}\n"
        "  c:\n"
        "    region: Two\n"
        "    type: OS::Nova::Server\n"
        "    depends_on: s\n"
        "    properties:\n"
        "      flavor: f\n"
        "      admin_pass: {get_resource: r}\n"
        "      networks: [{network: {get_attr: [s, name]}}]\n"
        "      metadata: {id: {get_resource: s}}\n"
        "      user_data:\n"
        "        str_replace:\n"
        "          template: A B\n"
        "          params: {A: {get_attr: [s, fixed_ips, 0, ip_address]}, B: {get_resource: s}}\n"
    )


def test_the_same_inside_one_region_is_right() -> None:
    compile_text(
        "resources:\n"
        "  s: {type: 'OS::Neutron::Net', region: Two}\n"
        "  c: {type: 'OS::Neutron::Port', region: Two, properties: {network: {get_resource: s}}}\n"
    )
