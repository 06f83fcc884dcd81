"""What the states of a server mean."""

from __future__ import annotations

from global_heat.model.values import Body

GONE = frozenset({"DELETED", "SOFT_DELETED"})
_CHANGING = frozenset(
    {
        "BUILD",
        "REBUILD",
        "RESIZE",
        "REVERT_RESIZE",
        "MIGRATING",
        "REBOOT",
        "HARD_REBOOT",
        "PASSWORD",
        "UNKNOWN",
    }
)


def is_changing(body: Body) -> bool:
    """Whether it is on its way to another status."""
    return body["status"] in _CHANGING


def is_busy(body: Body) -> bool:
    """Whether Nova would refuse to begin something else with it."""
    return is_changing(body) or body.get("OS-EXT-STS:task_state") is not None


def failure_of(body: Body) -> str:
    """Nova's own words on why it is in ERROR."""
    fault = body.get("fault") or {}
    return str(fault.get("message") or "the server is in status ERROR")
