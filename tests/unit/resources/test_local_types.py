from __future__ import annotations

import string
from typing import Any

import msgspec
import pytest

from global_heat.model.names import Path, PhysicalId, Token
from global_heat.model.values import Unknown
from global_heat.resources.catalogue import ALL
from global_heat.resources.heat.delay import Delay
from global_heat.resources.heat.test_resource import TestResource
from global_heat.resources.heat.value import convert
from global_heat.resources.local import NEVER, LocalType
from global_heat.resources.type import Failed, Making

CLOCK = 1_700_000_000.0
MAKING = Making(token=Token("t"), stack="s", path=Path("r"), name="s-r-12345678", clock=CLOCK)
ID = PhysicalId("s-r-12345678")
RANDOM = ALL["OS::Heat::RandomString"]
TEST = TestResource()
DELAY = Delay()


def updating(made: dict[str, Any]) -> Making:
    return msgspec.structs.replace(MAKING, made=made, action="UPDATE")


def waits(body: dict[str, Any], type: LocalType = TEST) -> float:
    """How long such a thing waits."""
    due = type.due(body, CLOCK)
    if due is None:
        return 0
    assert due == NEVER or type.due(body, due) is None
    return due - CLOCK


def outcome(props: dict[str, Any], before: dict[str, Any] | None = None) -> tuple[Any, Any, str]:
    making = MAKING if before is None else updating(before)
    made = TEST.make(making, props, b"")
    id = TEST.natural_id(msgspec.structs.replace(making, made=made), props)
    return TEST.due(made, CLOCK), TEST.attributes(id, made, made)["output"], id


def randomly(seed: int = 1, **props: Any) -> str:
    assert RANDOM.check(props) == []
    made = RANDOM.make(MAKING, props, bytes([seed]) * 64)
    value = RANDOM.attributes(ID, made, made)["value"]
    assert isinstance(value, str)
    assert RANDOM.reference(ID, made) == value
    return value


def test_a_random_string_is_letters_and_digits_unless_told_otherwise() -> None:
    value = randomly()
    assert len(value) == 32
    assert set(value) <= set(string.ascii_letters + string.digits)
    assert value == randomly() != randomly(seed=2)


def test_a_random_string_has_what_each_class_and_sequence_asks_for() -> None:
    value = randomly(
        length=20,
        character_classes=[{"class": "digits", "min": 6}, {"class": "uppercase", "min": 4}],
        character_sequences=[{"sequence": "()[]", "min": 3}, {"sequence": "$_", "min": None}],
    )
    assert len(value) == 20
    assert sum(c in string.digits for c in value) >= 6
    assert sum(c in string.ascii_uppercase for c in value) >= 4
    assert sum(c in "()[]" for c in value) >= 3
    assert sum(c in "$_" for c in value) >= 1
    assert set(value) <= set(string.digits + string.ascii_uppercase + "()[]$_")


def test_the_longest_random_string_uses_all_its_characters() -> None:
    octal = [{"class": "octdigits", "min": 1}]
    assert set(randomly(length=512, character_classes=octal)) == set(string.octdigits)


def test_a_random_string_shorter_than_what_is_asked_of_it_is_a_fault() -> None:
    [fault] = RANDOM.check({"length": 5, "character_classes": [{"class": "digits", "min": 6}]})
    assert "length 5" in fault


@pytest.mark.parametrize(
    ("type", "given", "expected"),
    [
        (None, {"a": [1]}, {"a": [1]}),
        ("string", 5, "5"),
        ("string", {"a": 1}, '{"a": 1}'),
        ("number", "5", 5),
        ("number", "5.5", 5.5),
        ("number", 7, 7),
        ("boolean", "Yes", True),
        ("boolean", 0, False),
        ("boolean", False, False),
        ("comma_delimited_list", "a, b", ["a", "b"]),
        ("comma_delimited_list", ["a"], ["a"]),
        ("comma_delimited_list", "", []),
        ("json", '{"a": 1}', {"a": 1}),
        ("json", [1], [1]),
    ],
)
def test_a_value_is_of_the_type_asked_for(type: str | None, given: Any, expected: Any) -> None:
    value = ALL["OS::Heat::Value"]
    props = {"type": type, "value": given}
    assert value.check(props) == []
    made = value.make(MAKING, props, b"")
    got = value.attributes(ID, made, made)["value"]
    assert got == expected and got.__class__ is expected.__class__


