from __future__ import annotations

from pathlib import Path

import pytest

from global_heat.model.values import Unknown
from global_heat.resources import overview
from global_heat.resources.catalogue import ALL, load_schemas, supported
from global_heat.resources.type import Handle

DOCUMENTED = Path(__file__).parents[3] / "docs" / "resource-types.md"
every_type = pytest.mark.parametrize("name", ALL)


@pytest.mark.parametrize("name", supported())
def test_what_is_supported_is_what_heat_knows_and_all_that_it_requires(name: str) -> None:
    schema = load_schemas().get(name)
    assert schema is not None
    assert supported()[name] <= schema.properties.keys()
    assert {key for key, prop in schema.properties.items() if prop.required} <= supported()[name]


def test_what_heat_knows_and_nobody_carries_out_is_not_supported() -> None:
    assert load_schemas().supported("OS::Heat::ResourceGroup")
    assert load_schemas().supported("OS::Heat::Stack") is None


@every_type
def test_the_facts_of_a_type_fit_together(name: str) -> None:
    type, schema = ALL[name], load_schemas().get(name)
    assert schema is not None
    assert type.name == name
    assert type.finishing <= type.supported
    assert type.secret_attributes <= schema.attributes.keys()
    assert (type.service == "") == (type.handle is Handle.LOCAL)


def test_every_kind_is_one_type() -> None:
    assert len({type.kind for type in ALL.values()}) == len(ALL)


@every_type
def test_a_check_bears_values_that_are_not_known_yet(name: str) -> None:
    type, unknown = ALL[name], Unknown("somebody")
    schema = load_schemas().get(name)
    assert schema is not None
    exclusive = {"network_id", "router_id", "subnet_id", "port_id", "floating_network_id", "port", "cidr"}
    exclusive |= {"imageRef", "snapshot_id", "source_volid", "block_device_mapping", "fixed_ips", "prefixlen"}
    exclusive |= {"public_key", "remote_ip_prefix"}
    props = dict.fromkeys(type.supported - exclusive, unknown)
    if name == "OS::Neutron::FloatingIP":
        props["port_id"] = unknown
    assert type.check(props) == []
    lists = {key: [unknown] if schema.properties[key].type == "List" else unknown for key in props}
    assert type.check(lists) == []


def test_the_page_is_in_step_with_the_types() -> None:
    assert DOCUMENTED.read_text() == overview.markdown()
