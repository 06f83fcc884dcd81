"""Schemas as data: read from the file's form, asked by type."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.schema import Schemas

DATA = msgspec.json.encode(
    {
        "heat": "27.0.1",
        "types": {
            "A::B::C": {
                "properties": {
                    "name": {"type": "String", "update_allowed": True},
                    "list": {"type": "List", "schema": {"*": {"type": "Map", "schema": {}}}},
                },
                "attributes": {"show": {"type": "Map"}},
            },
            "A::B::Known": {},
        },
    }
)


class Strict:
    def check(self, props):
        return ["never"]

    def replaces(self, changed, props):
        return True


def test_what_the_file_does_not_say_has_heats_defaults():
    schema = Schemas.decode(DATA, {}).get("A::B::C")
    name, items = schema.properties["name"], schema.properties["list"]
    assert (name.type, name.required, name.default, name.update_allowed) == ("String", False, None, True)
    assert (items.update_allowed, items.immutable, items.constraints) == (False, False, [])
    assert items.schema["*"].type == "Map" and items.schema["*"].schema == {}
    assert schema.attributes["show"].cache_mode == "cache_local"


def test_known_implemented_and_unknown_types_are_told_apart():
    schemas = Schemas.decode(DATA, {"A::B::C": {"name"}})
    assert set(schemas.names()) == {"A::B::C", "A::B::Known"}
    assert schemas.supported("A::B::C") == {"name"}
    assert schemas.get("A::B::Known") is not None and schemas.supported("A::B::Known") is None
    assert schemas.get("A::B::Other") is None and schemas.supported("A::B::Other") is None


def test_rules_are_those_of_the_types_that_have_some():
    rules = Strict()
    schemas = Schemas.decode(DATA, {"A::B::C": {"name"}}, {"A::B::C": rules})
    assert schemas.rules("A::B::C") is rules
    assert schemas.rules("A::B::Known") is None


@pytest.mark.parametrize("data", [b"{}", b"[]", b'{"types": {"A": {"properties": {"x": {}}}}}', b"no json"])
def test_a_file_of_another_form_is_not_taken(data):
    with pytest.raises(msgspec.DecodeError):
        Schemas.decode(data, {})
