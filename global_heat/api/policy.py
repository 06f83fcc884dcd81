"""Which role a method needs. A method that is not named here is refused."""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping

from global_heat.model.errors import Invalid, Reason

ADMIN = "admin"
MEMBER = "member"
READER = "reader"


class Right(enum.Enum):
    READ = frozenset({READER, MEMBER, ADMIN})
    WRITE = frozenset({MEMBER, ADMIN})
    OPERATE = frozenset({ADMIN})


_RIGHTS: Mapping[str, Right] = {
    "StackService/CreateStack": Right.WRITE,
    "StackService/UpdateStack": Right.WRITE,
    "StackService/ApplyStack": Right.WRITE,
    "StackService/DeleteStack": Right.WRITE,
    "StackService/CancelStack": Right.WRITE,
    "StackService/GetStack": Right.READ,
    "StackService/ListStacks": Right.READ,
    # Planning looks up and resolves what a writer could, but changes nothing.
    "StackService/PlanStack": Right.READ,
    "StackService/ValidateTemplate": Right.READ,
    "StackService/ExplainStack": Right.READ,
    "StackService/GetOutputs": Right.READ,
    "StackService/WatchStack": Right.READ,
    "ResourceService/ListResources": Right.READ,
    "ResourceService/GetResource": Right.READ,
    "ResourceService/SignalResource": Right.WRITE,
    "EventService/ListEvents": Right.READ,
    "EventService/WatchEvents": Right.READ,
    "OperationService/ListOperations": Right.READ,
    "OperationService/GetOperation": Right.READ,
    "OperationService/WaitOperation": Right.READ,
    "OperationService/CancelOperation": Right.WRITE,
    "RegionService/ListRegions": Right.READ,
    "RegionService/GetRegion": Right.READ,
    "RegionService/AddRegion": Right.OPERATE,
    "RegionService/RemoveRegion": Right.OPERATE,
    "ReplicaService/ListReplicas": Right.READ,
}
_OURS = "/globalheat.v1."
OPEN_PREFIXES = ("/grpc.health.v1.Health/", "/grpc.reflection.")
"""Answered without a token: they tell nothing of any project."""


def right_for(method: str) -> Right | None:
    """What a method (`/globalheat.v1.StackService/GetStack`) needs; None: nobody may call it."""
    return _RIGHTS.get(method.removeprefix(_OURS)) if method.startswith(_OURS) else None


def require(method: str, roles: Collection[str]) -> None:
    """Raises `Invalid` (FORBIDDEN) when none of the roles is enough."""
    right = right_for(method)
    held = {role.lower() for role in roles}
    if right is None or not right.value & held:
        needed = "" if right is None else f": it needs one of the roles {', '.join(sorted(right.value))}"
        raise Invalid(f"you may not call {method.rpartition('/')[2]}{needed}", reason=Reason.FORBIDDEN)
