"""OS::Heat::TestResource: does nothing, or fails, as it is told."""

from __future__ import annotations

from collections.abc import Collection

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.local import LocalType
from global_heat.resources.type import Failed, Making


class TestResource(LocalType):
    name = "OS::Heat::TestResource"
    kind = "heat.test_resource"
    supported = frozenset({"fail", "update_replace", "update_replace_value", "value"})

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        return "update_replace" in changed and bool(props.get("update_replace"))

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"value": props.get("value", "test_string"), "fail": bool(props.get("fail"))}

    def ready(self, body: Body) -> bool:
        if body.get("fail"):
            raise Failed("it was told to fail")
        return True

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, "output": made.get("value")}
