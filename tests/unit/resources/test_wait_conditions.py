"""Handles, what they accept and say of themselves; conditions, and when they are met."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path, PhysicalId, Token
from global_heat.model.signal import Signal
from global_heat.model.values import Unknown
from global_heat.resources.catalogue import ALL
from global_heat.resources.heat.wait_condition import WaitCondition
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed, Found, Making

CLOCK = 1_700_000_000.0
ADDRESS = "projects/p/stacks/id-1/resources/group%2F0%2Fmy%20handle"
MAKING = Making(token=Token("t"), stack="s", path=Path("group/0/h"), name="s-h", clock=CLOCK, address=ADDRESS)
HOT = "OS::Heat::WaitConditionHandle"
CFN = "AWS::CloudFormation::WaitConditionHandle"
RENEWED = "OS::Heat::UpdateWaitConditionHandle"
HANDLES = (HOT, CFN, RENEWED)
CONDITIONS = {
    "OS::Heat::WaitCondition": ("handle", "timeout", "count", "data"),
    "AWS::CloudFormation::WaitCondition": ("Handle", "Timeout", "Count", "Data"),
}


def local(name: str) -> LocalType:
    type = ALL[name]
    assert isinstance(type, LocalType)
    return type


def handle(name: str = HOT, seed: int = 1, **props: Any) -> tuple[PhysicalId, dict[str, Any]]:
    made = ALL[name].make(MAKING, props, bytes([seed]) * 64)
    return ALL[name].natural_id(msgspec.structs.replace(MAKING, made=made), props), made


def attributes(transport: str) -> dict[str, Any]:
    id, made = handle(signal_transport=transport)
    return ALL[HOT].attributes(id, made, made)


def condition(
    name: str = "OS::Heat::WaitCondition", transport: str = "", **props: Any
) -> tuple[LocalType, dict[str, Any]]:
    handle, timeout, _, _ = CONDITIONS[name]
    found = Found(sorted(ALL[name].seeks)[0], "h@east#1", {"transport": transport})
    making = msgspec.structs.replace(MAKING, found={"ref": found})
    return local(name), ALL[name].make(making, {handle: "ref", timeout: 60, **props}, b"")


def signal(id: str, status: str = "SUCCESS", data: Any = None) -> Signal:
    return Signal(id, {"status": status, "reason": f"reason {id}", "data": data})


def due(made: dict[str, Any], *signals: Signal, after: float = 0) -> float | None:
    type = WaitCondition()
    return type.due(type.told(made, signals), CLOCK + after)


@pytest.mark.parametrize("name", HANDLES)
def test_a_handle_has_an_id_that_stays_and_no_other_has(name: str) -> None:
    id, made = handle(name)
    assert len(id) == 32 and handle(name, 2)[0] != id
    again = ALL[name].make(msgspec.structs.replace(MAKING, made=made), {}, bytes([3]) * 64)
    assert again["id"] == id
    expected = id if name == HOT else f"{ADDRESS}?id={id}"
    assert ALL[name].reference(id, made) == expected


def test_only_the_handle_for_updates_is_renewed() -> None:
    assert {name for name, type in ALL.items() if type.renews} == {RENEWED}


def test_a_signal_to_a_handle_may_leave_everything_out() -> None:
    full = {"status": "FAILURE", "reason": "why", "data": [1], "id": 5}
    assert ALL[HOT].accept(full, 1) == Signal("5", {"status": "FAILURE", "reason": "why", "data": [1]})
    numbered = Signal("3", {"status": "SUCCESS", "reason": "Signal 3 received", "data": None})
    assert ALL[HOT].accept(None, 3) == ALL[HOT].accept({}, 3) == numbered


@pytest.mark.parametrize("name", [CFN, RENEWED])
def test_a_signal_in_amazons_words_says_all_or_nothing(name: str) -> None:
    full = {"Status": "SUCCESS", "Reason": "why", "Data": "d", "UniqueId": "u"}
    assert ALL[name].accept(full, 1) == Signal("u", {"status": "SUCCESS", "reason": "why", "data": "d"})
    assert ALL[name].accept(None, 1) is None
    for word in full:
        with pytest.raises(Invalid):
            ALL[name].accept({key: value for key, value in full.items() if key != word}, 1)
    with pytest.raises(Invalid, match="SUCCESS or FAILURE"):
        ALL[name].accept({**full, "Status": "OK"}, 1)


@pytest.mark.parametrize("said", ["x", 5, [], {"status": "success"}, {"more": 1}, {"Status": "SUCCESS"}])
def test_a_handle_refuses_what_it_does_not_understand(said: Any) -> None:
    with pytest.raises(Invalid):
        ALL[HOT].accept(said, 1)


def test_a_handle_says_how_it_is_signalled() -> None:
    by_token = attributes("TOKEN_SIGNAL")
    assert by_token["endpoint"] == ADDRESS and by_token["token"] is None
    assert by_token["curl_cli"] == "global-heat resource signal id-1 'group/0/my handle'"
    assert by_token["signal"] == "null"
    for transport in ("CFN_SIGNAL", "HEAT_SIGNAL"):
        other = attributes(transport)
        assert json.loads(other["signal"]) == {"alarm_url": ADDRESS}
        assert other["endpoint"] is None and other["curl_cli"] is None
    assert attributes("NO_SIGNAL")["signal"] == "{}"


@pytest.mark.parametrize(
    ("transport", "service"), [("TEMP_URL_SIGNAL", "Swift"), ("ZAQAR_SIGNAL", "Zaqar"), ("CFN_SIGNAL", "")]
)
def test_a_transport_that_needs_another_service_is_a_gap(transport: str, service: str) -> None:
    gaps = ALL[HOT].gaps({"signal_transport": transport})
    assert [service in gap for gap in gaps] == ([True] if service else [])
    assert ALL[HOT].gaps({"signal_transport": Unknown("x")}) == []


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_hears_the_handle_that_it_is_given(name: str) -> None:
    handle, _, count, data = CONDITIONS[name]
    type, made = condition(name, **{count: 1})
    assert type.looks_at({handle: "ref"}) == ["ref"]
    assert type.listens(made, "own") == "h@east#1"
    body = type.told(made, [signal("a", data={"x": 1}), signal("b", data=None)])
    assert type.due(body, CLOCK) is None
    assert type.attributes(PhysicalId(""), body, made)[data] == '{"a": {"x": 1}, "b": null}'
    assert type.natural_id(MAKING, {}) == "" and type.reference(PhysicalId(""), made) == "h"
    with pytest.raises(Failed, match="is no handle"):
        type.make(MAKING, {handle: "ref", "timeout": 1, "Timeout": 1}, b"")


def test_conditions_take_the_handles_that_heats_take() -> None:
    assert ALL["OS::Heat::WaitCondition"].seeks == set(HANDLES)
    assert ALL["AWS::CloudFormation::WaitCondition"].seeks == {CFN, RENEWED}


def test_a_condition_waits_until_its_time_is_over() -> None:
    _, made = condition(count=2)
    assert due(made) == due(made, signal("a")) == CLOCK + 60
    assert due(made, signal("a"), after=59) == CLOCK + 60
    with pytest.raises(Failed, match=r"^1 of 2 received - reason a$"):
        due(made, signal("a"), after=60)
    with pytest.raises(Failed, match=r"^0 of 2 received$"):
        due(made, after=61)
    assert due(made, signal("a"), signal("b"), after=100) is None


def test_a_failure_counts_before_any_number_of_successes() -> None:
    _, made = condition(count=1)
    with pytest.raises(Failed, match=r"^reason b;reason c$"):
        due(made, signal("a"), signal("b", "FAILURE"), signal("c", "FAILURE"))


def test_a_handle_that_is_not_signalled_counts_as_told() -> None:
    type, made = condition(transport="NO_SIGNAL", count=2)
    body = type.told(made, [])
    assert type.due(body, CLOCK) is None
    assert type.attributes(PhysicalId(""), body, made)["data"] == '{"1": null, "2": null}'
