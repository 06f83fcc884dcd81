"""One call, and what all calls share."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from global_heat.client.connection import Connection
from global_heat.client.errors import ApiError
from global_heat.proto.v1 import operation_pb2

PROJECT = "projects/-"
PAGE_SIZE = 500


class Calls:
    """Every method raises `ApiError`. Mutations make their own request id, so that retries are safe."""

    def __init__(self, connection: Connection, new_id: Callable[[], str] = lambda: uuid.uuid4().hex) -> None:
        self.connection = connection
        self.new_id = new_id

    async def call(
        self, stub: Callable[..., Any], method: str, request: Any, seconds: float | None = None
    ) -> Any:
        return await self.connection.call(stub, method, request, seconds)

    async def operation(
        self, stub: Callable[..., Any], method: str, request: Any, seconds: float | None = None
    ) -> operation_pb2.Operation:
        answer = await self.call(stub, method, request, seconds)
        operation: operation_pb2.Operation = answer.operation
        return operation

    async def all(self, stub: Callable[..., Any], method: str, request: Any, field: str) -> list[Any]:
        """All pages of a list."""
        found: list[Any] = []
        request.page_size = PAGE_SIZE
        while True:
            answer = await self.call(stub, method, request)
            found.extend(getattr(answer, field))
            if not answer.next_page_token:
                return found
            request.page_token = answer.next_page_token


def stack_name(name: str) -> str:
    return name if name.startswith("projects/") else f"{PROJECT}/stacks/{_short(name, 'stack')}"


def operation_name(name: str) -> str:
    return name if name.startswith("projects/") else f"{PROJECT}/operations/{_short(name, 'operation')}"


def attempt_name(name: str) -> str:
    return name if name.startswith("projects/") else f"{PROJECT}/attempts/{_short(name, 'attempt')}"


def orphan_name(name: str) -> str:
    return name if name.startswith("projects/") else f"{PROJECT}/orphans/{_short(name, 'orphan')}"


def region_name(name: str) -> str:
    return name if name.startswith("regions/") else f"regions/{_short(name, 'region')}"


def _short(name: str, what: str) -> str:
    if not name or "/" in name:
        raise ApiError("INVALID_ARGUMENT", f"{name!r} is no {what}'s name")
    return name
