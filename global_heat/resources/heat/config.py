"""What the software configs have in common: an immutable text for servers, known by its id."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.inputs import kept_inputs, kept_outputs
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

UNGROUPED = "Heat::Ungrouped"


class Config(LocalType):
    """A config has an id of its own, so that any stack of its project may name it. Any change replaces it."""

    shared = True

    def text(self, making: Making, props: Properties, random_bytes: bytes) -> Json:
        """What the config says. Raises `Failed`."""
        raise AssertionError(f"{self.name} says nothing")

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        created = datetime.fromtimestamp(int(making.clock), UTC)
        return {
            "id": new_id(making, random_bytes),
            "name": making.name,
            "group": props.get("group") or UNGROUPED,
            "creation_time": created.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "config": self.text(making, props, random_bytes),
            "inputs": kept_inputs(props.get("inputs")),
            "outputs": kept_outputs(props.get("outputs")),
            "options": props.get("options") or {},
        }

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.made["id"])

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": body, "config": body.get("config")}


def new_id(making: Making, random_bytes: bytes) -> str:
    """A UUID, kept for as long as the thing is."""
    kept: str | None = making.made.get("id")
    return kept or str(uuid.UUID(bytes=random_bytes[:16], version=4))
