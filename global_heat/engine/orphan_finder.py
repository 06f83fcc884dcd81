"""Search for things with our mark that no attempt accounts for; and delete those that an operator condemned.

Such a thing is there because the ledger has lost its attempt (a store restored from a backup), or because a
request landed later than its region's bounds allow. Nobody can tell from here whether it is still wanted, so
it is recorded and told of, never deleted by itself.

A list is read first, the ledger afterwards: what the list shows had its intent recorded before it was made.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

import msgspec
import structlog

from global_heat.engine import guards
from global_heat.engine.guards import Place, Thing
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import Opened, World
from global_heat.engine.ranking import ranked
from global_heat.engine.remover import SENT, WAS_GONE, Remover, delete_thing
from global_heat.model.errors import Ambiguous, Error, Invalid, Reason, Transient
from global_heat.model.leavings import Look, Orphan, OrphanState, Removal
from global_heat.model.names import PhysicalId, Project, Region, ReplicaId, StackId, Token
from global_heat.model.records import Attempt, AttemptState, ReplicaRecord
from global_heat.resources.type import ResourceType
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Entry, absent, unchanged

log = structlog.get_logger()
_Stacks = Mapping[Project, Sequence[StackId]]
_Orphans = list[tuple[Orphan, Entry]]


class _Listed(msgspec.Struct, frozen=True):
    """What there is of one kind."""

    type: ResourceType
    place: Place
    ids: frozenset[PhysicalId]
    marked: tuple[Thing, ...]


class OrphanFinder:
    """Searches the regions for which this replica is the best-ranked. Needs no claim."""

    def __init__(
        self,
        world: World,
        id: ReplicaId,
        lease: LeaseKeeper,
        replicas: Callable[[], Iterable[ReplicaRecord]],
    ) -> None:
        self._world = world
        self._id = id
        self._replicas = replicas
        self._remover = Remover(world, lease)
        self._looked_through = float("-inf")

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._world.settings.sweep_seconds)
            try:
                await self._turn()
            except (Transient, Ambiguous) as error:
                log.info("orphans are not searched for", error=str(error))

    async def _turn(self) -> None:
        orphans = await self._orphans()
        now, settings = self._world.clock(), self._world.settings
        due = now - self._looked_through >= min(settings.scan_seconds, settings.inventory_seconds)
        condemned = {orphan.region for orphan, _ in orphans if orphan.state is OrphanState.CONDEMNED}
        if not condemned and not due:
            return
        regions = await self._stacks()
        async with asyncio.TaskGroup() as passes:
            for region in sorted({*regions, *condemned} if due else condemned):
                if self._best(region) and self._world.health.trouble(region) is None:
                    mine = [each for each in orphans if each[0].region == region]
                    passes.create_task(self._tend(region, regions.get(region, {}), mine, due))
        if due:
            self._looked_through = now

    async def _tend(self, region: Region, stacks: _Stacks, orphans: _Orphans, due: bool) -> None:
        try:
            for orphan, entry in orphans:
                if orphan.state is OrphanState.CONDEMNED:
                    await self._carry_out(orphan, entry, stacks)
            if due and await self._is_due(region):
                await self._look(region, stacks, {orphan.project for orphan, _ in orphans})
        except Error as error:
            log.info("the search for orphans was broken off", region=region, error=str(error))

    async def _look(self, region: Region, stacks: _Stacks, others: set[Project]) -> None:
        """Search a region: the projects that have stacks there, and `others`, of which orphans are known."""
        failed: dict[Project, tuple[str, ...]] = {}
        for project in sorted({*stacks, *others}):
            wrong: list[str] = []
            try:
                opened = await self._open(region, project, stacks.get(project, ()))
            except Error as error:
                wrong.append(str(error))
            else:
                listed = [await _list(type, opened, project, wrong) for type in self._types()]
                await self._compare(region, project, [each for each in listed if each is not None])
            if wrong:
                failed[project] = tuple(wrong)
        key, look = keys.look(region), Look(region=region, at=self._world.clock(), failed=failed)
        before = await self._world.store.get(key)
        guard = unchanged(before) if before else absent(key)
        await self._world.store.commit(guard, put={key: encode(look, before.value if before else None)})

    async def _compare(self, region: Region, project: Project, listed: list[_Listed]) -> None:
        """Record the suspects, forget those that are none any more."""
        ledger = await self._ledger(region, project)
        attempts = {attempt.token: attempt for attempt, _ in ledger}
        suspects = {
            orphan.handle: orphan
            for each in listed
            for thing in each.marked
            if (orphan := self._suspected(each, thing, attempts)) is not None
        }
        kinds = {each.place.kind for each in listed}
        known: set[str] = set()
        for entry in (await self._world.store.scan(keys.orphans(project))).entries:
            orphan = decode(Orphan, entry.value)
            if orphan.region != region or orphan.kind not in kinds:
                continue
            known.add(orphan.handle)
            if orphan.handle not in suspects:
                await self._forget(orphan, entry)
        for handle in sorted(suspects.keys() - known):
            orphan = suspects[handle]
            key = keys.orphan(project, handle)
            await self._world.store.commit(absent(key), put={key: encode(orphan)})
            log.warning("a suspect orphan", **_told(orphan))
        await self._forget_retained(ledger, listed)

    def _suspected(self, listed: _Listed, thing: Thing, attempts: Mapping[Token, Attempt]) -> Orphan | None:
        assert thing.token is not None
        place, now = listed.place, self._world.clock()
        attempt = attempts.get(thing.token)
        why = guards.why_suspect(thing, place, attempt, self._world.seal.token_keys)
        young = thing.made_at is not None and now - thing.made_at < self._world.settings.orphan_seconds
        if not why or young:
            return None
        return Orphan(
            region=place.region,
            project=place.project,
            kind=place.kind,
            type=listed.type.name,
            id=thing.id,
            token=thing.token,
            why=why,
            made_at=thing.made_at or 0.0,
            first_seen=now,
        )

    async def _forget_retained(self, ledger: list[tuple[Attempt, Entry]], listed: list[_Listed]) -> None:
        """What was retained stays in the ledger for as long as it is there: its mark is ours."""
        ids = {each.place.kind: each.ids for each in listed}
        for attempt, entry in ledger:
            if attempt.state is not AttemptState.RETAINED or attempt.id in ids.get(
                attempt.kind, {attempt.id}
            ):
                continue
            if await self._world.store.get(keys.header(attempt.project, attempt.stack)) is None:
                await self._world.store.commit(unchanged(entry), delete=(entry.key,))

    async def _carry_out(self, orphan: Orphan, entry: Entry, stacks: _Stacks) -> None:
        """Delete what an operator condemned, if it is still what he saw."""
        type = self._world.types.get(orphan.type)
        if type is None:
            return await self._note(orphan, entry, f"this replica does not know {orphan.type}")
        try:
            opened = await self._open(orphan.region, orphan.project, stacks.get(orphan.project, ()))
            body = await type.show(opened.cloud, orphan.id)
        except Error as error:
            return await self._note(orphan, entry, str(error))
        if body is None:
            return await self._forget(orphan, entry)
        ledger = await self._ledger(orphan.region, orphan.project)
        attempt = next((attempt for attempt, _ in ledger if attempt.token == orphan.token), None)
        place = Place(orphan.region, orphan.project, type.kind, opened.cloud.project)
        thing, token_keys = guards.thing_of(type, body), self._world.seal.token_keys
        why = guards.why_orphan_spared(thing, place, orphan, attempt, token_keys)
        if why is not None:
            return await self._note(orphan, entry, f"not deleted: {why}")
        removal = Removal(
            region=orphan.region,
            project=orphan.project,
            kind=orphan.kind,
            id=orphan.id,
            token=orphan.token,
            why=f"a suspect orphan, condemned by {orphan.by}",
            replica=self._id,
            at=self._world.clock(),
        )
        done = await self._remover.remove(removal, partial(delete_thing, type, opened, orphan.id))
        wrong = "" if done.answer in (SENT, WAS_GONE) else done.answer
        return await self._note(orphan, entry, done.held or wrong)

    async def _note(self, orphan: Orphan, entry: Entry, stuck: str) -> None:
        if stuck == orphan.stuck:
            return
        after = msgspec.structs.replace(orphan, stuck=stuck)
        await self._world.store.commit(unchanged(entry), put={entry.key: encode(after, entry.value)})
        if stuck:
            log.warning("a condemned orphan has to wait", **_told(orphan), stuck=stuck)

    async def _forget(self, orphan: Orphan, entry: Entry) -> None:
        await self._world.store.commit(unchanged(entry), delete=(entry.key,))
        log.info("an orphan is gone, or accounted for", **_told(orphan))

    async def _orphans(self) -> _Orphans:
        """As the nearest member knows them: a decision that is not there yet is there at the next turn."""
        entries = (await self._world.store.scan(keys.ORPHANS, local=True)).entries
        return [(decode(Orphan, entry.value), entry) for entry in entries]

    async def _stacks(self) -> dict[Region, dict[Project, list[StackId]]]:
        """The stacks that have, or had, something in a region: under their trusts it is searched."""
        found: dict[Region, dict[Project, list[StackId]]] = {}
        for entry in (await self._world.store.scan(keys.STACKS, local=True, keys_only=True)).entries:
            match entry.key.split("/"):
                case [_, project, stack, "shards", region]:
                    projects = found.setdefault(Region(region), {})
                    projects.setdefault(Project(project), []).append(StackId(stack))
        return found

    async def _ledger(self, region: Region, project: Project) -> list[tuple[Attempt, Entry]]:
        entries = (await self._world.store.scan(keys.attempts_of_project(region, project))).entries
        return [(decode(Attempt, entry.value), entry) for entry in entries]

    async def _is_due(self, region: Region) -> bool:
        entry = await self._world.store.get(keys.look(region))
        last = decode(Look, entry.value).at if entry else float("-inf")
        return self._world.clock() - last >= self._world.settings.inventory_seconds

    async def _open(self, region: Region, project: Project, stacks: Sequence[StackId]) -> Opened:
        """The cloud under the trust of one of the stacks: any will do for a project's lists."""
        failure: Error = Invalid("no stack of the project has a credential there")
        for stack in stacks:
            try:
                return await self._world.clouds.open(Shard(region, project, stack))
            except Invalid as error:
                failure = error
        raise failure

    def _types(self) -> list[ResourceType]:
        """One for each kind that can be listed."""
        types = sorted(self._world.types.values(), key=lambda type: type.name, reverse=True)
        return list({type.kind: type for type in types if guards.can_be_listed(type)}.values())

    def _best(self, region: Region) -> bool:
        order = ranked(f"orphans {region}", region, self._replicas(), self._world.distances)
        return bool(order) and order[0] == self._id


async def _list(type: ResourceType, opened: Opened, project: Project, wrong: list[str]) -> _Listed | None:
    """All there is of a kind; None: that cannot be said. Why not is added to `wrong`."""
    try:
        bodies = await type.observe(opened.cloud)
    except Error as error:
        # In a region without such a service there is no such thing.
        if not (isinstance(error, Invalid) and error.reason is Reason.PRECONDITION):
            wrong.append(f"{type.kind}: {error}")
        return None
    things = [guards.thing_of(type, body) for body in bodies]
    return _Listed(
        type,
        Place(opened.cloud.region, project, type.kind, opened.cloud.project),
        frozenset(thing.id for thing in things),
        tuple(thing for thing in things if thing.token is not None),
    )


def _told(orphan: Orphan) -> dict[str, str]:
    """What the log says of one."""
    return {
        "orphan": orphan.handle,
        "region": orphan.region,
        "project": orphan.project,
        "stack": "",
        "kind": orphan.kind,
        "id": orphan.id,
        "attempt": orphan.token,
        "why": orphan.why,
    }
