"""Which resources can have the deletion policy Snapshot, and of which one is made."""

from __future__ import annotations

import pytest

from global_heat.engine.saving import is_saved_first
from global_heat.model.errors import Invalid
from global_heat.model.records import Saving
from tests.unit.planner.recorded import compiled, recorded

VOLUME = "OS::Cinder::Volume"


def gaps(type, properties="{}"):
    text = f"  a: {{type: '{type}', deletion_policy: Snapshot, properties: {properties}}}\n"
    return [(gap.location, gap.what) for gap in compiled(text).unsupported()]


def test_volumes_and_servers_have_it():
    assert gaps(VOLUME, "{size: 1}") == []
    assert gaps("OS::Nova::Server", "{flavor: m1.small, image: cirros}") == []


@pytest.mark.parametrize("type", ["OS::Neutron::Net", "OS::Heat::Value", "OS::Heat::ResourceGroup"])
def test_others_are_refused_where_it_stands_as_in_heat(type):
    given = {
        "OS::Heat::Value": "{value: 1}",
        "OS::Heat::ResourceGroup": "{resource_def: {type: OS::Heat::None}}",
    }
    with pytest.raises(Invalid) as caught:
        gaps(type, given.get(type, "{}"))
    assert [(fault.path, fault.message) for fault in caught.value.faults] == [
        ("resources.a.deletion_policy", f"no snapshot can be made of {type}; give Delete or Retain")
    ]


def test_where_heat_would_fail_only_when_it_deletes_it_is_told_apart():
    told = "the deletion policy Snapshot of OS::Heat::DeployedServer"
    assert gaps("OS::Heat::DeployedServer") == [("resources.a.deletion_policy", told)]


@pytest.mark.parametrize(
    ("state", "due"),
    [("READY", True), ("UPDATING", True), ("CREATED", False), ("FAILED", False), ("LEAVING", False)],
)
def test_one_is_due_of_what_was_finished(state, due):
    assert is_saved_first(recorded("a", state, type=VOLUME, snapshot=True)) is due
    assert not is_saved_first(recorded("a", state, type=VOLUME))


def test_one_that_was_begun_is_finished():
    assert is_saved_first(recorded("a", "LEAVING", type=VOLUME, snapshot=True, saving=Saving()))
