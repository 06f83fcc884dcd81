"""Errors as Nova and Cinder write them."""

from __future__ import annotations

from global_heat.sim.cloud.wire import Refusal

_NAMES = {
    400: "badRequest",
    403: "forbidden",
    404: "itemNotFound",
    405: "badMethod",
    406: "notAcceptable",
    409: "conflictingRequest",
    413: "overLimit",
    500: "computeFault",
}


def fault(status: int, message: str) -> Refusal:
    """`{"itemNotFound": {"code": 404, "message": …}}`."""
    return Refusal(status, {_NAMES[status]: {"code": status, "message": message}})


def no_such_path() -> Refusal:
    return fault(404, "The resource could not be found.")
