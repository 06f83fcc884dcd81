"""OS::Heat::WaitCondition: waits until its handle was told often enough that all went well."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.wait_condition_handle import NO_SIGNAL, heard
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed, Making

_SUCCESS = "SUCCESS"


class WaitCondition(LocalType):
    """Its time begins with each create and update. `words`: its handle, time-out, count and data."""

    name = "OS::Heat::WaitCondition"
    kind = "heat.wait_condition"
    supported = frozenset({"count", "handle", "timeout"})
    seeks = frozenset(
        {
            "AWS::CloudFormation::WaitConditionHandle",
            "OS::Heat::UpdateWaitConditionHandle",
            "OS::Heat::WaitConditionHandle",
        }
    )
    words: ClassVar[tuple[str, str, str, str]] = ("handle", "timeout", "count", "data")

    def looks_at(self, props: Properties) -> Collection[str]:
        return [props[self.words[0]]]

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        handle, timeout, wanted, _ = self.words
        found = making.found.get(props[handle])
        if found is None:
            raise Failed(f"{props[handle]} is no handle that it could wait for in this stack")
        count = props.get(wanted) or 1
        return {
            "name": making.path.rpartition("/")[2],
            "handle": found.ref,
            "count": count,
            "until": making.clock + props[timeout],
            "unasked": count if found.made.get("transport") == NO_SIGNAL else 0,
        }

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        """It has none; its name refers to it."""
        return PhysicalId("")

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return body.get("name", "")

    def listens(self, made: Body, ref: str) -> str:
        return str(made.get("handle", ""))

    def told(self, made: Body, signals: Sequence[Signal]) -> Body:
        """A handle that nobody signals counts as told that all is well, as often as it takes."""
        unasked = {str(n): {"status": _SUCCESS, "data": None} for n in range(1, made.get("unasked", 0) + 1)}
        return {**made, "heard": {**unasked, **heard(signals)}}

    def due(self, body: Body, clock: float) -> float | None:
        told = list(body["heard"].values())
        failures = [each["reason"] for each in told if each["status"] != _SUCCESS]
        if failures:
            raise Failed(";".join(failures))
        if len(told) >= body["count"]:
            return None
        if clock >= body["until"]:
            reasons = "".join(f" - {';'.join(each['reason'] for each in told)}" if told else "")
            raise Failed(f"{len(told)} of {body['count']} received{reasons}")
        return float(body["until"])

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        data = {id: told["data"] for id, told in body.get("heard", {}).items()}
        return {"show": None, self.words[3]: json.dumps(data)}
