"""Remove what attempts left and nobody adopted, until nothing more can appear.

The fence: a request is admitted only until the credential it carries expires (plus the clocks' skew),
takes effect at most `exec_seconds` later, and shows in every list `lag_seconds` after that. A look that
begins after all three and finds nothing closes the attempt. Until then everything that carries the token of
a condemned attempt is deleted by id, whenever it appears; so is a second thing of an adopted one. A thing
whose token does not verify, or that the ledger does not name, is never touched.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import msgspec
import structlog

from global_heat.engine.deletions import Announced
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import Opened, World
from global_heat.engine.ranking import ranked
from global_heat.model.errors import Ambiguous, Error, Invalid, Transient
from global_heat.model.names import PhysicalId, Project, Region, ReplicaId, Token
from global_heat.model.records import Attempt, AttemptState, ReplicaRecord
from global_heat.model.token import verifies
from global_heat.model.values import Body
from global_heat.regions.cloud import Gone
from global_heat.resources.type import Handle, ResourceType
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Committed, Entry, unchanged

log = structlog.get_logger()
_MADE_AT_PRECISION_SECONDS = 1.0
_LIVE = (AttemptState.INTENT, AttemptState.ADOPTED)


class Swept(msgspec.Struct):
    """What one pass did."""

    looks: int = 0
    deleted: int = 0
    closed: int = 0
    settled: int = 0


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
        groups: dict[tuple[Project, str], list[tuple[Attempt, Entry]]] = {}
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
        if swept.deleted or swept.closed:
            log.info("swept", region=region, **msgspec.to_builtins(swept))
        return swept

    async def _ledger(self, region: Region) -> list[tuple[Attempt, Entry]]:
        """The attempts of the region that are still swept."""
        index = await self._world.store.scan(keys.sweeps(region), keys_only=True)
        indexed = {keys.attempt_of(entry.key) for entry in index.entries}
        found: list[tuple[Attempt, Entry]] = []
        for folder in sorted({key.rpartition("/")[0] + "/" for key in indexed}):
            entries = (await self._world.store.scan(folder)).entries
            found += [(decode(Attempt, entry.value), entry) for entry in entries if entry.key in indexed]
        return found

    async def _sweep_kind(
        self, type: ResourceType, attempts: list[tuple[Attempt, Entry]], swept: Swept
    ) -> None:
        opened = await self._open(attempts)
        begun = self._world.clock()
        swept.looks += 1
        if type.handle is Handle.TOKEN:
            found = await self._look_for_tokens(type, opened, {each.token: each for each, _ in attempts})
        else:
            found = await self._look_for_names(type, opened, attempts)
        for attempt, entry in attempts:
            strangers = [id for id in found.get(attempt.token, ()) if not self._wanted(attempt, id)]
            for id in strangers:
                if swept.deleted < self._world.settings.deletions_per_pass:
                    swept.deleted += await self._delete(type, opened, attempt, entry, id)
            await self._note(attempt, entry, begun, bool(strangers), swept)

    async def _open(self, attempts: list[tuple[Attempt, Entry]]) -> Opened:
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
        self, type: ResourceType, opened: Opened, attempts: Mapping[Token, Attempt]
    ) -> dict[Token, list[PhysicalId]]:
        found: dict[Token, list[PhysicalId]] = {}
        keys_, cloud = self._world.seal.token_keys, opened.cloud
        for body in await type.observe(cloud):
            token = type.token_of(body)
            attempt = attempts.get(token) if token is not None else None
            if attempt is None or not verifies(
                attempt.token, keys_, attempt.project, cloud.region, type.kind
            ):
                continue
            if self._can_be_of(attempt, type, body):
                found.setdefault(attempt.token, []).append(type.identify(body))
        return found

    def _can_be_of(self, attempt: Attempt, type: ResourceType, body: Body) -> bool:
        """Whether the attempt's request can have made it. What was made at another time is somebody's who
        copied our description or metadata."""
        made_at = _made_at(body)
        if made_at is None or type.identify(body) == attempt.id:
            return True
        bounds = self._world.clouds.bounds(attempt.region)
        skew = bounds.skew_seconds + _MADE_AT_PRECISION_SECONDS
        return attempt.started_at - skew <= made_at <= attempt.cred_expires_at + bounds.exec_seconds + skew

    async def _look_for_names(
        self, type: ResourceType, opened: Opened, attempts: list[tuple[Attempt, Entry]]
    ) -> dict[Token, list[PhysicalId]]:
        """A thing without a token is known by its name alone: it is ours to delete only while no other
        attempt, of any stack of the project, may have made it anew."""
        wanted = await self._wanted_names(type, attempts[0][0].region, attempts[0][0].project)
        found: dict[Token, list[PhysicalId]] = {}
        for attempt, _ in attempts:
            if attempt.state is not AttemptState.CONDEMNED or attempt.id in wanted or not attempt.id:
                continue
            if await type.show(opened.cloud, attempt.id) is not None:
                found[attempt.token] = [attempt.id]
        return found

    async def _wanted_names(self, type: ResourceType, region: Region, project: Project) -> set[PhysicalId]:
        """What attempts of any stack of the project have made, or are about to make."""
        ledger = await self._world.store.scan(f"{keys.attempts()}{region}/{project}/")
        attempts = (decode(Attempt, entry.value) for entry in ledger.entries)
        held = (*_LIVE, AttemptState.RETAINED)
        return {
            each.id for each in attempts if each.kind == type.kind and each.state in held and not each.gone
        }

    def _wanted(self, attempt: Attempt, id: PhysicalId) -> bool:
        if attempt.state is AttemptState.ADOPTED:
            return attempt.id == id
        return attempt.state is not AttemptState.CONDEMNED

    async def _delete(
        self, type: ResourceType, opened: Opened, attempt: Attempt, entry: Entry, id: PhysicalId
    ) -> int:
        """Delete one thing by its id; whether the request was sent.

        That it is dead was read from the ledger before the look, and stays so: no state leads back.
        """
        if attempt.state is AttemptState.CONDEMNED and attempt.id == id and not attempt.gone:
            current = await self._world.store.get(entry.key)
            if current is None or decode(Attempt, current.value).state is not AttemptState.CONDEMNED:
                return 0
        log.warning(
            "deleting what nobody adopted",
            region=attempt.region,
            project=attempt.project,
            stack=attempt.stack,
            kind=attempt.kind,
            attempt=attempt.token,
            id=id,
        )
        await self._lease.until_may_act()
        try:
            if type.handle is Handle.TOKEN:
                await type.delete(opened.cloud, id)
            elif not await self._delete_announced(type, opened, attempt):
                return 0
        except Gone:
            return 0
        except Error as error:
            log.info("not deleted yet", id=id, kind=attempt.kind, error=str(error))
        return 1

    async def _delete_announced(self, type: ResourceType, opened: Opened, attempt: Attempt) -> bool:
        """Delete what has no id of its own, unless somebody has begun to put it there anew."""
        place = (attempt.region, attempt.project, type.kind, attempt.id)
        announced = Announced(self._world.store, keys.deletion(*place, attempt.token, self._id))
        await announced.announce(opened.expires_at)
        if attempt.id in await self._wanted_names(type, attempt.region, attempt.project):
            await announced.withdraw()
            return False
        await announced.send(lambda: type.delete(opened.cloud, attempt.id))
        return True

    async def _note(self, attempt: Attempt, entry: Entry, begun: float, seen: bool, swept: Swept) -> None:
        """Record what the look says: seen, settled, or closed."""
        bounds = self._world.clouds.bounds(attempt.region)
        fence = attempt.cred_expires_at + bounds.skew_seconds + bounds.exec_seconds + bounds.lag_seconds
        passed = begun > fence and not seen
        after = msgspec.structs.replace(attempt, seen=seen)
        if attempt.state is AttemptState.CONDEMNED and passed:
            after = msgspec.structs.replace(after, state=AttemptState.CLOSED, settled=True)
        elif attempt.state is AttemptState.ADOPTED and passed:
            after = msgspec.structs.replace(after, settled=True)
        if after == attempt:
            return
        after = msgspec.structs.replace(after, looked_at=begun)
        shard = Shard(attempt.region, attempt.project, attempt.stack)
        done = (keys.sweep(shard, attempt.token),) if after.settled else ()
        outcome = await self._world.store.commit(
            unchanged(entry), put={entry.key: encode(after, entry.value)}, delete=done
        )
        if isinstance(outcome, Committed):
            swept.closed += after.state is AttemptState.CLOSED
            swept.settled += after.settled and after.state is AttemptState.ADOPTED


def _made_at(body: Body) -> float | None:
    """When a thing was made, as its service says: unix seconds, to the second; None: it does not say."""
    text = body.get("created_at") or body.get("created")
    if not isinstance(text, str):
        return None
    made = datetime.fromisoformat(text)
    return made.replace(tzinfo=made.tzinfo or UTC).timestamp()
