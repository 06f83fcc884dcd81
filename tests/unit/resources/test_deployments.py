"""Deployments: what they hand to servers, and what of the signals they take for the end of a round."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import Path, PhysicalId, Token
from global_heat.model.signal import Signal
from global_heat.resources.catalogue import ALL
from global_heat.resources.heat.software_deployment import SoftwareDeployment, StructuredDeployment
from global_heat.resources.local import NEVER
from global_heat.resources.type import Failed, Found, Making, Replaced

CLOCK = 1_700_000_000.0
ADDRESS = "projects/p/stacks/stack-id/resources/group%2Fd"
CONFIG = {
    "id": "c",
    "name": "the config",
    "group": "script",
    "config": "echo",
    "options": {"o": 1},
    "inputs": [
        {"name": "who", "description": "", "type": "String", "default": "me"},
        {"name": "how", "description": "", "type": "String", "default": "", "replace_on_change": True},
    ],
    "outputs": [
        {"name": "result", "description": "", "type": "String", "error_output": False},
        {"name": "trouble", "description": "", "type": "String", "error_output": True},
    ],
}
BOTH = ["CREATE", "UPDATE"]
MAKING = Making(token=Token("t"), stack="s", path=Path("group/d"), name="s-d", clock=CLOCK, address=ADDRESS)
PLAIN, STRUCTURED = SoftwareDeployment(), StructuredDeployment()
ID = PhysicalId("x")


def deploy(
    type: SoftwareDeployment = PLAIN,
    before: dict[str, Any] | None = None,
    signals: tuple[Signal, ...] = (),
    action: str = "",
    source: dict[str, Any] = CONFIG,
    **props: Any,
) -> dict[str, Any]:
    found = {"c": Found("OS::Heat::SoftwareConfig", "c@east#1", source)}
    action = action or ("UPDATE" if before else "CREATE")
    making = msgspec.structs.replace(MAKING, made=before or {}, found=found, signals=signals, action=action)
    given = {"config": "c", "server": "srv", "actions": BOTH, "signal_transport": "HEAT_SIGNAL", **props}
    return type.make(making, given, bytes(64))


def said(revision: int = 5, **outputs: Any) -> Signal:
    return Signal("1", outputs, revision)


def inputs(made: dict[str, Any]) -> dict[str, Any]:
    return {each["name"]: each["value"] for each in made["config"]["inputs"]}


def test_a_server_is_handed_the_config_with_the_values_of_its_inputs() -> None:
    made = deploy(input_values={"who": "you", "extra": [1]}, signal_transport="CFN_SIGNAL")
    config = made["config"]
    assert (config["config"], config["group"], config["options"]) == ("echo", "script", {"o": 1})
    assert config["name"] == "the config" and config["outputs"] == CONFIG["outputs"]
    assert inputs(made) == {
        "who": "you",
        "how": "",
        "extra": [1],
        "deploy_server_id": "srv",
        "deploy_action": "CREATE",
        "deploy_stack_id": "s/stack-id",
        "deploy_resource_name": "d",
        "deploy_signal_transport": "CFN_SIGNAL",
        "deploy_signal_id": f"{ADDRESS}?id={made['id']}",
        "deploy_signal_verb": "POST",
    }
    assert deploy(name="mine")["config"]["name"] == "mine"
    assert "deploy_signal_id" not in inputs(deploy())


def test_a_deployment_without_a_config_has_only_what_is_said_of_itself() -> None:
    made = deploy(config="")
    assert made["config"]["config"] == "" and made["config"]["group"] == "Heat::Ungrouped"
    assert made["config"]["name"] == MAKING.name and len(inputs(made)) == 5
    assert deploy(STRUCTURED, config="")["config"]["config"] == {}


def test_a_config_that_is_not_there_fails_the_deployment() -> None:
    with pytest.raises(Failed, match="no software config other"):
        deploy(config="other")
    assert PLAIN.looks_at({"config": "c"}) == ["c"] and PLAIN.looks_at({}) == []


def test_a_deployment_waits_for_the_first_signal_and_hears_no_other() -> None:
    made = deploy()
    assert made["id"] and PLAIN.listens(made, "own") == "own"
    assert PLAIN.due(PLAIN.told(made, []), CLOCK) == NEVER
    body = PLAIN.told(made, [said(result="r", deploy_stdout="out", other=1), said(6, result="late")])
    assert PLAIN.due(body, CLOCK) is None
    assert PLAIN.attributes(ID, body, made) == {
        "show": None,
        "result": "r",
        "deploy_stdout": "out",
        "deploy_stderr": None,
        "deploy_status_code": None,
    }


@pytest.mark.parametrize(
    ("outputs", "why"),
    [
        ({"deploy_status_code": 1}, "deploy_status_code : Deployment exited with non-zero status code: 1"),
        ({"deploy_status_code": "2", "trouble": "x"}, "code: 2, trouble : x"),
        ({"trouble": "it broke"}, "Deployment to server failed: trouble : it broke"),
        ({"trouble": ""}, "trouble : "),
    ],
)
def test_a_deployment_fails_by_its_status_or_by_an_output_that_says_so(
    outputs: dict[str, Any], why: str
) -> None:
    body = PLAIN.told(deploy(), [said(**outputs)])
    with pytest.raises(Failed) as failure:
        PLAIN.due(body, CLOCK)
    assert why in str(failure.value)


@pytest.mark.parametrize("code", [0, "0", None, ""])
def test_a_status_of_nothing_is_none_of_failure(code: Any) -> None:
    assert PLAIN.due(PLAIN.told(deploy(), [said(deploy_status_code=code)]), CLOCK) is None


def test_a_deployment_that_is_not_signalled_is_done_at_once() -> None:
    made = deploy(signal_transport="NO_SIGNAL")
    assert PLAIN.due(made, CLOCK) is None and made["config"] is not None
    unasked = PLAIN.told(made, [said(deploy_stdout="x", deploy_status_code=1)])
    assert PLAIN.due(unasked, CLOCK) is None
    assert PLAIN.attributes(ID, unasked, made)["deploy_stdout"] is None


def test_an_update_waits_for_a_new_signal_and_keeps_what_was_said() -> None:
    first = deploy()
    heard = (said(result="r", deploy_stdout="one"),)
    again = deploy(before=first, signals=heard, input_values={"who": "you"})
    assert again["id"] == first["id"] and inputs(again)["deploy_action"] == "UPDATE"
    assert PLAIN.due(PLAIN.told(again, heard), CLOCK) == NEVER
    assert PLAIN.attributes(ID, again, again)["result"] == "r"
    body = PLAIN.told(again, (*heard, Signal("2", {"deploy_stdout": "two"}, 6)))
    assert PLAIN.due(body, CLOCK) is None
    assert PLAIN.attributes(ID, body, again)["deploy_stdout"] == "two"
    assert PLAIN.attributes(ID, body, again)["result"] == "r"


def test_what_an_action_does_not_concern_is_done_at_once() -> None:
    never = deploy(actions=["UPDATE"])
    assert PLAIN.due(never, CLOCK) is None and never["config"] is None and never["id"] == ""
    later = deploy(before=never, actions=["UPDATE"])
    assert later["id"] and PLAIN.due(later, CLOCK) == NEVER
    first = deploy(actions=["CREATE"])
    kept = deploy(before=first, signals=(said(result="r"),), actions=["CREATE"])
    assert PLAIN.due(kept, CLOCK) is None and kept["config"] == first["config"]
    assert PLAIN.attributes(ID, kept, kept)["result"] == "r"


def test_another_value_of_some_inputs_asks_for_another_deployment() -> None:
    first = deploy(input_values={"how": "well"})
    deploy(before=first, input_values={"how": "well", "who": "you"})
    with pytest.raises(Replaced, match="how"):
        deploy(before=first, input_values={"how": "badly"})
    deploy(before=first, action="CREATE", input_values={"how": "badly"})


def test_a_deployment_may_be_asked_for_when_it_goes() -> None:
    made = deploy(actions=["CREATE", "DELETE"])
    heard = (said(result="r"),)
    leaving = PLAIN.leave(made, CLOCK, heard)
    assert leaving is not None and inputs(leaving)["deploy_action"] == "DELETE"
    assert PLAIN.due(PLAIN.told(leaving, heard), CLOCK) == NEVER
    assert PLAIN.due(PLAIN.told(leaving, (*heard, Signal("2", {}, 9))), CLOCK) is None
    assert PLAIN.leave(leaving, CLOCK + 1, (*heard, Signal("2", {}, 9))) == leaving
    assert PLAIN.leave(deploy(), CLOCK, heard) is None
    silent = deploy(actions=["CREATE", "DELETE"], signal_transport="NO_SIGNAL")
    assert PLAIN.leave(silent, CLOCK, ()) is None


def test_a_structured_deployment_puts_values_into_its_config() -> None:
    source = {
        **CONFIG,
        "config": {
            "a": {"get_input": "who"},
            "b": [{"get_input": "extra"}, {"get_input": "nobody"}],
            "c": {"get_input": "who", "more": 1},
            "d": {"get_input": ["who"]},
        },
    }
    made = deploy(STRUCTURED, source=source, input_values={"extra": {"x": 1}})
    assert made["config"]["config"] == {
        "a": "me",
        "b": [{"x": 1}, None],
        "c": {"get_input": "who", "more": 1},
        "d": {"get_input": ["who"]},
    }
    other = deploy(STRUCTURED, source={**CONFIG, "config": {"a": {"put": "who"}}}, input_key="put")
    assert other["config"]["config"] == {"a": "me"}
    assert deploy(source=source)["config"]["config"] == source["config"]
    with pytest.raises(Failed, match="nobody"):
        deploy(STRUCTURED, source=source, input_values={"extra": 1}, input_values_validate="STRICT")


def test_a_signal_to_a_deployment_is_a_map_or_nothing() -> None:
    assert PLAIN.accept({"a": 1}, 3) == Signal("3", {"a": 1}) and PLAIN.accept(None, 1) == Signal("1", {})
    with pytest.raises(Invalid):
        PLAIN.accept("x", 1)


@pytest.mark.parametrize("name", ["OS::Heat::SoftwareDeployment", "OS::Heat::StructuredDeployment"])
def test_what_needs_another_service_is_a_gap(name: str) -> None:
    assert len(ALL[name].gaps({"signal_transport": "TEMP_URL_SIGNAL"})) == 1
    assert len(ALL[name].gaps({"signal_transport": "ZAQAR_SIGNAL"})) == 1
    assert ALL[name].gaps({"signal_transport": "HEAT_SIGNAL"}) == []


@pytest.mark.parametrize(
    ("transport", "told"),
    [
        (
            "POLL_SERVER_CFN",
            {"cfn": {"stack_name": "s", "path": "d.Metadata"}, "collectors": ["cfn", "local"]},
        ),
        (
            "POLL_SERVER_HEAT",
            {"heat": {"stack_id": "s/stack-id", "resource_name": "d"}, "collectors": ["heat", "local"]},
        ),
    ],
)
def test_a_deployed_server_has_an_id_and_tells_its_agent_what_can_be_told(
    transport: str, told: dict[str, Any]
) -> None:
    type = ALL["OS::Heat::DeployedServer"]
    made = type.make(MAKING, {"software_config_transport": transport, "metadata": {"a": 1}}, bytes(64))
    making = msgspec.structs.replace(MAKING, made=made)
    id = type.natural_id(making, {})
    assert len(id) == 36 and type.make(making, {}, bytes([9]) * 64)["id"] == id
    attributes = type.attributes(id, made, made)
    assert attributes["name"] == MAKING.name and attributes["os_collect_config"] == told
    assert type.make(MAKING, {"name": "n"}, bytes(64))["name"] == "n"
    for transport in ("POLL_TEMP_URL", "ZAQAR_MESSAGE"):
        assert len(type.gaps({"software_config_transport": transport})) == 1
