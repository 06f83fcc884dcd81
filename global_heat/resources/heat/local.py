"""What the types that live in the records alone have in common: what is made for one is all there is of it.

`make` gives the thing's content, as a create and again as an update wishes it; it serves as its body.
"""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.type import Handle, Making, ResourceType


class LocalType(ResourceType):
    """A type of which no cloud knows."""

    handle = Handle.LOCAL

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.name)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None}