@pytest.mark.parametrize(
    ("type", "given"),
    [("number", "x"), ("number", True), ("boolean", "maybe"), ("comma_delimited_list", 1), ("json", "{")],
)
def test_a_value_that_cannot_be_of_the_type_is_a_fault(type: str, given: Any) -> None:
    assert len(ALL["OS::Heat::Value"].check({"type": type, "value": given})) == 1
    with pytest.raises(ValueError):
        convert(type, given)


def test_a_test_resource_keeps_the_value_that_it_could_be_given() -> None:
    assert outcome({"value": "x"}) == (None, "x", MAKING.name)
    assert outcome({"value": ""}) == (None, "", MAKING.name)
    assert outcome({"value": "y"}, before={"value": "x"}) == (None, "y", MAKING.name)
    assert outcome({"value": ""}, before={"value": "x"}) == (None, "x", MAKING.name)


def test_a_test_resource_that_fails_gets_no_id_or_keeps_its_value() -> None:
    made = TEST.make(MAKING, {"value": "x", "fail": True}, b"")
    assert TEST.natural_id(msgspec.structs.replace(MAKING, made=made), {}) == ""
    assert TEST.attributes(ID, made, made)["output"] is None
    with pytest.raises(Failed, match="Test Resource failed r"):
        TEST.due(made, CLOCK)
    changed = TEST.make(updating({"value": "x"}), {"value": "y", "fail": True}, b"")
    assert changed["value"] == "x"
    with pytest.raises(Failed):
        TEST.due(changed, CLOCK)


@pytest.mark.parametrize(
    ("props", "created", "updated", "deleted"),
    [
        ({}, 0, 0, 0),
        ({"wait_secs": 7}, 7, 7, 7),
        ({"wait_secs": 7, "action_wait_secs": {"create": 1, "update": 0, "delete": None}}, 1, 0, 7),
        ({"action_wait_secs": {"create": None, "update": 2.5, "delete": 3}}, 0, 2.5, 3),
        ({"attr_wait_secs": 2, "constraint_prop_secs": 3}, 5, 5, 0),
        ({"wait_secs": -1}, NEVER, NEVER, NEVER),
    ],
)
def test_a_test_resource_waits_as_long_as_it_is_told(
    props: dict[str, Any], created: float, updated: float, deleted: float
) -> None:
    assert waits(TEST.make(MAKING, {"value": "x", **props}, b"")) == created
    assert waits(TEST.make(updating({"value": "w"}), {"value": "x", **props}, b"")) == updated
    made = TEST.make(MAKING, {"value": "x", **props}, b"")
    leaving = TEST.leave(made, CLOCK, ())
    assert (0 if leaving is None else waits(leaving)) == deleted
    assert leaving is None or TEST.leave(leaving, CLOCK + 1, ()) == leaving


def test_a_test_resource_waits_only_for_a_change_of_its_value() -> None:
    assert waits(TEST.make(updating({"value": "x"}), {"value": "x", "wait_secs": 7}, b"")) == 0


def test_a_test_resource_fails_after_its_wait() -> None:
    made = TEST.make(MAKING, {"value": "x", "fail": True, "wait_secs": 7}, b"")
    assert TEST.due(made, CLOCK + 6) == CLOCK + 7
    with pytest.raises(Failed):
        TEST.due(made, CLOCK + 7)


def test_a_test_resource_is_replaced_by_another_value_when_told() -> None:
    assert TEST.replaces({"value"}, {"update_replace": True})
    assert not TEST.replaces({"value"}, {"update_replace": False})
    assert not TEST.replaces({"update_replace", "fail"}, {"update_replace": True})


def test_a_test_resource_asks_no_service() -> None:
    assert len(TEST.gaps({"client_name": "nova", "entity_name": "servers"})) == 1
    assert TEST.gaps({"client_name": "nova", "entity_name": ""}) == []
    assert TEST.gaps({"client_name": Unknown("x"), "entity_name": "servers"}) == []


