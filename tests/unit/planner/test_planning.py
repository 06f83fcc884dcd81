"""Plans: what they foresee, in which order, and which they refuse to make."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path, PhysicalId, Region
from global_heat.model.plan import Kind
from global_heat.model.records import Action, State
from global_heat.model.values import Unknown
from global_heat.planner.planning import plan_delete, wish_of
from tests.unit.planner.recorded import SUBNET, built, forecasts, hashed, hashes, planned, recorded

NET = "  net: {type: OS::Neutron::Net, properties: {name: web}}\n"
RENAMED = "  net: {type: OS::Neutron::Net, properties: {name: other}}\n"
WEST = "  net: {type: OS::Neutron::Net, region: west, properties: {name: web}}\n"
SUBNET_OF_NET = """
  subnet:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}
"""
TWO = NET + SUBNET_OF_NET


def altered(incarnation, **fields):
    return msgspec.structs.replace(incarnation, **fields)


def test_what_is_not_there_is_added_in_the_order_of_needs():
    plan = planned(SUBNET_OF_NET + NET)
    assert forecasts(plan.steps) == {"apply net@east": "add", "apply subnet@east": "add"}
    assert [step.path for step in plan.steps] == ["net", "subnet"]
    assert plan.applies[Path("subnet")].needs == ("net",)


def test_what_is_as_wished_is_kept_and_its_clean_step_will_find_nothing():
    assert forecasts(planned(TWO, *built(TWO).values()).steps) == {
        "apply net@east": "keep",
        "apply subnet@east": "keep",
        "clean net@east": "keep",
        "clean subnet@east": "keep",
    }


def test_a_change_in_place_names_what_changes_and_keeps_what_is_built_on_it():
    plan = planned(RENAMED + SUBNET_OF_NET, *built(TWO).values())
    net = plan.applies[Path("net")]
    assert (net.forecast, net.changed, net.forcing) == ("change", ("name",), ())
    assert plan.applies[Path("subnet")].forecast == "keep"


def test_a_replacement_names_what_forces_it_and_replaces_what_hangs_on_its_id():
    made = built(TWO)
    failed = altered(made["net"], state=State.FAILED, tried=1, id="")
    plan = planned(TWO, failed, made["subnet"])
    assert plan.applies[Path("net")].forecast == "replace"
    subnet = plan.applies[Path("subnet")]
    assert (subnet.forecast, subnet.changed, subnet.forcing) == ("replace", ("network",), ("network",))


def test_what_failed_but_exists_is_probably_gone_on_with():
    made = built(TWO)
    plan = planned(TWO, altered(made["net"], state=State.FAILED, tried=1), made["subnet"])
    assert [plan.applies[Path(name)].forecast for name in ("net", "subnet")] == ["change", "keep"]


def test_what_is_not_wished_any_more_is_deleted_after_what_is_built_on_it():
    plan = planned("  other: {type: OS::Heat::None}\n", *built(TWO).values())
    assert forecasts(plan.steps) == {
        "apply other@east": "add",
        "clean net@east": "delete",
        "clean subnet@east": "delete",
    }
    assert plan.cleans[Path("net"), Region("east")].needs == ("subnet",)


def test_what_is_retained_is_foreseen_to_stay():
    retained = altered(built(NET)["net"], retain=True)
    assert forecasts(plan_delete(2, 1, 1, [retained]).steps) == {"clean net@east": "retain"}


def test_a_resource_that_moves_is_replaced_because_of_its_region_and_cleaned_where_it_was():
    plan = planned(WEST, *built(NET).values())
    net = plan.applies[Path("net")]
    assert (net.region, net.forecast, net.forcing) == ("west", "replace", ("region",))
    assert forecasts(plan.steps)["clean net@east"] == "keep"


def test_a_resource_that_moves_back_while_it_still_leaves_is_replaced_because_of_its_region():
    here = altered(built(NET)["net"], state=State.LEAVING)
    plan = planned(NET, here, *built(WEST).values())
    net = plan.applies[Path("net")]
    assert (net.forecast, net.forcing) == ("replace", ("region",))


def test_a_resource_of_another_type_is_replaced_because_of_its_type():
    plan = planned("  net: {type: OS::Heat::None}\n", *built(NET).values())
    net = plan.applies[Path("net")]
    assert (net.type, net.forecast, net.forcing) == ("OS::Heat::None", "replace", ("type",))
    assert plan.cleans[Path("net"), Region("east")].type == "OS::Neutron::Net"


@pytest.mark.parametrize(
    ("change", "forecast"),
    [
        ({"state": State.INTENT, "id": PhysicalId("")}, "add"),
        ({"state": State.CREATED}, "change"),
        ({"state": State.UPDATING}, "change"),
        ({"state": State.LEAVING}, "add"),
    ],
)
def test_what_an_earlier_plan_left_open_is_foreseen_as_what_is_left_to_do(change, forecast):
    left = altered(built(NET)["net"], **change)
    left = altered(left, target=left.hashes)
    assert planned(NET, left).applies[Path("net")].forecast == forecast


def test_what_leaves_already_is_not_foreseen_to_be_deleted_again():
    leaving = altered(built(NET)["net"], state=State.LEAVING)
    assert forecasts(plan_delete(2, 1, 1, [leaving]).steps) == {"clean net@east": "keep"}


@pytest.mark.parametrize("last", ["LEAVING", "READY"])
def test_one_clean_step_stands_for_all_of_a_region_and_foresees_the_most_that_it_does(last):
    old, new = recorded("net", "READY", 1), recorded("net", last, 2)
    port = recorded("port", requires=(old.ref,))
    server = recorded("server", requires=(new.ref, "elsewhere@west#1"))
    cleans = plan_delete(3, 2, 1, [new, old, port, server]).cleans
    net = cleans[Path("net"), Region("east")]
    assert (net.forecast, net.needs) == ("delete", ("port", "server"))
    assert len(cleans) == 3


def test_a_resource_recorded_in_two_regions_has_a_clean_step_in_each():
    moved = plan_delete(2, 1, 1, [recorded("net"), recorded("net", region="west")])
    assert set(moved.cleans) == {("net", "east"), ("net", "west")}


def test_what_was_built_on_its_own_predecessor_does_not_wait_for_itself():
    old = recorded("net", n=1)
    new = recorded("net", n=2, requires=(old.ref,))
    assert plan_delete(2, 1, 1, [old, new]).steps[0].needs == ()


def test_a_delete_is_a_plan_of_clean_steps_only():
    plan = plan_delete(4, 3, 2, built(TWO).values())
    assert {step.kind for step in plan.steps} == {Kind.CLEAN}
    assert (plan.number, plan.parent, plan.revision, plan.action) == (4, 3, 2, Action.DELETE)


def test_the_same_records_in_another_order_make_the_same_plan():
    made = list(built(TWO).values())
    assert planned(NET, *made) == planned(NET, *reversed(made))


def test_the_faults_of_all_types_come_at_once_each_where_it_is():
    with pytest.raises(Invalid) as caught:
        planned(
            NET
            + """
  none: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}}}
  both:
    type: OS::Neutron::Subnet
    properties: {network: {get_resource: net}, cidr: 10.0.0.0/24, subnetpool: p}
