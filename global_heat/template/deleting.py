"""The deletion policy Snapshot: which types have it."""

from __future__ import annotations

from global_heat.model.schema import TypeSchema
from global_heat.template.location import Faults
from global_heat.template.node import Place

SNAPSHOT = "Snapshot"
_HANDLE = "snapshot_delete"


def check_snapshot(standing: Place, type: str, schema: TypeSchema | None, faults: Faults) -> None:
    """Note it where such a resource could not have it in Heat either. A nested stack has no schema."""
    if standing.deletion_policy == SNAPSHOT and (schema is None or _HANDLE not in schema.handles):
        at = (standing.at, standing.scope.template.version.word("deletion_policy"))
        faults.add(at, f"no snapshot can be made of {type}; give Delete or Retain")