def test_a_delay_waits_for_the_actions_it_is_for() -> None:
    props = {"min_wait": 10, "max_jitter": 0, "jitter_multiplier": 1.0, "actions": ["CREATE"]}
    made = DELAY.make(MAKING, props, bytes(64))
    assert waits(made, DELAY) == 10 and DELAY.leave(made, CLOCK, ()) is None
    assert waits(DELAY.make(updating(made), props, bytes(64)), DELAY) == 0
    made = DELAY.make(MAKING, {**props, "actions": ["DELETE"]}, bytes(64))
    assert waits(made, DELAY) == 0
    leaving = DELAY.leave(made, CLOCK, ())
    assert leaving is not None and waits(leaving, DELAY) == 10
    assert DELAY.leave(leaving, CLOCK + 5, ()) == leaving


def test_the_jitter_of_a_delay_is_drawn_evenly_up_to_its_most() -> None:
    props = {"min_wait": 10, "max_jitter": 4, "jitter_multiplier": 0.5, "actions": ["CREATE", "DELETE"]}
    drawn = [waits(DELAY.make(MAKING, props, bytes([byte]) * 64), DELAY) for byte in range(256)]
    assert min(drawn) == 10 and 11.9 < max(drawn) <= 12
    assert abs(sum(drawn) / len(drawn) - 11) < 0.01
    made = DELAY.make(MAKING, props, bytes(8) + b"\xff" * 56)
    leaving = DELAY.leave(made, CLOCK, ())
    assert leaving is not None and waits(leaving, DELAY) > 11.9 and waits(made, DELAY) == 10


def test_an_access_policy_names_its_neighbours_and_has_no_id() -> None:
    policy = ALL["OS::Heat::AccessPolicy"]
    assert policy.beside in policy.supported
    made = policy.make(msgspec.structs.replace(MAKING, path=Path("group/0/p")), {}, b"")
    assert policy.natural_id(MAKING, {}) == ""
    assert policy.reference(PhysicalId(""), made) == "p"


@pytest.mark.parametrize("name", ["OS::Heat::None", "OS::Heat::Value", "OS::Heat::Delay"])
def test_what_no_cloud_knows_is_called_by_the_name_it_got(name: str) -> None:
    type = ALL[name]
    id = type.natural_id(MAKING, {})
    assert id == type.reference(id, {}) == MAKING.name


IMAGE = {"ImageId": "i", "InstanceType": "f"}
STEP = {"AutoScalingGroupName": "g", "ScalingAdjustment": 1, "MinAdjustmentStep": 0}


@pytest.mark.parametrize(
    ("type", "props", "faults"),
    [
        ("LaunchConfiguration", IMAGE, []),
        ("LaunchConfiguration", {"InstanceId": Unknown("s")}, []),
        ("LaunchConfiguration", {"ImageId": "i"}, ["ImageId and InstanceType"]),
        ("LaunchConfiguration", {**IMAGE, "BlockDeviceMappings": [{"Ebs": {"SnapshotId": "s"}}]}, []),
        ("LaunchConfiguration", {**IMAGE, "BlockDeviceMappings": [{"Ebs": Unknown("s")}]}, []),
        ("LaunchConfiguration", {**IMAGE, "BlockDeviceMappings": [{"Ebs": None}]}, ["[0] has no Ebs"]),
        (
            "LaunchConfiguration",
            {**IMAGE, "BlockDeviceMappings": [{"Ebs": {"VolumeSize": 1}}]},
            ["SnapshotId"],
        ),
        ("ScalingPolicy", {**STEP, "AdjustmentType": "PercentChangeInCapacity"}, []),
        ("ScalingPolicy", {**STEP, "AdjustmentType": Unknown("s")}, []),
        ("ScalingPolicy", {**STEP, "AdjustmentType": "ExactCapacity"}, ["MinAdjustmentStep"]),
    ],
)
def test_what_the_scaling_of_instances_must_be_told(
    type: str, props: dict[str, Any], faults: list[str]
) -> None:
    found = ALL[f"AWS::AutoScaling::{type}"].check(props)
    assert len(found) == len(faults) and all(part in said for part, said in zip(faults, found, strict=True))
