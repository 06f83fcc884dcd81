"""Resources with an `external_id`: where they can be, what is looked for, and which changes are refused."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.records import State
from tests.unit.planner.recorded import compiled, hashes, planned, recorded

NET = "  net: {type: OS::Neutron::Net, properties: {name: web}}\n"
EXTERNAL = "  net: {type: OS::Neutron::Net, external_id: there}\n"


def there(**fields):
    given = {"external": True, "retain": True, "hashes": hashes(**{"(external_id)": "there"})}
    return msgspec.structs.replace(recorded("net"), **(given | fields))


def gaps(resources):
    return [(gap.location, gap.what) for gap in compiled(resources).unsupported()]


def test_it_is_looked_for_by_its_id_and_asks_for_nothing_else():
    tree = compiled("  net: {type: OS::Neutron::Net, external_id: there, properties: {qos_policy: gold}}\n")
    assert [(each.constraint, each.value, each.location) for each in tree.lookups()] == [
        ("external OS::Neutron::Net", "there", "resources.net.external_id")
    ]
    assert tree.unsupported() == []


def test_where_it_cannot_be_it_is_told_apart():
    reads = (
        "  b: {type: OS::Heat::Value, properties: {value: x}}\n  a: {type: OS::Neutron::Net, external_id: "
    )
    unknown = ("resources.a.external_id", "external_id that is not known beforehand")
    assert gaps(reads + "{get_attr: [b, value]}}\n") == [unknown]
    group = "  a: {type: OS::Heat::ResourceGroup, external_id: x}\n"
    assert gaps(group) == [("resources.a.external_id", "external_id of OS::Heat::ResourceGroup")]


def test_what_is_the_same_is_kept_whatever_is_written_beside_it():
    beside = "  net: {type: OS::Neutron::Net, external_id: there, properties: {name: other}}\n"
    step = planned(beside, there()).applies["net"]
    assert (step.forecast, step.refused) == ("keep", "")
    assert planned("  b: {type: OS::Heat::None}\n", there()).cleans["net", "east"].forecast == "retain"


@pytest.mark.parametrize(
    ("wish", "before"),
    [
        (EXTERNAL.replace("there", "elsewhere"), there()),
        (EXTERNAL.replace("there", "elsewhere"), there(state=State.FAILED)),
        (NET, there()),
        (EXTERNAL, recorded("net", properties={"name": "web"})),
        (EXTERNAL, recorded("net", "INTENT")),
        (EXTERNAL, recorded("net", "FAILED")),
    ],
)
def test_what_a_resource_stands_for_cannot_be_changed(wish, before):
    assert "external_id of a resource cannot be changed" in planned(wish, before).applies["net"].refused


def test_another_type_takes_its_place():
    step = planned("  net: {type: OS::Heat::Value, properties: {value: 1}}\n", there()).applies["net"]
    assert (step.forecast, step.refused) == ("replace", "")
