"""Check one vector: which parts of Heat's answer are binding, and how ours differs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.answers import Answer
from tests.conformance.comparing import ERROR, differences
from tests.conformance.vectors import Vector

BAD_REQUEST, CRASH = 400, 500
_PARTS = {
    "validate",
    "template_validate",
    "parameters",
    "resources",
    "outputs",
    "disabled",
    "resolve",
    "dependencies",
    "nested",
    "update",
}


def check(vector: Vector) -> list[str]:
    """The differences, part by part; none: the answers are the same.

    Where Heat refuses a template only that is compared: what its code would compute of it nobody sees.
    """
    answer, expected = Answer(vector), vector.expect
    assert expected.keys() <= _PARTS, f"{vector.id} expects what nobody compares"
    found = []
    validate = expected.get("validate", {"ok": True})
    if "validate" in expected:
        found += _of("validate", _verdict(validate), answer.part("validate"))
    if "template_validate" in expected:
        found += _of(
            "template_validate", _described(expected["template_validate"]), answer.part("template_validate")
        )
    if answer.refused is not None or not validate["ok"]:
        if not found and "validate" not in expected:
            found.append(f"refused: {answer.refused}")
        return found
    for part, wanted in _binding(expected):
        found += _of(part, wanted, answer.part(part))
    return found


def _of(part: str, wanted: Any, got: Any) -> list[str]:
    return [f"{part}: {difference}" for difference in differences(wanted, got)]


def _verdict(validate: dict[str, Any]) -> dict[str, Any]:
    if validate["ok"]:
        return {"ok": True}
    error = validate["error"]
    assert error["http"] in (BAD_REQUEST, CRASH), "ours is 400; a crash of Heat's is explained in its place"
    return {"ok": False, ERROR: error["message"]}


def _described(wanted: dict[str, Any]) -> dict[str, Any]:
    message = wanted.get("Error") or (wanted.get("error") or {}).get("message")
    return {ERROR: message} if message is not None else wanted


def _binding(expected: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if "parameters" in expected:
        yield "parameters", expected["parameters"]
    if "outputs" in expected:
        resources = {name: _resource(wanted) for name, wanted in expected["resources"].items()}
        yield (
            "resolve",
            {"resources": resources, "outputs": expected["outputs"], "disabled": expected["disabled"]},
        )
    if "dependencies" in expected:
        yield "dependencies", {"edges": sorted(expected["dependencies"]["edges"])}
    if "nested" in expected:
        yield "nested", {name: _nested(wanted) for name, wanted in expected["nested"].items()}
    if "update" in expected:
        update = expected["update"]
        yield "update", update if update["ok"] else {"ok": False, ERROR: update["error"]["message"]}


def _resource(wanted: dict[str, Any]) -> dict[str, Any]:
    """What is compared of a resource. When its properties do not fit once they are known: that alone."""
    plain = {
        key: value for key, value in wanted.items() if value not in ({}, None) or key in ("properties", "raw")
    }
    if "create_error" in plain:
        return {key: value for key, value in plain.items() if key not in ("properties", "defaulted")} | {
            "create_error": {ERROR: plain["create_error"]["message"]}
        }
    return plain


def _nested(wanted: dict[str, Any]) -> dict[str, Any]:
    if "names" not in wanted and "resources" in wanted["template"] and "parameters" in wanted:
        is_chain = list(wanted["template"]["resources"]) == [
            str(n) for n in range(len(wanted["template"]["resources"]))
        ]
        if not is_chain:
            return wanted
    if "names" not in wanted and "resources" not in wanted["template"]:
        return wanted
    members = {}
    for name, member in wanted["template"]["resources"].items():
        members[name] = {
            key: value for key, value in member.items() if key in ("type", "properties") and value
        }
    return {"resources": members} | {key: wanted[key] for key in ("names", "skiplist") if key in wanted}
