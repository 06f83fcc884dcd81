"""OS::Heat::Delay: a pause between what it depends on and what depends on it."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

_RANGE = 1 << 64


class Delay(LocalType):
    """How long is drawn when it is made: for its deletion too, of which no template tells any more."""

    name = "OS::Heat::Delay"
    kind = "heat.delay"
    supported = frozenset({"actions", "jitter_multiplier", "max_jitter", "min_wait"})

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        actions = props.get("actions") or ()
        leaving = _seconds(props, random_bytes[8:16]) if "DELETE" in actions else 0.0
        waiting = _seconds(props, random_bytes[:8]) if making.action in actions else 0.0
        return {"until": making.clock + waiting if waiting else 0.0, "leaving_seconds": leaving}

    def due(self, body: Body, clock: float) -> float | None:
        until: float = body.get("until", 0.0)
        return None if clock >= until else until

    def leave(self, made: Body, clock: float, signals: Sequence[Signal]) -> Body | None:
        if "leaving" in made:
            return made
        seconds = made.get("leaving_seconds", 0.0)
        return {"leaving": True, "until": clock + seconds} if seconds else None


def _seconds(props: Properties, draw: bytes) -> float:
    """At least `min_wait`, and of the jitter's most as much as is drawn, evenly."""
    most = (props.get("max_jitter") or 0) * (props.get("jitter_multiplier") or 0)
    share = int.from_bytes(draw, "big") / _RANGE
    return float((props.get("min_wait") or 0) + most * share)
