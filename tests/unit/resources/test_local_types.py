from __future__ import annotations

import string
from typing import Any

import pytest

from global_heat.model.names import Path, PhysicalId, Token
from global_heat.resources.catalogue import ALL
from global_heat.resources.heat.value import convert
from global_heat.resources.type import Failed, Making

MAKING = Making(token=Token("t"), stack="s", path=Path("r"), name="s-r-12345678")
ID = PhysicalId("s-r-12345678")
RANDOM = ALL["OS::Heat::RandomString"]


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
    assert set(randomly(length=512, sequence="octdigits")) == set(string.octdigits)


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


def test_a_test_resource_gives_its_value_and_fails_when_told() -> None:
    type = ALL["OS::Heat::TestResource"]
    made = type.make(MAKING, {"value": "x"}, b"")
    assert type.ready(made) and type.attributes(ID, made, made)["output"] == "x"
    with pytest.raises(Failed):
        type.ready(type.make(MAKING, {"fail": True}, b""))
    assert type.replaces({"update_replace"}, {"update_replace": True})
    assert not type.replaces({"update_replace", "value"}, {"update_replace": False})


@pytest.mark.parametrize("name", ["OS::Heat::None", "OS::Heat::Value", "OS::Heat::TestResource"])
def test_what_no_cloud_knows_is_called_by_the_name_it_got(name: str) -> None:
    type = ALL[name]
    id = type.natural_id(MAKING, {})
    assert id == type.reference(id, {}) == MAKING.name
