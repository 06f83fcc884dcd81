"""OS::Heat::AccessPolicy: which resources of its stack a user may look at. It does nothing by itself."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making


class AccessPolicy(LocalType):
    name = "OS::Heat::AccessPolicy"
    kind = "heat.access_policy"
    supported = frozenset({"AllowedResources"})
    beside = "AllowedResources"

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"name": making.path.rpartition("/")[2]}

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        """It has none; its name refers to it."""
        return PhysicalId("")

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return body.get("name", "")
