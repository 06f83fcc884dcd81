"""One region's services as one project sees them: what a resource type talks to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project, Region
from global_heat.model.values import Body


class ServiceRefusal(Invalid):
    """The service itself answered 400, 401, 403, 404 or 409: it certainly did not do it.

    `status` is the HTTP status, `request_id` what the service calls the request in its logs.
    """

    def __init__(self, status: int, service: str, region: str, message: str, request_id: str = "") -> None:
        reason = {404: Reason.NOT_FOUND, 409: Reason.BUSY, 403: Reason.FORBIDDEN}.get(status, Reason.INVALID)
        super().__init__(
            message, reason=reason, service=service, region=region, request_id=request_id, status=str(status)
        )
        self.status = status
        self.request_id = request_id


class Gone(ServiceRefusal):
    """404: there is no such thing."""


class Conflict(ServiceRefusal):
    """409: it exists already, is in use, or is busy."""


class Cloud(Protocol):
    """Calls to one region on behalf of one project. Services by their type: compute, network, volume, image,
    messaging.

    Every method raises `ServiceRefusal` (definite), `Transient` (certainly not done: refused connection, 429,
    no endpoint reachable, the region's breaker is open), `Ambiguous` (5xx, time-out, cut, garbage).
    Reads that are ambiguous are raised as `Transient`: a read changes nothing.
    """

    @property
    def region(self) -> Region: ...

    @property
    def project(self) -> Project: ...

    async def get(self, service: str, path: str, query: Mapping[str, str] = {}) -> Body: ...

    async def list(self, service: str, path: str, key: str, query: Mapping[str, str] = {}) -> list[Body]:
        """All items under `key`, read page by page to the end."""
        ...

    async def post(self, service: str, path: str, body: Body, headers: Mapping[str, str] = {}) -> Body: ...

    async def put(self, service: str, path: str, body: Body, headers: Mapping[str, str] = {}) -> Body: ...

    async def delete(self, service: str, path: str) -> None: ...
