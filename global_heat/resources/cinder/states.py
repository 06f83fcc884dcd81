"""What the states of a volume mean."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.resources.type import Failed

_CHANGING = frozenset(
    {"creating", "downloading", "extending", "retyping", "restoring-backup", "managing", "deleting"}
)
_FREE_TO_DELETE = frozenset(
    {"available", "error", "error_restoring", "error_extending", "error_managing", "deleting"}
)


def settled(body: Body) -> bool:
    """Whether the service has done what it was asked. Raises `Failed` when it could not."""
    status = str(body.get("status"))
    if status.startswith("error"):
        raise Failed(f"the volume is in status {status}")
    return status not in _CHANGING


def in_use(body: Body) -> bool:
    """Whether something else works with it, so that it cannot be deleted now."""
    return body.get("status") not in _FREE_TO_DELETE and not str(body.get("status")).startswith("error")
