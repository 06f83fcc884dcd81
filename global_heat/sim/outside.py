"""What a simulated process has around it: its ways to the store and to the clouds, and its secrets."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from global_heat.engine.ports import Settings
from global_heat.model.names import Region
from global_heat.model.schema import Schemas
from global_heat.regions.calls import Calls
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import PasswordCredential, ServiceUser, ServiceUsers
from global_heat.regions.health import RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.keystone import Trusts
from global_heat.regions.limits import Limits, Pace
from global_heat.regions.registry import Registry
from global_heat.regions.sessions import Sessions
from global_heat.regions.transport import Request, Response
from global_heat.resources.type import ResourceType
from global_heat.sim.cloud.inprocess import InProcessTransport
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.process import Process
from global_heat.store.credentials import StackTrusts
from global_heat.store.documents import Documents
from global_heat.store.sealing import Seal


class Surroundings:
    """What all processes of a simulated world share."""

    def __init__(
        self,
        cluster: SimCluster,
        cloud: FakeCloud,
        registry: Registry,
        types: Mapping[str, ResourceType],
        schemas: Schemas,
        service: PasswordCredential,
        trustless: set[str],
        clock: Callable[[], float],
        settings: Settings,
        key: bytes,
    ) -> None:
        """`service` is whom users trust; `trustless` are stacks that have lost their credential."""
        self.cluster = cluster
        self.cloud = cloud
        self.registry = registry
        self.types = types
        self.schemas = schemas
        self.service = service
        self.trustless = trustless
        self.clock = clock
        self.settings = settings
        self.key = key


class Outside:
    """One process's ways out, as `cli.serving.outside` makes them for a real one.

    `name` is what it is to the clouds, `client` what it is to the store. `latency` gives the round trip in
    seconds to a region's cloud.
    """

    def __init__(
        self,
        around: Surroundings,
        name: str,
        client: str,
        home: Region,
        process: Process,
        link: Link,
        latency: Callable[[str], float],
        clock: Callable[[], float],
        random_bytes: Callable[[int], bytes],
    ) -> None:
        self.store = SimStore(around.cluster, client, link, process)
        transport = _CloudWay(process, around.cloud.transport(name, lambda region: latency(region) / 2))
        self.health = RegionHealth(transport)
        self.calls = Calls(transport, self.health, Limits(lambda region, service: Pace()))
        sessions = Sessions(PlainIdentity(self.calls, clock), around.registry, clock, home)
        self.clouds = Clouds(around.registry, sessions, self.calls, clock)
        self.seal = Seal({"k1": around.key}, random_bytes)
        self.documents = Documents(self.store, self.seal, around.schemas)
        self.trusts = StackTrusts(
            self.store,
            self.seal,
            around.registry,
            sessions,
            Trusts(self.calls),
            ServiceUsers({}, ServiceUser(around.service)),
            clock,
            home,
        )


class _CloudWay:
    """A process's transport to the clouds."""

    def __init__(self, process: Process, inner: InProcessTransport) -> None:
        self._process = process
        self._inner = inner

    async def send(self, request: Request) -> Response:
        return await self._process.send(lambda: self._inner.send(request))
