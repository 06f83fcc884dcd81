"""A cloud of three regions under a loop whose time jumps, and a caller with a token."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from global_heat.model.values import Body
from global_heat.regions.transport import Request, Response
from global_heat.sim.cloud.inprocess import InProcessTransport
from global_heat.sim.cloud.region import FakeRegion
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.loop import VirtualLoop

START = 1_700_000_000.0
PATHS = {
    "identity": "/identity/v3",
    "compute": "/compute/v2.1",
    "network": "/network/v2.0",
    "volume": "/volume/v3",
    "image": "/image/v2",
    "messaging": "/messaging/v2",
}


class World:
    """The cloud, its time, and how to run a coroutine in it."""

    def __init__(self, seed: int = 1, **options: Any) -> None:
        self.loop = VirtualLoop()
        self.cloud = FakeCloud(["east", "west", "north"], self.now, random.Random(seed), **options)
        self.east = self.cloud.regions["east"]

    def now(self) -> float:
        return START + self.loop.time()

    def run(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self.loop.run_until_complete(coroutine)

    def pass_time(self, seconds: float) -> None:
        self.run(asyncio.sleep(seconds))

    def caller(self, user: str = "demo", project: str = "demo", region: str = "east") -> Caller:
        return Caller(self, self.cloud.regions[region], user, project)


class Caller:
    """Calls one region with a fresh token for each request, without faults or waits."""

    def __init__(self, world: World, region: FakeRegion, user: str, project: str) -> None:
        self._world = world
        self.region = region
        self._user, self._project = user, project
        self.project_id = region.keystone.project_id(project)

    def request(
        self, method: str, service: str, path: str, body: Any = None, timeout: float = 60.0, **headers: str
    ) -> Request:
        token = self.region.keystone.token(self._user, self._project)
        url = f"http://{self.region.name}.sim{PATHS[service]}{path}"
        named = {key.replace("_", "-"): value for key, value in headers.items()}
        return Request(
            method,
            url,
            self.region.name,
            {"X-Auth-Token": token, **named},
            b"" if body is None else json.dumps(body).encode(),
            timeout,
        )

    def call(self, method: str, service: str, path: str, body: Any = None, **headers: str) -> Answered:
        return Answered(self.region.handle(self.request(method, service, path, body, **headers)))

    def nova(self, method: str, path: str, body: Any = None, version: str = "2.96") -> Answered:
        return self.call(method, "compute", path, body, openstack_api_version=f"compute {version}")

    def network(self, method: str, path: str, body: Any = None, **headers: str) -> Answered:
        return self.call(method, "network", path, body, **headers)

    def volume(self, method: str, path: str, body: Any = None, version: str = "3.70") -> Answered:
        return self.call(method, "volume", path, body, openstack_api_version=f"volume {version}")

    def image(self, method: str, path: str, body: Any = None) -> Answered:
        return self.call(method, "image", path, body)

    def make(self, collection: str, **wish: Any) -> Body:
        """Make one of Neutron's things."""
        singular = collection.replace("-", "_").removesuffix("s")
        return self.network("POST", f"/{collection}", {singular: wish}).ok(201)[singular]

    def make_network(self, cidr: str = "10.0.0.0/24", **wish: Any) -> tuple[Body, Body]:
        network = self.make("networks", name="inside", **wish)
        subnet = self.make("subnets", network_id=network["id"], cidr=cidr, ip_version=4)
        return network, subnet

    def make_server(self, **wish: Any) -> Body:
        """Make a server from the seeded image and flavor and wait until it is built."""
        full = {"name": "s", "flavorRef": "1", "imageRef": self.cirros(), "networks": "none", **wish}
        server = self.nova("POST", "/servers", {"server": full}).ok(202)["server"]
        self._world.pass_time(3)
        return self.nova("GET", f"/servers/{server['id']}").ok()["server"]

    def make_volume(self, **wish: Any) -> Body:
        full = {"size": 1, "name": "v", **wish}
        volume = self.volume("POST", "/volumes", {"volume": full}).ok(202)["volume"]
        self._world.pass_time(2)
        return self.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]

    def cirros(self) -> str:
        return str(self.image("GET", "/images?name=cirros").ok()["images"][0]["id"])


class Answered:
    """An answer; `ok` insists on its status."""

    def __init__(self, response: Response) -> None:
        self.response = response
        self.status = response.status

    @property
    def body(self) -> Body:
        decoded: Body = json.loads(self.response.body)
        return decoded

    @property
    def text(self) -> str:
        return self.response.body.decode()

    def ok(self, status: int = 200) -> Body:
        assert self.status == status, self.text
        return self.body if self.response.body else {}


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.loop.close()


@pytest.fixture
def demo(world: World) -> Caller:
    return world.caller()


@pytest.fixture
def admin(world: World) -> Caller:
    return world.caller("admin", "demo")


@pytest.fixture
def rival(world: World) -> Caller:
    return world.caller("rival", "rival")


@pytest.fixture
def transport(world: World) -> InProcessTransport:
    return world.cloud.transport("replica-1")
