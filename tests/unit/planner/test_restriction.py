"""Which steps of a plan need an action that the environment forbids."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.plan import Kind
from global_heat.model.records import State
from tests.unit.planner.recorded import built, planned

NET = "  net: {type: OS::Neutron::Net, properties: {name: web}}\n"
RENAMED = NET.replace("web", "other")
REPLACED = NET.replace("web}", "web, availability_zone_hints: [nova]}")
OTHER = "  net: {type: OS::Heat::Value, properties: {value: 1}}\n"
MOVED = NET.replace("Net,", "Net, region: west,")
GROUP = (
    "  g: {type: OS::Heat::ResourceGroup, properties: {count: 2, resource_def: "
    "{type: OS::Neutron::Net, properties: {name: web}}}}\n"
)


def restricted(text, *actions, name="*", before=NET, **fields):
    """By kind and path: the action for which a step will fail."""
    made = [msgspec.structs.replace(each, **({"tried": 1} | fields)) for each in built(before).values()]
    rules = {"resource_registry": {"resources": {name: {"restricted_actions": list(actions)}}}}
    plan = planned(text, *made, environment=rules)
    return {f"{s.kind} {s.path}": s.refused.partition(" ")[0] for s in plan.steps if s.refused}


@pytest.mark.parametrize(
    ("wish", "action"), [(RENAMED, "update"), (REPLACED, "replace"), (OTHER, "replace"), (MOVED, "replace")]
)
def test_a_step_is_marked_for_the_action_that_it_needs_and_for_no_other(wish, action):
    assert restricted(wish, "update", "replace") == {"apply net": action}
    assert restricted(wish, *{"update", "replace"} - {action}) == {}
    assert restricted(wish, action, name="web*") == {}


def test_what_stays_or_is_new_or_goes_needs_nothing():
    assert restricted(NET, "update", "replace") == {}
    assert (
        restricted(NET + "  b: {type: OS::Heat::Value, properties: {value: 1}}\n", "update", "replace") == {}
    )
    assert restricted("  b: {type: OS::Heat::None}\n", "update", "replace") == {}


def test_what_failed_is_replaced_or_mended():
    assert restricted(NET, "replace", state=State.FAILED, id="") == {"apply net": "replace"}
    assert restricted(NET, "update", state=State.FAILED) == {"apply net": "update"}


def test_of_what_another_plan_began_only_an_update_counts():
    assert restricted(NET, "update", state=State.UPDATING) == {"apply net": "update"}
    assert restricted(REPLACED, "update", "replace", state=State.CREATED, target={}) == {
        "apply net": "replace"
    }
    assert restricted(NET, "update", "replace", state=State.INTENT) == {}


def test_a_group_that_may_not_be_updated_holds_its_members_still():
    assert restricted(GROUP, "update", name="g", before=GROUP) == {}
    more, fewer = GROUP.replace("2,", "3,"), GROUP.replace("2,", "1,")
    assert restricted(more, "update", name="g", before=GROUP) == {"apply g/2": "update"}
    assert restricted(fewer, "update", name="g", before=GROUP) == {"clean g/1": "update"}
    assert restricted(fewer, "replace", name="g", before=GROUP) == {}
    assert restricted(GROUP, "update", name="g") == {}


def test_what_becomes_a_group_or_ceases_to_be_one_is_replaced():
    before = NET.replace("net:", "g:")
    assert restricted(GROUP, "replace", name="g", before=before) == {f"{Kind.CLEAN} g": "replace"}
    assert restricted(before, "replace", name="g", before=GROUP) == {"apply g": "replace"}
