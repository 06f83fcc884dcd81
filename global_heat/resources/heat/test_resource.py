"""OS::Heat::TestResource: keeps a value, waits, or fails, as it is told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from global_heat.model.names import PhysicalId
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.resources.local import NEVER, LocalType
from global_heat.resources.type import Failed, Making


class TestResource(LocalType):
    """What it takes to check a constraint or to resolve an attribute counts to its waits."""

    name = "OS::Heat::TestResource"
    kind = "heat.test_resource"
    supported = frozenset(
        {
            "action_wait_secs",
            "attr_wait_secs",
            "client_name",
            "constraint_prop_secs",
            "entity_name",
            "fail",
            "update_replace",
            "update_replace_value",
            "value",
            "wait_secs",
        }
    )

    def gaps(self, props: Properties) -> list[str]:
        named = [props.get("client_name"), props.get("entity_name")]
        if all(named) and not any(isinstance(name, Unknown) for name in named):
            return ["client_name and entity_name (asking a service while it waits)"]
        return []

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        return "value" in changed and bool(props.get("update_replace"))

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        fail, value, before = bool(props.get("fail")), props.get("value"), making.made.get("value")
        if making.action == "UPDATE":
            waits = bool(value) and value != before
            kept = before if fail or not value else value
        else:
            waits, kept = True, None if fail else value
        seconds = _seconds(props, making.action.lower()) if waits else 0.0
        if seconds >= 0:
            seconds += (props.get("constraint_prop_secs") or 0) + (props.get("attr_wait_secs") or 0)
        return {
            "value": kept,
            "fail": fail,
            "name": making.path.rpartition("/")[2],
            "until": _end(seconds, making.clock),
            "leaving_seconds": _seconds(props, "delete"),
        }

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        """One that is to fail gets none."""
        return PhysicalId("" if making.made["fail"] else making.name)

    def due(self, body: Body, clock: float) -> float | None:
        until = body.get("until", 0.0)
        if until is None or clock < until:
            return NEVER if until is None else float(until)
        if body.get("fail"):
            raise Failed(f"Test Resource failed {body.get('name', '')}".rstrip())
        return None

    def leave(self, made: Body, clock: float, signals: Sequence[Signal]) -> Body | None:
        if "leaving" in made:
            return made
        seconds = made.get("leaving_seconds", 0.0)
        return {"leaving": True, "until": _end(seconds, clock)} if seconds else None

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, "output": body.get("value")}


def _seconds(props: Properties, action: str) -> float:
    """How long to wait; less than nothing: for ever."""
    seconds = (props.get("action_wait_secs") or {}).get(action)
    return float((props.get("wait_secs") or 0) if seconds is None else seconds)


def _end(seconds: float, clock: float) -> float | None:
    """None: it never comes."""
    if seconds < 0:
        return None
    return clock + seconds if seconds else 0.0
