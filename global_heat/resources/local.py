"""What the types that live in the records alone have in common: what is made for one is all there is of it.

`make` gives the thing's content, as a create and again as an update wishes it. What it becomes after that
follows from its content, the signals that it hears and the shard's clock: nothing is remembered elsewhere,
so that whoever takes the shard over waits on for what its former owner waited for.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.type import Handle, Making, ResourceType

NEVER = float("inf")
"""Of a wait that only a signal ends, or nothing at all."""


class LocalType(ResourceType):
    """A type of which no cloud knows. Its clock counts unix seconds, less those that the shard was parked."""

    handle = Handle.LOCAL
    signalled: ClassVar[bool] = False
    """Whether it takes signals; `accept` says which."""
    shared: ClassVar[bool] = False
    """Whether other stacks of its project may name it by its id."""

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.name)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None}

    def listens(self, made: Body, ref: str) -> str:
        """The incarnation whose signals it hears, given its own; empty: none."""
        return ""

    def told(self, made: Body, signals: Sequence[Signal]) -> Body:
        """What it is, having heard these: the body that `due` and `attributes` look at."""
        return made

    def due(self, body: Body, clock: float) -> float | None:
        """None: it is as finished as its users need it; else when by the clock to look again, at the latest.

        Raises `Failed`.
        """
        return None

    def leave(self, made: Body, clock: float, signals: Sequence[Signal]) -> Body | None:
        """Its content while it is on its way out, until `due` says that it may go; None: it goes at once.

        To be applied to its own result as well. `signals`: those that it has heard so far.
        """
        return None


CONFIGS = frozenset(
    {
        "OS::Heat::CloudConfig",
        "OS::Heat::MultipartMime",
        "OS::Heat::SoftwareConfig",
        "OS::Heat::StructuredConfig",
    }
)
"""The types whose ids stand for a text."""


def is_config_id(value: Json) -> bool:
    """Whether a value looks like the id of a config."""
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False
