"""Neutron's errors: a type, a message, a status."""

from __future__ import annotations

from global_heat.sim.cloud.wire import Refusal


def neutron_error(status: int, type: str, message: str) -> Refusal:
    return Refusal(status, {"NeutronError": {"type": type, "message": message, "detail": ""}})


def bad_request(message: str) -> Refusal:
    return neutron_error(400, "HTTPBadRequest", message)


def invalid(message: str) -> Refusal:
    return neutron_error(400, "InvalidInput", f"Invalid input for operation: {message}.")


NO_SUCH_PATH = "The resource could not be found."
