"""The software configs: what they keep of what they are given."""

from __future__ import annotations

import email
import uuid
from typing import Any

import msgspec
import pytest
import yaml

from global_heat.model.names import Path, PhysicalId, Token
from global_heat.resources.catalogue import ALL
from global_heat.resources.heat.inputs import kept_inputs, kept_outputs
from global_heat.resources.type import Failed, Found, Making

MAKING = Making(token=Token("t"), stack="s", path=Path("r"), name="s-r-12345678", clock=1_700_000_000.5)
CONFIGS = ("SoftwareConfig", "StructuredConfig", "CloudConfig", "MultipartMime")
SCRIPT = "0a1b2c3d-0000-4000-8000-000000000001"


def make(type: str, making: Making = MAKING, /, seed: int = 1, **props: Any) -> dict[str, Any]:
    return ALL[f"OS::Heat::{type}"].make(making, props, bytes([seed]) * 64)


def parts(*given: dict[str, Any], named: Found | None = None) -> list[email.message.Message]:
    making = msgspec.structs.replace(MAKING, found={SCRIPT: named} if named else {})
    message = email.message_from_string(make("MultipartMime", making, parts=list(given))["config"])
    assert message.is_multipart()
    return message.get_payload()  # type: ignore[return-value]


@pytest.mark.parametrize("name", CONFIGS)
def test_a_config_has_an_id_of_its_own_that_stays(name: str) -> None:
    type = ALL[f"OS::Heat::{name}"]
    made = make(name)
    making = msgspec.structs.replace(MAKING, made=made)
    id = type.natural_id(making, {})
    assert uuid.UUID(id).version == 4 and id == made["id"]
    assert make(name, seed=2)["id"] != id == make(name, making, seed=2)["id"]
    assert type.reference(id, made) == id
    shown = type.attributes(id, made, made)
    assert shown["config"] == made["config"] and shown["show"] == made
    assert made["creation_time"] == "2023-11-14T22:13:20Z" and made["name"] == MAKING.name


def test_a_software_config_keeps_its_text_and_what_it_declares() -> None:
    made = make(
        "SoftwareConfig",
        config="#!/bin/sh",
        group="script",
        options={"a": 1},
        inputs=[{"name": "n", "description": None, "type": "Number", "default": "5"}],
        outputs=[{"name": "o", "description": None, "type": "String", "error_output": True}],
    )
    assert made["config"] == "#!/bin/sh" and made["group"] == "script" and made["options"] == {"a": 1}
    assert made["inputs"] == [{"name": "n", "description": "", "type": "Number", "default": 5}]
    assert made["outputs"] == [{"name": "o", "description": "", "type": "String", "error_output": True}]


def test_configs_that_say_nothing_are_empty() -> None:
    assert [make(name)["config"] for name in CONFIGS[:3]] == ["", {}, "#cloud-config\n{}\n"]
    assert make("SoftwareConfig")["group"] == "Heat::Ungrouped"
    assert [make("SoftwareConfig")[name] for name in ("inputs", "outputs", "options")] == [[], [], {}]


def test_a_structured_config_keeps_its_map() -> None:
    assert make("StructuredConfig", config={"a": {"get_input": "b"}})["config"] == {"a": {"get_input": "b"}}


def test_a_cloud_config_is_yaml_that_begins_as_cloud_init_wants_it() -> None:
    given = {"users": [{"name": "ö", "sudo": None}], "write": "a\nb\n", "mode": "0644", "on": True}
    text = make("CloudConfig", cloud_config=given)["config"]
    first, _, rest = text.partition("\n")
    assert first == "#cloud-config" and yaml.safe_load(rest) == given
    assert text.index("mode") < text.index("users")


