"""Remove what attempts left and nobody adopted, until nothing more can appear.

The fence: a request is admitted only until the credential it carries expires (plus the clocks' skew),
takes effect at most `exec_seconds` later, and shows in every list `lag_seconds` after that. A look that
begins after all three and finds nothing closes the attempt. Until then everything that carries the token of
a condemned attempt is deleted by id, whenever it appears; so is a second thing of an adopted one. What is
never touched, and why, stands in `engine.guards`; how something is deleted, in `engine.remover`.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from functools import partial

import msgspec
import structlog

from global_heat.engine import guards
from global_heat.engine.deletions import Announced
from global_heat.engine.guards import Place, Spared, Thing
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import Opened, World
from global_heat.engine.ranking import ranked
from global_heat.engine.remover import SENT, Remover, delete_thing
from global_heat.model.errors import Ambiguous, Error, Invalid, Transient
from global_heat.model.leavings import Removal
from global_heat.model.names import PhysicalId, Project, Region, ReplicaId, Token
from global_heat.model.records import Attempt, AttemptState, Incarnation, ReplicaRecord
from global_heat.resources.type import Handle, ResourceType
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Committed, Entry, unchanged

log = structlog.get_logger()
_LIVE = (AttemptState.INTENT, AttemptState.ADOPTED)


class Swept(msgspec.Struct):
    """What one pass did."""

    looks: int = 0
    deleted: int = 0
    held: int = 0
    """What is to be deleted and has to wait."""
    closed: int = 0
    settled: int = 0


_Ledger = list[tuple[Attempt, Entry]]


class Sweeper:
    """Sweeps the regions for which this replica is the best-ranked. Needs no claim: see the module."""

    def __init__(
        self,
        world: World,
        id: ReplicaId,
        lease: LeaseKeeper,
        replicas: Callable[[], Iterable[ReplicaRecord]],
    ) -> None:
        self._world = world
        self._id = id
        self._lease = lease
        self._replicas = replicas
        self._remover = Remover(world, lease)
        self.held: dict[Region, int] = {}
        """How many deletions wait, by the last pass of this replica."""
        self._asked: dict[Region, None] = {}
        self._hurry = asyncio.Event()

    def ask(self, region: Region) -> None:
        """Look at a region at once, whoever else does: something in it may stand in a step's way."""
        self._asked[region] = None
        self._hurry.set()

    async def run(self) -> None:
        """A pass over every region with something to sweep, again and again. No region waits for another."""
        settings = self._world.settings
        under_way: dict[Region, asyncio.Task[None]] = {}
        async with asyncio.TaskGroup() as passes:
            while True:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(settings.sweep_seconds):
                        await self._hurry.wait()
                asked, self._asked = self._asked, {}
                self._hurry.clear()
                for region in await self._regions():
                    busy = region in under_way and not under_way[region].done()
                    if not busy and (region in asked or self._best(region)):
                        under_way[region] = passes.create_task(self._sweep_quietly(region))
                await asyncio.sleep(settings.backoff_seconds)

    async def _regions(self) -> list[Region]:
        """Those in which something is swept; none while the store does not say."""
        try:
            index = await self._world.store.scan(keys.sweeps(), local=True, keys_only=True)
        except (Transient, Ambiguous):
            return []
        return sorted({Region(entry.key.split("/")[1]) for entry in index.entries})

    def _best(self, region: Region) -> bool:
        order = ranked(f"sweep {region}", region, self._replicas(), self._world.distances)
        return bool(order) and order[0] == self._id

    async def _sweep_quietly(self, region: Region) -> None:
        """A pass that cannot go on is begun again at the next turn."""
        if self._world.health.trouble(region) is not None:
            return
        try:
            await self.sweep(region)
        except Error as error:
            log.info("a sweep was broken off", region=region, error=str(error))

    async def sweep(self, region: Region) -> Swept:
        """One pass over one region."""
        swept = Swept()
        groups: dict[tuple[Project, str], _Ledger] = {}
        for attempt, entry in await self._ledger(region):
            groups.setdefault((attempt.project, attempt.type), []).append((attempt, entry))
        for (project, name), attempts in sorted(groups.items()):
            type = self._world.types.get(name)
            if type is None or all(attempt.state is AttemptState.INTENT for attempt, _ in attempts):
                continue
            try:
                await self._sweep_kind(type, attempts, swept)
            except Error as error:
                # One service, or one project's credential, that fails is no reason to spare the others.
                log.info("not swept", region=region, project=project, kind=type.kind, error=str(error))
        self.held[region] = swept.held
        if swept.deleted or swept.closed:
            log.info("swept", region=region, **msgspec.to_builtins(swept))
        return swept

    async def _ledger(self, region: Region) -> _Ledger:
        """The attempts of the region that are still swept."""
        index = await self._world.store.scan(keys.sweeps(region), keys_only=True)
        indexed = {keys.attempt_of(entry.key) for entry in index.entries}
        found: _Ledger = []
        for folder in sorted({key.rpartition("/")[0] + "/" for key in indexed}):
            entries = (await self._world.store.scan(folder)).entries
            found += [(decode(Attempt, entry.value), entry) for entry in entries if entry.key in indexed]
        return found

    async def _sweep_kind(self, type: ResourceType, attempts: _Ledger, swept: Swept) -> None:
        try:
            opened = await self._open(attempts)
        except Invalid as error:
            await self._note_stuck(attempts, f"no credential: {error.message}")
            raise
        begun = self._world.clock()
        swept.looks += 1
        first = attempts[0][0]
        place = Place(first.region, first.project, type.kind, opened.cloud.project)
        look = self._look_for_tokens if type.handle is Handle.TOKEN else self._look_for_names
        found = await look(type, opened, place, [attempt for attempt, _ in attempts])
        for attempt, entry in attempts:
            stuck = ""
            dead = found.get(attempt.token, [])
            for thing in dead:
                if await self._is_its_owners(attempt, thing):
                    continue
                held = await self._delete(type, opened, attempt, thing)
                swept.held += bool(held)
                swept.deleted += not held
                stuck = held or stuck
            await self._note(attempt, entry, begun, bool(dead), stuck, swept)

    async def _open(self, attempts: _Ledger) -> Opened:
        """The cloud under the trust of one of the stacks: any will do for a project's list."""
        failure: Error | None = None
        for stack in sorted({attempt.stack for attempt, _ in attempts}):
            first = attempts[0][0]
            try:
                return await self._world.clouds.open(Shard(first.region, first.project, stack))
            except Invalid as error:
                failure = error
        raise failure or Transient("nothing to open")

    async def _look_for_tokens(
        self, type: ResourceType, opened: Opened, place: Place, attempts: list[Attempt]
    ) -> dict[Token, list[Thing]]:
        by_token = {attempt.token: attempt for attempt in attempts}
        found: dict[Token, list[Thing]] = {}
        for body in await type.observe(opened.cloud):
            thing = guards.thing_of(type, body)
            attempt = by_token.get(thing.token) if thing.token is not None else None
            if attempt is None:
                continue  # somebody else's, or not one that is swept
            bounds = self._world.clouds.bounds(place.region)
            why = guards.why_spared(thing, place, attempt, self._world.seal.token_keys, bounds)
            if self._is_dead(thing, attempt, why):
                found.setdefault(attempt.token, []).append(thing)
        return found

    async def _look_for_names(
        self, type: ResourceType, opened: Opened, place: Place, attempts: list[Attempt]
    ) -> dict[Token, list[Thing]]:
        """A thing without a token is known by its name alone: it is ours to delete only while no other
        attempt, of any stack of the project, may have made it anew."""
        names = await self._wanted_names(type, place.region, place.project)
        found: dict[Token, list[Thing]] = {}
        for attempt in attempts:
            if attempt.state is not AttemptState.CONDEMNED or attempt.id in names or not attempt.id:
                continue
            body = await type.show(opened.cloud, attempt.id)
            if body is None:
                continue
            thing = guards.thing_named(type, attempt, body)
            bounds = self._world.clouds.bounds(place.region)
            keys_ = self._world.seal.token_keys
            why = guards.why_name_spared(thing, place, attempt, keys_, bounds, names)
            if self._is_dead(thing, attempt, why):
                found[attempt.token] = [thing]
        return found

    def _is_dead(self, thing: Thing, attempt: Attempt, why: Spared | None) -> bool:
        if why not in (None, Spared.WANTED, Spared.OPEN, Spared.RENEWED):
            log.info("spared", kind=attempt.kind, attempt=attempt.token, id=thing.id, why=str(why))
        return why is None

    async def _wanted_names(self, type: ResourceType, region: Region, project: Project) -> set[PhysicalId]:
        """What attempts of any stack of the project have made, or are about to make."""
        ledger = await self._world.store.scan(keys.attempts_of_project(region, project))
        attempts = (decode(Attempt, entry.value) for entry in ledger.entries)
        held = (*_LIVE, AttemptState.RETAINED)
        return {
            each.id for each in attempts if each.kind == type.kind and each.state in held and not each.gone
        }

    async def _is_its_owners(self, attempt: Attempt, thing: Thing) -> bool:
        """Whether a step of the stack deletes it: the thing's record goes when the thing has."""
        if attempt.id != thing.id:
            return False
        place = (attempt.project, attempt.stack, attempt.path, attempt.region, attempt.n)
        entry = await self._world.store.get(keys.resource(*place))
        return entry is not None and decode(Incarnation, entry.value).id == thing.id

    async def _delete(self, type: ResourceType, opened: Opened, attempt: Attempt, thing: Thing) -> str:
        """Delete one thing by its id; why it has to wait, in words.

        That it is dead was read from the ledger before the look, and stays so: no state leads back.
        """
        removal = Removal(
            region=attempt.region,
            project=attempt.project,
            kind=attempt.kind,
            id=thing.id,
            token=attempt.token,
            stack=attempt.stack,
            why=f"its attempt is {attempt.state}"
            + ("" if attempt.id in ("", thing.id) else f", its own is {attempt.id}"),
            replica=self._id,
            at=self._world.clock(),
        )
        if type.handle is Handle.TOKEN:
            send = partial(delete_thing, type, opened, thing.id)
        else:
            send = partial(self._delete_announced, type, opened, attempt)
        return (await self._remover.remove(removal, send)).held

    async def _delete_announced(self, type: ResourceType, opened: Opened, attempt: Attempt) -> str:
        """Delete what has no id of its own, unless somebody has begun to put it there anew."""
        place = (attempt.region, attempt.project, type.kind, attempt.id)
        announced = Announced(self._world.store, keys.deletion(*place, attempt.token, self._id))
        await announced.announce(opened.expires_at)
        if attempt.id in await self._wanted_names(type, attempt.region, attempt.project):
            await announced.withdraw()
            return Spared.RENEWED
        await announced.send(lambda: type.delete(opened.cloud, attempt.id))
        return SENT

    async def _note(
        self, attempt: Attempt, entry: Entry, begun: float, seen: bool, stuck: str, swept: Swept
    ) -> None:
        """Record what the look says: seen, settled, or closed."""
        bounds = self._world.clouds.bounds(attempt.region)
        fence = attempt.cred_expires_at + bounds.skew_seconds + bounds.exec_seconds + bounds.lag_seconds
        passed = begun > fence and not seen
        after = msgspec.structs.replace(attempt, seen=seen, stuck=stuck)
        if attempt.state is AttemptState.CONDEMNED and passed:
            after = msgspec.structs.replace(after, state=AttemptState.CLOSED, settled=True)
        elif attempt.state is AttemptState.ADOPTED and passed:
            after = msgspec.structs.replace(after, settled=True)
        if await self._write(attempt, entry, after, begun):
            swept.closed += after.state is AttemptState.CLOSED
            swept.settled += after.settled and after.state is AttemptState.ADOPTED

    async def _note_stuck(self, attempts: _Ledger, stuck: str) -> None:
        """Record why nothing can be looked at."""
        for attempt, entry in attempts:
            after = msgspec.structs.replace(attempt, stuck=stuck)
            await self._write(attempt, entry, after, attempt.looked_at)

    async def _write(self, attempt: Attempt, entry: Entry, after: Attempt, looked_at: float) -> bool:
        """Whether there was something to record and it was."""
        if after == attempt:
            return False
        if after.stuck and after.stuck != attempt.stuck:
            log.warning(
                "what an attempt left has to wait",
                region=attempt.region,
                project=attempt.project,
                stack=attempt.stack,
                attempt=attempt.token,
                why=after.stuck,
            )
        after = msgspec.structs.replace(after, looked_at=looked_at)
        shard = Shard(attempt.region, attempt.project, attempt.stack)
        done = (keys.sweep(shard, attempt.token),) if after.settled else ()
        outcome = await self._world.store.commit(
            unchanged(entry), put={entry.key: encode(after, entry.value)}, delete=done
        )
        return isinstance(outcome, Committed)
