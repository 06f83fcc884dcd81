"""A loop of virtual time, and a cloud of three services that answers from a script."""

from __future__ import annotations

import asyncio
import inspect
import selectors
import sys
from collections.abc import Awaitable, Callable, Coroutine
from datetime import UTC, datetime
from types import ModuleType
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec
import pytest

from global_heat.model.names import Project, Region
from global_heat.regions.calls import CallRecord, Calls
from global_heat.regions.circuit import HealthPolicy
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import ApplicationCredential, Credential
from global_heat.regions.health import Condition, RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.limits import Limits, Pace
from global_heat.regions.region_cloud import RegionCloud
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.regions.transport import Request, Response

T = TypeVar("T")
Handler = Callable[[Request], Response | BaseException | Awaitable[Response]]
EPOCH = 1_700_000_000.0
PROJECT = Project("p" * 32)
CREDENTIAL = ApplicationCredential("id", "a-secret")
CATALOGUE = {
    "compute": "/compute/v2.1",
    "network": "/network",
    "volumev3": "/volume/v3/{project}",
    "image": "/image",
    "identity": "/identity",
}


class _JumpingSelector(selectors.SelectSelector):
    """Never waits: it moves the loop's clock to the next timer instead."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everything waits for something that never comes"
            self.now += max(timeout, 0.0)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)

    def time(self) -> float:
        return self._jumping.now


@pytest.fixture
def virtual() -> Callable[[Coroutine[Any, Any, T]], T]:
    """Run a coroutine to its end in virtual time."""

    def run(work: Coroutine[Any, Any, T]) -> T:
        with asyncio.Runner(loop_factory=VirtualLoop) as runner:
            return runner.run(work)

    return run


def now() -> float:
    """The wall clock: the loop's, from some day on."""
    return EPOCH + asyncio.get_running_loop().time()


def reply(status: int = 200, body: Any = None, **headers: str) -> Response:
    data = b"" if body is None else body if isinstance(body, bytes) else msgspec.json.encode(body)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Response(status, {"x-openstack-request-id": "req-1", **named}, data)


def spec(name: str = "east", **fields: Any) -> RegionSpec:
    fields.setdefault("auth_url", f"http://{name}.test/identity")
    return RegionSpec(name=Region(name), **fields)


class ScriptedCloud:
    """A transport. Keystone gives tokens `t1`, `t2`, …; the rest is what `handle` says."""

    def __init__(self, *regions: str) -> None:
        self.regions = regions or ("east", "west")
        self.requests: list[Request] = []
        self.handle: Handler = lambda request: reply(200, {})
        self.authorize: Handler = self.give_token
        self.token_life = 3600.0
        self.tokens = 0
        self.project = PROJECT

    async def send(self, request: Request) -> Response:
        self.requests.append(request)
        asks_token = request.method == "POST" and request.url.endswith("/auth/tokens")
        answer = (self.authorize if asks_token else self.handle)(request)
        if inspect.isawaitable(answer):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def give_token(self, request: Request) -> Response:
        self.tokens += 1
        return reply(201, self.token_body(), x_subject_token=f"t{self.tokens}")

    def token_body(self) -> dict[str, Any]:
        return {
            "token": {
                "expires_at": datetime.fromtimestamp(now() + self.token_life, UTC).isoformat(),
                "user": {"id": "u", "name": "ann", "domain": {"id": "default", "name": "Default"}},
                "project": {"id": self.project, "name": "p", "domain": {"id": "default"}},
                "roles": [{"id": "r", "name": "member"}],
                "catalog": [
                    {
                        "type": type,
                        "name": type,
                        "endpoints": [
                            {
                                "interface": "public",
                                "region": region,
                                "region_id": region,
                                "url": f"http://{region}.test" + path.replace("{project}", self.project),
                            }
                            for region in self.regions
                        ],
                    }
                    for type, path in CATALOGUE.items()
                ],
            }
        }

    def sent(self, service: str) -> list[Request]:
        """What was asked of one service (`network`, `identity`), in order."""
        return [request for request in self.requests if urlsplit(request.url).path.startswith(f"/{service}")]


class Rig:
    """Everything of `regions` put together over a scripted cloud, in virtual time."""

    def __init__(
        self, *specs: RegionSpec, home: str | None = None, policy: HealthPolicy | None = None
    ) -> None:
        self.cloud = ScriptedCloud()
        self.changes: list[tuple[Region, Condition]] = []
        self.records: list[CallRecord] = []
        self.health = RegionHealth(
            self.cloud, policy or HealthPolicy(), lambda *change: self.changes.append(change)
        )
        self.limits = Limits(lambda region, service: Pace())
        self.calls = Calls(self.cloud, self.health, self.limits, self.records.append)
        self.registry = Registry(specs or (spec("east"), spec("west")))
        self.identity = PlainIdentity(self.calls, now)
        self.sessions = Sessions(self.identity, self.registry, now, Region(home) if home else None)
        self.clouds = Clouds(self.registry, self.sessions, self.calls, now)

    async def open(self, region: str = "east", credential: Credential = CREDENTIAL) -> RegionCloud:
        return await self.clouds.open(Region(region), PROJECT, credential)


@pytest.fixture
def kit() -> ModuleType:
    """What is defined here, for tests to use."""
    return sys.modules[__name__]
