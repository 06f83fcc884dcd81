"""A schedule: what a user asks for and what goes wrong, all drawn from one seed; and its run."""

from __future__ import annotations

import asyncio
import random

import msgspec

from global_heat.model.errors import Error
from global_heat.sim import loop
from global_heat.sim.blueprints import Blueprint, change, draw
from global_heat.sim.checker import Violation, check_gone, check_history, check_rest
from global_heat.sim.trouble import Trouble
from global_heat.sim.world import REGIONS, SimWorld, refused_as_it_should

_SETTLE_SECONDS = 2000.0
_CLOSE_SECONDS = 600.0


class Profile(msgspec.Struct, frozen=True):
    """How big and how rough."""

    replicas: int = 3
    stacks_max: int = 2
    sites_max: int = 3
    wishes_max: int = 5
    faults_max: int = 6
    servers: bool = True


PROFILES = {
    "calm": Profile(faults_max=0),
    "small": Profile(stacks_max=1, sites_max=2, wishes_max=3, servers=False),
    "mixed": Profile(),
    "rough": Profile(replicas=4, stacks_max=3, wishes_max=8, faults_max=12),
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

    @property
    def ok(self) -> bool:
        return not self.violations


def run_seed(seed: int, profile: Profile = Profile()) -> Report:  # noqa: B008 - an immutable value
    """Run one schedule to its end, in virtual time."""
    return loop.run(_Run(seed, profile).run())


class _Run:
    def __init__(self, seed: int, profile: Profile) -> None:
        self._chance = random.Random(f"schedule {seed}")
        self._profile = profile
        self._report = Report(seed)
        self._world: SimWorld
        self._blueprints: dict[str, Blueprint] = {}

    async def run(self) -> Report:
        world = self._world = SimWorld(self._report.seed, self._profile.replicas)
        world.start()
        trouble = Trouble(world, random.Random(self._chance.getrandbits(64)), self._tell)
        horizon = self._chance.uniform(20.0, 90.0)
        faults = self._chance.randint(0, self._profile.faults_max)
        self._report.faults = faults
        await asyncio.gather(self._ask(horizon), trouble.make(faults, horizon))
        await trouble.calm()
        self._tell("calm")
        await world.settled(_SETTLE_SECONDS)
        await self._closed()
        self._report.violations += check_rest(world.evidence(), world.records(), world.headers())
        await self._delete_all()
        self._judge()
        await world.stop()
        return self._report

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
            await user.create(name, blueprint.template(), rollback=chance.random() < 0.2)
            self._report.stacks += 1
            return
        match chance.choices(("update", "delete", "cancel", "roll back"), (6, 1, 1, 1))[0]:
            case "update":
                blueprint = change(chance, before, REGIONS, self._profile.servers)
                self._blueprints[name] = blueprint
                self._tell(f"update {name}")
                await user.update(name, blueprint.template(), rollback=chance.random() < 0.2)
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

    async def _closed(self) -> None:
        """Wait until nothing that was ever sent can appear any more, and the ledger says so."""
        if not await self._world.until(lambda: self._world.swept() == 0, _CLOSE_SECONDS):
            self._report.violations.append(Violation(18, f"{self._world.swept()} attempts are never closed"))

    async def _delete_all(self) -> None:
        """The end of the world: nothing may be left in any cloud."""
        world = self._world
        self._report.resources = len(world.records())
        for header in world.headers():
            if not header.deleted:
                await world.user.delete(header.id)
        if not await world.settled(_SETTLE_SECONDS):
            self._report.violations += check_rest(world.evidence(), [], world.headers())
            return
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

    def _tell(self, what: str) -> None:
        self._report.story.append(f"{asyncio.get_running_loop().time():8.3f}  {what}")
