"""What a process has around it, in virtual time: a store, a cloud of two regions, a user with a token."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence

from global_heat.model.names import Project, Region, StackId
from global_heat.model.records import TrustAttempt
from global_heat.regions.calls import Calls
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import PasswordCredential, ServiceUser, ServiceUsers
from global_heat.regions.health import RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.keystone import TokenChecker, Trusts, Who
from global_heat.regions.limits import Limits
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.credentials import StackTrusts
from global_heat.store.protocol import Committed
from global_heat.store.sealing import Seal
from global_heat.store.trust_ledger import MadeTrust, recording

EPOCH = 1_800_000_000.0
EAST, WEST = Region("east"), Region("west")
STACK = StackId("s1")
SERVICE = PasswordCredential(password="global-heat", user_name="global-heat", project_name="service")


class Bench:
    """To be made inside a loop of virtual time."""

    def __init__(self, roles: tuple[str, ...] = ("member",)) -> None:
        self.cloud = FakeCloud((EAST, WEST), clock, random.Random(1), shared=(), token_seconds=600.0)
        self.specs = [
            RegionSpec(name=name, cloud="fake", auth_url=f"http://{name}.sim/identity/v3")
            for name in (EAST, WEST)
        ]
        self.registry = Registry(self.specs)
        transport = self.cloud.transport("test")
        calls = Calls(transport, RegionHealth(transport), Limits())
        self.sessions = Sessions(PlainIdentity(calls, clock), self.registry, clock, EAST)
        self.clouds = Clouds(self.registry, self.sessions, calls, clock)
        self.checker = TokenChecker(
            calls, self.sessions, lambda: self.specs[0], ServiceUsers({}, ServiceUser(SERVICE)), clock
        )
        self.cluster = SimCluster()
        self.store = SimStore(self.cluster, "test", Link(lambda: 0.001, random.Random(2).random))
        self.seal = Seal({"k1": b"k" * 32}, random.Random(3).randbytes)
        self._calls, self._roles = calls, roles
        self.trusts = self.other_trusts()
        self.project = Project(self.cloud.keystone.project_id("demo"))

    def other_trusts(self) -> StackTrusts:
        """As another replica has them."""
        return StackTrusts(
            self.store,
            self.seal,
            self.registry,
            self.sessions,
            Trusts(self._calls),
            ServiceUsers({}, ServiceUser(SERVICE, self._roles)),
            clock,
            EAST,
        )

    def token(self) -> str:
        return self.cloud.keystone.token("demo", "demo")

    async def who(self) -> Who:
        return await self.checker.check(self.token())

    async def ensure(self, *regions: Region) -> Sequence[MadeTrust]:
        """Have the trusts made that are missing, and record them as a wish does."""
        return await self.ensure_of(STACK, *regions)

    async def ensure_of(self, stack: StackId, *regions: Region) -> Sequence[MadeTrust]:
        token = self.token()
        who = await self.checker.check(token)
        made = await self.trusts.ensure(who, token, self.project, stack, regions)
        for each in made:
            added = recording(self.project, stack, each)
            outcome = await self.store.commit(*added.guards, put=added.puts, delete=added.deletes)
            assert isinstance(outcome, Committed)
        return made

    async def ledger(self) -> list[TrustAttempt]:
        return [decode(TrustAttempt, each.value) for each in (await self.store.scan(keys.TRUSTS)).entries]

    def trust_ids(self) -> list[str]:
        """Those that Keystone has."""
        return list(self.cloud.keystone.trusts)


def clock() -> float:
    return EPOCH + asyncio.get_running_loop().time()
