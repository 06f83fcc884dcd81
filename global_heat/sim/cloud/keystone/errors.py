"""Keystone's errors."""

from __future__ import annotations

from http import HTTPStatus

from global_heat.sim.cloud.wire import Refusal


def keystone_error(status: int, message: str) -> Refusal:
    return Refusal(
        status, {"error": {"code": status, "message": message, "title": HTTPStatus(status).phrase}}
    )


def unauthenticated() -> Refusal:
    """401, as Keystone and the middleware before every service say it."""
    refusal = keystone_error(401, "The request you have made requires authentication.")
    refusal.headers = {"www-authenticate": 'Keystone uri="/identity"'}
    return refusal
