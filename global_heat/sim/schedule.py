"""A schedule: what a user asks for and what goes wrong, all drawn from one seed; and its run."""

from __future__ import annotations

import asyncio
import hashlib
import random
from collections.abc import Sequence

import msgspec

from global_heat.model.errors import Error
from global_heat.model.records import Status
from global_heat.model.values import Json
from global_heat.sim import loop
from global_heat.sim.audit import check_complete, check_seen
from global_heat.sim.blueprints import Blueprint, change, draw
from global_heat.sim.checker import Violation, check_gone, check_history, check_rest
from global_heat.sim.meddling import Meddler
from global_heat.sim.trouble import Drawn, Trouble
from global_heat.sim.world import REGIONS, SETTINGS, SimWorld, refused_as_it_should

_SETTLE_SECONDS = 2000.0
_CLOSE_SECONDS = 600.0
_DELETES_MAX = 3
_AGAIN_SECONDS = 120.0
_SINK_SECONDS = 1500.0
"""No fault lasts so long: nothing is given up."""
_QUEUES = ((), ("first",), ("first",), ("first", "second"), ("second",))


class Profile(msgspec.Struct, frozen=True):
    """How big and how rough."""

    replicas: int = 3
    stacks_max: int = 2
    sites_max: int = 3
    wishes_max: int = 5
    faults_max: int = 6
    servers: bool = True
    varied: bool = True
    """Whether leases, tokens, clocks and the number of replicas vary."""
    sinks: bool = False
    """Whether stacks have event sinks."""


PROFILES = {
    "calm": Profile(faults_max=0),
    "small": Profile(stacks_max=1, sites_max=2, wishes_max=3, servers=False),
    "mixed": Profile(),
    "rough": Profile(replicas=5, stacks_max=3, wishes_max=8, faults_max=12),
    "told": Profile(sinks=True),
}


class Report(msgspec.Struct):
    """What came of a run."""

    seed: int
    violations: list[Violation] = []
    story: list[str] = []
    stacks: int = 0
    resources: int = 0
    requests: int = 0
    commits: int = 0
    faults: int = 0
    seconds: float = 0.0
    """Of virtual time."""
    digest: str = ""
    """Of all that was written to the store and asked of the clouds: the same for every run of a seed."""

    @property
    def ok(self) -> bool:
        return not self.violations


def run_seed(seed: int, profile: Profile = Profile()) -> Report:  # noqa: B008 - an immutable value
    """Run one schedule to its end, in virtual time."""
    return run_drawn(seed, profile)[0]


def run_drawn(
    seed: int, profile: Profile, drawn: Sequence[Drawn] | None = None
) -> tuple[Report, Sequence[Drawn]]:
    """Run one schedule with its own faults, or with `drawn`, some of those that another run of it had."""
    run = _Run(seed, profile, drawn)
    return loop.run(run.run()), run.drawn