"""
        )
    assert {fault.path: fault.message for fault in caught.value.faults} == {
        "resources.none.properties": "either cidr or subnetpool must be given",
        "resources.both.properties": "cidr and subnetpool cannot be given together",
    }


def test_a_wish_leaves_out_null_and_sets_aside_what_is_unknown():
    wish = wish_of({"a": 1, "b": None, "c": Unknown("net"), "d": [{"e": Unknown("net")}]}, hashed)
    assert (wish.hashes, wish.unknown) == (hashes(a=1), {"c", "d"})


def test_recorded_types_need_no_schema_to_be_removed():
    gone = recorded("old", type="OS::Gone::Type")
    assert forecasts(planned(NET, gone).steps)["clean old@east"] == "delete"
    assert SUBNET not in {step.type for step in planned(NET, gone).steps}


def test_what_a_resource_names_of_its_template_must_be_there():
    policy = "  p: {type: OS::Heat::AccessPolicy, properties: {AllowedResources: [net, p, %s]}}\n"
    planned(NET + policy % "net")
    with pytest.raises(Invalid) as refused:
        planned(NET + policy % "other")
    [fault] = refused.value.faults
    assert fault.path == "resources.p.properties" and "other" in fault.message
    planned(NET + policy % "{get_resource: net}")


def test_a_handle_for_updates_is_replaced_by_each_revision():
    handle = "  h: {type: OS::Heat::UpdateWaitConditionHandle}\n"
    type = "OS::Heat::UpdateWaitConditionHandle"
    of_this = recorded("h", type=type, properties={"(revision)": 2})
    of_the_last = recorded("h", type=type, properties={"(revision)": 1})
    assert planned(handle, of_this).applies[Path("h")].forecast == "keep"
    step = planned(handle, of_the_last).applies[Path("h")]
    assert (step.forecast, step.forcing) == ("replace", ("(revision)",))
