"""What a deployment hands to its server: the config it is given, with the values of its inputs filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.config import UNGROUPED
from global_heat.resources.type import Failed, Making


class Substitution(NamedTuple):
    """How a map names an input to be put in its place: `{key: NAME}`."""

    key: str
    strict: bool


def derived(
    making: Making, props: Properties, source: Body, action: str, substitution: Substitution | None
) -> Body:
    """The config of one action. Raises `Failed` when an input that is asked for strictly has no value."""
    inputs = _inputs(making, props, source, action)
    config = source.get("config")
    if substitution is not None:
        values = {each["name"]: each.get("value") for each in inputs}
        config = _filled(config, values, substitution) or {}
    return {
        "name": props.get("name") or source.get("name") or making.name,
        "group": source.get("group") or UNGROUPED,
        "config": config or ("" if substitution is None else {}),
        "options": source.get("options"),
        "inputs": inputs,
        "outputs": source.get("outputs") or [],
    }


def changed_for_good(old: Body | None, new: Body) -> list[str]:
    """The inputs that have other values now, and ask for another deployment when they do."""
    before = {each["name"]: each.get("value") for each in (old or {}).get("inputs", ())}
    return [
        each["name"]
        for each in new["inputs"]
        if each.get("replace_on_change")
        and each["name"] in before
        and before[each["name"]] != each.get("value")
    ]


def _inputs(making: Making, props: Properties, source: Body, action: str) -> list[Body]:
    """Those that the config declares, those that it does not, and what is said of the deployment itself."""
    values = dict(props.get("input_values") or {})
    declared = [
        {**each, "value": values.pop(each["name"], each.get("default"))}
        for each in source.get("inputs") or ()
    ]
    given = [_input(name, value) for name, value in values.items()]
    return [*declared, *given, *_about(making, props, action)]


def _about(making: Making, props: Properties, action: str) -> list[Body]:
    transport = props.get("signal_transport") or ""
    stack = making.address.split("/")[3] if making.address else ""
    about = [
        _input("deploy_server_id", props["server"], "ID of the server that is deployed to"),
        _input("deploy_action", action, "Name of the action that is deployed"),
        _input("deploy_stack_id", f"{making.stack}/{stack}", "Name and ID of the deployment's stack"),
        _input("deploy_resource_name", making.path.rpartition("/")[2], "Name of the deployment in its stack"),
        _input("deploy_signal_transport", transport, "How the outputs are to be signalled"),
    ]
    if transport == "CFN_SIGNAL":
        place = f"{making.address}?id={making.made.get('id', '')}"
        about.append(_input("deploy_signal_id", place, "What to signal with the outputs"))
        about.append(_input("deploy_signal_verb", "POST", "HTTP verb to signal with"))
    return about


def _input(name: str, value: Json, description: str = "") -> Body:
    said = {"description": description} if description else {}
    return {"name": name, **said, "type": "String", "value": value}


def _filled(snippet: Json, values: Mapping[str, Json], substitution: Substitution) -> Json:
    match snippet:
        case dict():
            name = snippet.get(substitution.key) if len(snippet) == 1 else None
            if isinstance(name, str):
                if substitution.strict and name not in values:
                    raise Failed(f"the input {name} has no value")
                return values.get(name)
            return {key: _filled(item, values, substitution) for key, item in snippet.items()}
        case list():
            return [_filled(item, values, substitution) for item in snippet]
    return snippet