@pytest.mark.parametrize(
    ("type", "given", "kept"),
    [
        ("String", None, ""),
        ("String", 5, "5"),
        ("String", True, "True"),
        ("Number", None, 0),
        ("Number", "5", 5),
        ("Number", "5.5", 5.5),
        ("Number", "", ""),
        ("Boolean", None, False),
        ("Boolean", "True", True),
        ("CommaDelimitedList", None, []),
        ("CommaDelimitedList", "a, b", ["a", " b"]),
        ("CommaDelimitedList", ["a", 1], ["a", 1]),
        ("Json", None, {}),
        ("Json", '{"a":1}', '{"a":1}'),
        ("Json", {"a": 1}, {"a": 1}),
        ("Json", [1], "[1]"),
    ],
)
def test_the_default_of_an_input_has_its_type(type: str, given: Any, kept: Any) -> None:
    [declared] = kept_inputs([{"name": "n", "type": type, "default": given}])
    assert declared["default"] == kept and declared["default"].__class__ is kept.__class__


@pytest.mark.parametrize(
    ("type", "given"),
    [
        ("String", 1.5),
        ("String", []),
        ("Number", "x"),
        ("Number", []),
        ("Boolean", "yes"),
        ("Boolean", 1),
        ("CommaDelimitedList", 5),
        ("Json", 5),
    ],
)
def test_a_default_that_has_not_its_type_fails_the_config(type: str, given: Any) -> None:
    with pytest.raises(Failed, match="the default of input n"):
        make("SoftwareConfig", inputs=[{"name": "n", "type": type, "default": given}])


def test_whether_a_change_of_an_input_replaces_is_kept_when_it_does() -> None:
    kept = kept_inputs([{"name": "a", "replace_on_change": True}, {"name": "b", "replace_on_change": False}])
    assert [item.get("replace_on_change") for item in kept] == [True, None]
    assert kept_outputs([{"name": "o"}])[0]["error_output"] is False


def test_parts_are_of_the_kind_that_is_said_or_that_the_file_is_called_after() -> None:
    pieces = parts(
        {"config": "a", "subtype": "x-shellscript", "filename": None, "type": "text"},
        {"config": "b", "subtype": None, "filename": "cloud-config.txt", "type": "text"},
        {"config": "c", "subtype": None, "filename": None, "type": "text"},
        {"config": "d", "subtype": "plain", "filename": "e.sh", "type": "text"},
    )
    assert [piece.get_content_subtype() for piece in pieces] == [
        "x-shellscript",
        "cloud-config",
        "plain",
        "plain",
    ]
    assert [piece.get_filename() for piece in pieces] == [None, "cloud-config.txt", None, "e.sh"]
    assert [piece.get_payload() for piece in pieces] == list("abcd")


def test_a_part_that_names_a_config_is_that_configs_text() -> None:
    named = Found("OS::Heat::SoftwareConfig", "", {"config": "echo ö"})
    part = {"config": SCRIPT, "type": "text", "subtype": "x-shellscript", "filename": None}
    assert ALL["OS::Heat::MultipartMime"].looks_at({"parts": [part, {"config": "echo"}]}) == [SCRIPT]
    [piece] = parts(part, named=named)
    assert piece.get_payload(decode=True) == "echo ö".encode()
    assert str(piece.get_content_charset()) == "utf-8"
    [unknown] = parts(part)
    assert unknown.get_payload() == SCRIPT


def test_a_multipart_part_is_taken_apart() -> None:
    inner = make(
        "MultipartMime",
        parts=[
            {"config": "one", "subtype": "x-shellscript", "filename": "one.sh"},
            {"config": "two", "subtype": "cloud-config"},
        ],
    )["config"]
    pieces = parts({"config": inner, "type": "multipart"}, {"config": "no message", "type": "multipart"})
    assert [(p.get_content_subtype(), p.get_filename(), p.get_payload()) for p in pieces] == [
        ("x-shellscript", "one.sh", "one"),
        ("cloud-config", None, "two"),
    ]


def test_a_part_that_names_a_map_fails_the_message() -> None:
    named = Found("OS::Heat::StructuredConfig", "", {"config": {"a": 1}})
    with pytest.raises(Failed, match="part 0 names a config that is a map"):
        parts({"config": SCRIPT, "type": "text"}, named=named)


def test_a_reference_to_a_config_is_its_id() -> None:
    made = make("SoftwareConfig")
    assert ALL["OS::Heat::SoftwareConfig"].reference(PhysicalId(made["id"]), made) == made["id"]