class _Run:
    def __init__(self, seed: int, profile: Profile, drawn: Sequence[Drawn] | None) -> None:
        self._again = drawn
        self.drawn: Sequence[Drawn] = ()
        self._chance = random.Random(f"schedule {seed}")
        self._profile = profile
        self._report = Report(seed)
        self._world: SimWorld
        self._blueprints: dict[str, Blueprint] = {}
        self._sink_chance = random.Random(f"sinks {seed}")
        """Apart from the rest, so that a schedule stays what it was before there were sinks."""
        self._revisions: dict[tuple[str, int], Blueprint] = {}
        """By a stack's id and the number of a revision: what it was made from."""

    async def run(self) -> Report:
        world = self._world = self._draw_world()
        world.start()
        trouble = Trouble(world, random.Random(self._chance.getrandbits(64)), self._tell)
        horizon = self._chance.uniform(20.0, 90.0)
        faults = self._chance.randint(0, self._profile.faults_max)
        self._report.faults = faults
        making = trouble.make(faults, horizon) if self._again is None else trouble.repeat(self._again)
        await asyncio.gather(self._ask(horizon), making)
        self.drawn = trouble.drawn
        await trouble.calm()
        self._tell("calm")
        await world.settled(_SETTLE_SECONDS)
        await self._closed()
        self._report.violations += check_rest(world.evidence(), world.records(), world.headers())
        await self._audit()
        if self._profile.faults_max:
            await self._meddle()
        await self._delete_all()
        self._judge()
        await world.stop()
        return self._report

    def _draw_world(self) -> SimWorld:
        chance, profile = self._chance, self._profile
        if not profile.varied:
            return SimWorld(self._report.seed, profile.replicas)
        lease_seconds = chance.choice((6.0, 10.0, 15.0))
        sink_seconds = _SINK_SECONDS if profile.sinks else SETTINGS.sink_seconds
        return SimWorld(
            self._report.seed,
            chance.randint(3, profile.replicas),
            msgspec.structs.replace(SETTINGS, lease_seconds=lease_seconds, sink_seconds=sink_seconds),
            token_seconds=chance.choice((20.0, 60.0, 180.0)),
            skewed=True,
        )

    async def _ask(self, horizon: float) -> None:
        """The user's wishes, spread over the time."""
        wishes = self._chance.randint(1, self._profile.wishes_max)
        for _ in range(wishes):
            name = f"stack{self._chance.randrange(self._profile.stacks_max)}"
            try:
                await self._wish(name)
            except Error as error:
                if not refused_as_it_should(error):
                    self._report.violations.append(Violation(0, f"{name}: {error}"))
            await asyncio.sleep(self._chance.uniform(0.0, horizon / wishes))

    async def _wish(self, name: str) -> None:
        chance, user = self._chance, self._world.user
        before = self._blueprints.get(name)
        if before is None:
            blueprint = draw(chance, REGIONS, self._profile.sites_max, self._profile.servers)
            self._blueprints[name] = blueprint
            self._tell(f"create {name}: {len(blueprint.sites)} sites")
            rollback, environment = chance.random() < 0.2, self._environment()
            operation = await user.create(name, blueprint.template(), rollback, environment=environment)
            self._revisions[operation.stack, operation.plan] = blueprint
            self._report.stacks += 1
            return
        match chance.choices(("update", "delete", "cancel", "roll back"), (6, 1, 1, 1))[0]:
            case "update":
                blueprint = change(chance, before, REGIONS, self._profile.servers)
                self._blueprints[name] = blueprint
                self._tell(f"update {name}")
                rollback, environment = chance.random() < 0.2, self._environment()
                operation = await user.update(name, blueprint.template(), rollback, environment=environment)
                self._revisions[operation.stack, operation.plan] = blueprint
            case "delete":
                self._tell(f"delete {name}")
                del self._blueprints[name]
                await user.delete(name)
            case "cancel":
                self._tell(f"cancel {name}")
                await user.cancel(name, rollback=False)
            case _:
                self._tell(f"cancel {name} and roll back")
                await user.cancel(name, rollback=True)

    def _environment(self) -> Json:
        if not self._profile.sinks:
            return {}
        queues = self._sink_chance.choice(_QUEUES)
        return {"event_sinks": [{"type": "zaqar-queue", "target": queue} for queue in queues]}

    async def _closed(self) -> None:
        """Wait until no shard has anything left to do, and nothing that was ever sent can appear any more, as
        the ledger says."""
        if not await self._world.until(lambda: not self._world.work(), _CLOSE_SECONDS):
            self._report.violations.append(Violation(16, f"there is work for ever: {self._world.work()}"))
        if not await self._world.until(lambda: self._world.swept() == 0, _CLOSE_SECONDS):
            self._report.violations.append(Violation(18, f"{self._world.swept()} attempts are never closed"))

    async def _audit(self) -> None:
        """Look whether all that is recorded is there, and is as it was wished."""
        world, meddled = self._world, self._world.meddled.__contains__
        by_stack = world.records_by_stack()
        for header in world.headers():
            self._tell(f"{header.name} {header.state} {header.reason}")
            records = by_stack.get(header.id, [])
            seen = await world.auditor.look(records)
            self._report.violations += check_seen(records, seen, meddled)
            blueprint = self._revisions.get((header.id, header.revision))
            if blueprint is not None and header.status is Status.COMPLETE and not header.deleted:
                self._report.violations += check_complete(header.name, blueprint, records, seen, meddled)

    async def _meddle(self) -> None:
        """A person's hands in what is at rest: none of it may hinder the deletion of all."""
        meddler = Meddler(self._world, random.Random(self._chance.getrandbits(64)), self._tell)
        for _ in range(self._chance.choice((0, 0, 1, 3))):
            act = self._chance.choice((meddler.copy_something, meddler.delete_something))
            await act()

    async def _delete_all(self) -> None:
        """The end of the world: nothing may be left in any cloud."""
        world = self._world
        self._report.resources = len(world.records())
        for _ in range(_DELETES_MAX):
            for header in world.headers():
                if not header.deleted:
                    await world.user.delete(header.id)
            if not await world.settled(_SETTLE_SECONDS):
                self._report.violations += check_rest(world.evidence(), [], world.headers())
                return
            if all(header.deleted for header in world.headers()):
                break
            # One that failed may have met a token that was revoked twice: a person tries again later.
            await asyncio.sleep(_AGAIN_SECONDS)
        await self._closed()
        self._report.violations += check_gone(world.evidence())
        failed = [header for header in world.headers() if not header.deleted]
        for header in failed:
            self._report.violations.append(
                Violation(16, f"{header.name} could not be deleted: {header.reason}")
            )

    def _judge(self) -> None:
        world = self._world
        self._report.violations += check_history(world.evidence())
        for node in world.nodes:
            if (failure := node.failure()) is not None:
                self._report.violations.append(Violation(0, f"{node.name} ended by {failure!r}"))
        self._report.requests = len(world.cloud.journal)
        self._report.commits = len(world.cluster.history)
        self._report.seconds = asyncio.get_running_loop().time()
        self._report.digest = self._digest()

    def _digest(self) -> str:
        digest = hashlib.blake2b(digest_size=16)
        for written in self._world.cluster.history:
            digest.update(repr((written.at, written.client, written.changes)).encode())
        for entry in self._world.cloud.journal:
            digest.update(msgspec.json.encode(entry))
        return digest.hexdigest()

    def _tell(self, what: str) -> None:
        self._report.story.append(f"{asyncio.get_running_loop().time():8.3f}  {what}")
