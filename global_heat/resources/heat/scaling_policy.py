"""OS::Heat::ScalingPolicy: a signal to it changes the size of a group."""

from __future__ import annotations

from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId
from global_heat.model.scaling import Adjustment, Change
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties, has_unknown
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

_ALARM = "alarm"
_CHANGES = {
    "change_in_capacity": Change.BY,
    "exact_capacity": Change.TO,
    "percent_change_in_capacity": Change.BY_PERCENT,
}


class Policy(LocalType):
    """What both kinds of policies do."""

    scales = True

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"address": making.address}

    def accept(self, said: Json, number: int) -> Signal | None:
        """An alarm's other states ask for nothing; whoever says none means the alarm."""
        if said is not None and not isinstance(said, dict):
            raise Invalid(f"a signal to {self.name} is a map, as an alarm sends it, or nothing")
        state = (said or {}).get("current", (said or {}).get("state", _ALARM))
        return Signal(str(number), said) if str(state).lower() == _ALARM else None


class ScalingPolicy(Policy):
    name = "OS::Heat::ScalingPolicy"
    kind = "heat.scaling_policy"
    supported = frozenset(
        {"adjustment_type", "auto_scaling_group_id", "cooldown", "min_adjustment_step", "scaling_adjustment"}
    )

    def check(self, props: Properties) -> list[str]:
        type, step = props.get("adjustment_type"), props.get("min_adjustment_step")
        if step is None or has_unknown(type) or type == "percent_change_in_capacity":
            return []
        return ["min_adjustment_step is only for the adjustment_type percent_change_in_capacity"]

    def adjustment(self, props: Properties) -> Adjustment:
        return Adjustment(
            group=props["auto_scaling_group_id"],
            change=_CHANGES[props["adjustment_type"]],
            amount=props["scaling_adjustment"],
            step_min=props.get("min_adjustment_step") or 0,
            cooldown_seconds=max(0.0, props.get("cooldown") or 0.0),
        )

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        """Until there is an HTTP endpoint, the API's name of the resource stands for it."""
        return {"show": None, "alarm_url": made.get("address"), "signal_url": made.get("address")}
