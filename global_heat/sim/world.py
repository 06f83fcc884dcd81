"""A simulated world: three regions' clouds, an etcd cluster, replicas, a user; all chance from one seed."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Collection, Mapping

from global_heat.engine.ports import Bounds, Settings
from global_heat.model.errors import Ambiguous, Error, Invalid, Reason, Transient
from global_heat.model.names import Path, Project, Region, StackId
from global_heat.model.records import Attempt, AttemptState, Header, Incarnation, NameRecord, Operation, State
from global_heat.model.values import Json
from global_heat.regions.cloud import ServiceRefusal
from global_heat.regions.credentials import PasswordCredential
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.resources.catalogue import KINDS, load_schemas
from global_heat.sim.audit import Auditor
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.evidence import Evidence, Processes
from global_heat.sim.front_door import FrontDoor, Wish
from global_heat.sim.node import Node
from global_heat.sim.outside import Surroundings
from global_heat.store import keys
from global_heat.store.caller import Caller
from global_heat.store.codec import decode
from global_heat.store.documents import Documents
from global_heat.store.reading import resolve_name
from global_heat.store.scaling import Scaling
from global_heat.store.sealing import Seal
from global_heat.store.signals import Signals
from global_heat.store.wishes import StackWish, Wishes
from global_heat.template.source import Source

EPOCH = 1_800_000_000.0
REGIONS = (Region("east"), Region("north"), Region("west"))
TOKEN_SECONDS = 60.0
EXEC_SECONDS = 5.0
LAG_SECONDS = 1.0
SKEW_SECONDS = 1.0
"""What the engine is told of the regions; no fault goes beyond."""
FENCE_SECONDS = EXEC_SECONDS + LAG_SECONDS + SKEW_SECONDS
_KEY = b"k" * 32
_TRIES = 200
"""A user is patient: a region may be gone for minutes."""
SETTINGS = Settings(
    lease_seconds=10.0,
    sweep_seconds=5.0,
    scan_seconds=60.0,
    handover_seconds=30.0,
    busy_seconds_max=300.0,
    retention_seconds=1e9,
    trust_seconds=40.0,
    inventory_seconds=120.0,
    orphan_seconds=60.0,
)


class SimWorld:
    """Everything. Must be made inside the loop of virtual time."""

    def __init__(
        self,
        seed: int,
        replicas: int = 3,
        settings: Settings = SETTINGS,
        token_seconds: float = TOKEN_SECONDS,
        skewed: bool = False,
    ) -> None:
        self.chance = random.Random(f"world {seed}")
        self.trustless: set[str] = set()
        """Stacks that have lost their credential."""
        self.settings = settings
        self.cluster = SimCluster()
        self.cloud = FakeCloud(REGIONS, self.clock, self._branch(), shared=(), token_seconds=token_seconds)
        self.project = Project(self.cloud.keystone.project_id("demo"))
        registry = Registry(
            RegionSpec(
                name=name,
                cloud="sim",
                auth_url=f"http://{name}.sim/identity/v3",
                exec_seconds=EXEC_SECONDS,
                lag_seconds=LAG_SECONDS,
                skew_seconds=SKEW_SECONDS,
            )
            for name in REGIONS
        )
        credential = PasswordCredential(
            password="demo", user_name="demo", project_id=self.project, project_name=""
        )
        schemas = load_schemas()
        self._around = Surroundings(
            cluster=self.cluster,
            cloud=self.cloud,
            registry=registry,
            types=KINDS,
            schemas=schemas,
            service=PasswordCredential(
                password="global-heat", user_name="global-heat", project_name="service"
            ),
            trustless=self.trustless,
            clock=self.clock,
            settings=settings,
            key=_KEY,
        )
        self.nodes: list[Node] = []
        for n in range(replicas):
            home = REGIONS[n % len(REGIONS)]
            skew = self.chance.uniform(-SKEW_SECONDS, SKEW_SECONDS) if skewed else 0.0
            name = f"r{n}-{home}"
            self.nodes.append(Node(self._around, name, home, self._branch(), self._latency(home), skew))
        self.user = User(self, self._around, self._branch(), self._latency(REGIONS[0]))
        self.auditor = Auditor(
            self.cloud.transport("a person"), registry, self.project, credential, KINDS, self.clock
        )
        self.meddled: set[str] = set()
        """Ids of things that a person deleted or changed behind our back."""
        self.meddled_with: set[tuple[StackId, str]] = set()
        """The same by stack and ref: what is being made has no id yet."""
        self.foreign: set[str] = set()
        """Ids of things that a person made."""
        self.deaf: set[str] = set()
        """Regions whose messaging service takes no messages for so long that they are given up."""

    def clock(self) -> float:
        """The wall clock: unix seconds."""
        return EPOCH + asyncio.get_running_loop().time()

    def start(self) -> None:
        for node in self.nodes:
            node.start()

    async def stop(self) -> None:
        for node in self.nodes:
            await node.kill()

    def seal(self) -> Seal:
        return Seal({"k1": _KEY}, self._branch().randbytes)

    def documents(self, store: SimStore) -> Documents:
        return Documents(store, self.seal(), self._around.schemas)

    # what is recorded now

    def records(self) -> list[Incarnation]:
        found = self.cluster.scan("stacks/", "", self.cluster.revision)
        return [decode(Incarnation, e.value) for e in found if e.key.split("/")[3] == "resources"]

    def learn_meddled(self) -> None:
        """Note the ids of what has got one since a person had his hands in it."""
        for stack, records in self.records_by_stack().items():
            self.meddled |= {r.id for r in records if r.id and (stack, r.ref) in self.meddled_with}

    def records_by_stack(self) -> dict[StackId, list[Incarnation]]:
        found: dict[StackId, list[Incarnation]] = {}
        for entry in self.cluster.scan("stacks/", "", self.cluster.revision):
            _, _, stack, part = entry.key.split("/")[:4]
            if part == "resources":
                found.setdefault(StackId(stack), []).append(decode(Incarnation, entry.value))
        return found

    def headers(self) -> list[Header]:
        found = self.cluster.scan("stacks/", "", self.cluster.revision)
        return [decode(Header, e.value) for e in found if e.key.endswith("/header")]

    def header(self, name: str) -> Header | None:
        """The header of a live stack."""
        entry = self.cluster.entry(keys.name(self.project, name), self.cluster.revision)
        if entry is None:
            return None
        id = decode(NameRecord, entry.value).stack
        header = self.cluster.entry(keys.header(self.project, id), self.cluster.revision)
        return decode(Header, header.value) if header else None

    def attempts(self) -> list[Attempt]:
        """The ledger."""
        found = self.cluster.scan(keys.attempts(), "", self.cluster.revision)
        return [decode(Attempt, entry.value) for entry in found]

    def swept(self) -> int:
        """How many attempts and trusts are still swept; what a record holds waits for its next plan."""
        now = self.cluster.revision
        indexed = (keys.attempt_of(entry.key) for entry in self.cluster.scan("sweep/", "", now))
        entries = (self.cluster.entry(key, now) for key in indexed)
        attempts = (decode(Attempt, entry.value) for entry in entries if entry is not None)
        leaving = {record.token for record in self.records() if record.state is State.LEAVING}
        open = sum(a.state is not AttemptState.INTENT and a.token not in leaving for a in attempts)
        return open + len(self._trusts_swept())

    def _trusts_swept(self) -> list[str]:
        """The keys that say of a trust that it is to go."""
        gone = [keys.trust(header.project, header.id, "") for header in self.headers() if header.deleted]
        found = (self.cluster.scan(prefix, "", self.cluster.revision) for prefix in (keys.TRUSTS, *gone))
        return [entry.key for entries in found for entry in entries]

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Whether it came true within so many seconds."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while not condition():
            if loop.time() >= end:
                return False
            await asyncio.sleep(0.5)
        return True

    async def settled(self, seconds: float = 1500.0) -> bool:
        """Whether every stack came to an end, and those that are to be told of it were."""

        def over() -> bool:
            headers, busy = self.headers(), {keys.shard_of(key).stack for key in self.work()}
            return all(each.ended and not (each.sinks and each.id in busy) for each in headers)

        return await self.until(over, seconds)

    def work(self) -> list[str]:
        """The shards that have something to do: of a stack that has ended, too, what it waits for no more."""
        return [entry.key for entry in self.cluster.scan("work/", "", self.cluster.revision)]

    def evidence(self) -> Evidence:
        self.learn_meddled()
        return Evidence(
            history=self.cluster.history,
            cloud=self.cloud,
            epoch=EPOCH,
            token_keys=self.seal().token_keys,
            meddled=frozenset(self.meddled),
            foreign=frozenset(self.foreign),
            replicas=frozenset(node.name for node in self.nodes),
            bounds=Bounds(EXEC_SECONDS, LAG_SECONDS, SKEW_SECONDS),
            processes=Processes(
                renewals=self.cluster.renewals,
                resumed={node.name: node.resumed for node in self.nodes},
                refusing=self.cluster.refusing,
            ),
            messages={name: region.zaqar.history for name, region in self.cloud.regions.items()},
            deaf=frozenset(self.deaf),
            acknowledged=self.user.told,
        )

    def _branch(self) -> random.Random:
        return random.Random(self.chance.getrandbits(64))

    def _latency(self, home: Region) -> Callable[[str], float]:
        chance = self._branch()

        def latency(to: str) -> float:
            base = 0.002 if to in (home, "etcd") else 0.06
            return base * (0.8 + 0.4 * chance.random())

        return latency


class User:
    """A client of the front doors: asks, and asks again with the same request id until it is told."""

    def __init__(
        self, world: SimWorld, around: Surroundings, chance: random.Random, latency: Callable[[str], float]
    ) -> None:
        self._world = world
        self._chance = chance
        self.link = Link(lambda: 0.004, chance.random)
        self.store = SimStore(world.cluster, "user", self.link)
        self.front_door = FrontDoor(around, "demo", "demo", REGIONS[0], self.link, chance, latency)
        documents = world.documents(self.store)
        scaling = Scaling(documents, Wishes(documents, world.clock, self._new_id))
        self._signals = Signals(documents, world.clock, scaling)
        self._caller = Caller(world.project, "demo")
        self.acknowledged: dict[str, str] = {}
        """Stack name → the last verb that was acknowledged."""
        self.told: list[Operation] = []

    async def create(
        self,
        name: str,
        template: str,
        rollback: bool = False,
        files: Mapping[str, str] | None = None,
        environment: Json = None,
    ) -> Operation:
        wish = self._wish(name, template, rollback, files or {}, environment or {})
        return await self._ask(
            name,
            "create",
            lambda request: (
                lambda wishes, prepare: wishes.create(self._caller, wish, request, REGIONS, prepare)
            ),
        )

    async def update(
        self,
        name: str,
        template: str,
        rollback: bool = False,
        files: Mapping[str, str] | None = None,
        environment: Json = None,
    ) -> Operation:
        wish = self._wish(name, template, rollback, files or {}, environment or {})
        return await self._ask(
            name,
            "update",
            lambda request: (
                lambda wishes, prepare: wishes.update(self._caller, name, wish, request, REGIONS, prepare)
            ),
        )

    async def delete(self, name: str) -> Operation:
        return await self._ask(
            name,
            "delete",
            lambda request: lambda wishes, prepare: wishes.delete(self._caller, name, request),
        )

    async def cancel(self, name: str, rollback: bool) -> Operation:
        return await self._ask(
            name,
            "cancel",
            lambda request: lambda wishes, prepare: wishes.cancel(self._caller, name, request, rollback),
        )

    async def signal(self, name: str, path: str, said: Json = None, only: str = "") -> str:
        """Raises `Invalid` when it is refused."""
        request = self._new_id()
        id = await resolve_name(self.store, self._world.project, name)
        for _ in range(_TRIES):
            try:
                return await self._signals.send(self._caller, id, Path(path), said, request, only)
            except (Transient, Ambiguous):
                await asyncio.sleep(1.0)
        raise Transient("the store does not answer")

    def _wish(
        self, name: str, template: str, rollback: bool, files: Mapping[str, str], environment: Json
    ) -> StackWish:
        source = Source(template=template, environment=environment, files=dict(files))
        return StackWish(name=name, source=source, region=REGIONS[0], rollback=rollback)

    async def _ask(self, name: str, verb: str, ask: Callable[[str], Wish]) -> Operation:
        """Raises `Invalid` when it is refused."""
        request = self._new_id()
        for _ in range(_TRIES):
            try:
                operation = await self.front_door.carry_out(ask(request))
            except (Transient, Ambiguous):
                await asyncio.sleep(1.0)
                continue
            except ServiceRefusal as refusal:
                # A token that was revoked on the way: he has another one.
                if refusal.status != 401:
                    raise
                await asyncio.sleep(1.0)
                continue
            self.acknowledged[name] = verb
            self.told.append(operation)
            return operation
        raise Transient("the store does not answer")

    def _new_id(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"


def refused_as_it_should(error: Error) -> bool:
    """Whether a user may well be told so: the stack is busy, gone, or ended meanwhile."""
    return isinstance(error, Invalid) and error.reason in (
        Reason.NOT_FOUND,
        Reason.PRECONDITION,
        Reason.BUSY,
        Reason.ALREADY_EXISTS,
    )


def describe(headers: Collection[Header]) -> str:
    """For people who look at a run."""
    return ", ".join(f"{h.name} {h.state}" + (f" ({h.reason})" if h.reason else "") for h in headers)
