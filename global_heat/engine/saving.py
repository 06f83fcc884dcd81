"""The deletion policy Snapshot: before a thing is condemned, a snapshot of it is made, and is finished.

A snapshot is created like any other thing: its intent is recorded first, one request carries one token, and
what came of a lost answer is looked for. While it is under way the thing is LEAVING and still adopted, so
that nobody deletes it; the commit that records the snapshot as finished retains it and condemns the thing.
"""

from __future__ import annotations

import asyncio

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import AttemptChange, Write
from global_heat.engine.job import Job, StepFailed
from global_heat.engine.ports import Opened
from global_heat.engine.resource import adopt, condemn
from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.names import PhysicalId, Token, resource_address
from global_heat.model.records import Attempt, AttemptState, Event, Incarnation, Saving, State
from global_heat.model.token import RANDOM_BYTES, mint
from global_heat.model.values import Properties
from global_heat.regions.cloud import Conflict, Gone, ServiceRefusal
from global_heat.resources.type import Failed, Making, SnapshotType

_SNAPSHOT = "SNAPSHOT"


def is_saved_first(incarnation: Incarnation) -> bool:
    """Whether a snapshot is due. As in Heat there is none of what was never finished, or failed."""
    due = incarnation.snapshot and incarnation.state in (State.READY, State.UPDATING)
    return bool(incarnation.id) and (due or incarnation.saving is not None)


async def save(job: Job, type: SnapshotType, incarnation: Incarnation) -> Incarnation:
    """Make the snapshot; its record as it is then: condemned. Raises `StepFailed`."""
    return await _Snapshot(job, type, incarnation).make()


class _Snapshot:
    """The attempts to make one snapshot, one after the other."""

    def __init__(self, job: Job, type: SnapshotType, incarnation: Incarnation) -> None:
        self._job = job
        self._type = type
        self._incarnation = incarnation
        self._backoff = Backoff(job.world.settings)

    @property
    def _saving(self) -> Saving:
        return self._incarnation.saving or Saving()

    async def make(self) -> Incarnation:
        if self._incarnation.state is not State.LEAVING or self._incarnation.tried != self._job.plan.number:
            await self._begin()
        if self._saving.token and not self._saving.id:
            await self._find(look_until=asyncio.get_running_loop().time() + self._job.lag_seconds)
        while not self._saving.id:
            opened = await self._job.read(lambda cloud: self._job.world.clouds.open(self._job.book.shard))
            props = await self._when_it_can_be(opened)
            if props is None:
                return await self._condemn({self._saving.token: condemn} if self._saving.token else {})
            await self._intend(opened)
            await self._send(opened, props)
        await self._until_ready()
        told = self._event("COMPLETE", f"{self._type.kind} {self._saving.id}", self._saving.id)
        return await self._condemn({self._saving.token: _keep}, told)

    async def _begin(self) -> None:
        """Say that it leaves, and that a snapshot is due first."""
        saving = msgspec.structs.replace(self._saving, attempts=0)
        leaving = self._job.event(
            self._incarnation.path,
            self._incarnation.type,
            "DELETE",
            "IN_PROGRESS",
            id=self._incarnation.id,
        )
        await self._write(saving, leaving, state=State.LEAVING, tried=self._job.plan.number, reason="")

    async def _when_it_can_be(self, opened: Opened) -> Properties | None:
        """What create needs, once the thing is not busy any more; None: the thing is gone, nothing is to be
        saved. Raises `StepFailed`."""
        loop, settings = asyncio.get_running_loop(), self._job.world.settings
        give_up = loop.time() + settings.busy_seconds_max
        wanted = {"of": self._incarnation.id}
        while True:
            try:
                return await self._type.resolve(opened.cloud, wanted)
            except Gone:
                return None
            except Conflict as conflict:
                if loop.time() >= give_up:
                    raise await self._failed(str(conflict)) from None
                await self._job.wait_out(Transient(str(conflict)), self._backoff)
            except Transient as error:
                await self._job.wait_out(error, self._backoff)
                # While nothing answers, nothing gets late.
                give_up = loop.time() + settings.busy_seconds_max
            except (Failed, Invalid) as error:
                raise await self._failed(str(error)) from None
            opened = await self._job.read(lambda cloud: self._job.world.clouds.open(self._job.book.shard))

    async def _intend(self, opened: Opened) -> None:
        """Record a new attempt; the one before, if any, is condemned in the same commit."""
        job, before = self._job, self._saving
        if before.attempts >= job.world.settings.attempts_max:
            raise await self._failed(f"given up after {before.attempts} attempts: {self._incarnation.reason}")
        shard, kind = job.book.shard, self._type.kind
        random_bytes = job.world.random_bytes(RANDOM_BYTES)
        token = mint(job.world.seal.token_keys[0], shard.project, shard.region, kind, random_bytes)
        attempt = Attempt(
            token=token,
            project=shard.project,
            stack=shard.stack,
            region=shard.region,
            path=self._incarnation.path,
            n=self._incarnation.n,
            type=self._type.name,
            kind=kind,
            state=AttemptState.INTENT,
            started_at=job.now,
            cred_expires_at=opened.expires_at,
        )
        attempts: dict[Token, AttemptChange] = {token: lambda _: attempt}
        if before.token:
            attempts[before.token] = condemn
        events = () if before.token else (self._event("IN_PROGRESS"),)
        await self._write(Saving(token=token, attempts=before.attempts + 1), *events, attempts=attempts)

    async def _send(self, opened: Opened, props: Properties) -> None:
        """Send the request, and adopt what it made, if that can be told. Raises `StepFailed`."""
        making = self._making()
        sent = asyncio.get_running_loop().time()
        try:
            id = await self._job.in_flight.send(lambda: self._type.create(opened.cloud, making, props))
        except (Conflict, Gone) as refusal:
            await self._again(Transient(str(refusal)))
        except ServiceRefusal as refusal:
            raise await self._failed(str(refusal)) from None
        except Transient as error:
            await self._again(error)
        except Ambiguous as error:
            # Another attempt now might make a second one while the first is still under way.
            if not await self._find(look_until=sent + 2 * self._type.call_seconds):
                self._incarnation = msgspec.structs.replace(self._incarnation, reason=str(error))
        else:
            await self._adopt(id)

    async def _again(self, error: Transient) -> None:
        """It certainly did not happen; not counted where the region is down, or says when to ask again."""
        down = self._job.world.health.trouble(self._job.book.shard.region) is not None
        uncounted = down or error.retry_after_seconds is not None
        saving = msgspec.structs.replace(self._saving, attempts=self._saving.attempts - uncounted)
        self._incarnation = msgspec.structs.replace(self._incarnation, saving=saving, reason=str(error))
        await self._job.wait_out(error, self._backoff)

    async def _find(self, look_until: float) -> bool:
        """Look for what the attempt made, and adopt it. Absent counts after `look_until` (loop time)."""
        backoff = Backoff(self._job.world.settings)
        while True:
            begun = asyncio.get_running_loop().time()
            look = await self._job.read(lambda cloud: self._job.observer.look(self._type, cloud))
            for body in look.bodies:
                if self._type.token_of(body) == self._saving.token:
                    await self._adopt(self._type.identify(body))
                    return True
            if begun >= look_until:
                return False
            await asyncio.sleep(backoff.next())

    async def _adopt(self, id: PhysicalId) -> None:
        saving = msgspec.structs.replace(self._saving, id=id)
        await self._write(saving, attempts={saving.token: adopt(id)}, reason="")

    async def _until_ready(self) -> None:
        """Return once it is finished. Raises `StepFailed`."""
        id = self._saving.id
        while True:
            body = await self._job.seek(lambda cloud: self._type.show(cloud, id))
            if body is None:
                raise await self._failed(f"its snapshot {id} is gone")
            try:
                if self._type.ready(body):
                    return
            except Failed as failure:
                raise await self._failed(str(failure)) from None
            await asyncio.sleep(self._job.world.settings.poll_seconds)

    # records

    async def _condemn(self, attempts: dict[Token, AttemptChange], *events: Event) -> Incarnation:
        """Nothing is to be saved any more: the thing may be deleted."""
        await self._write(None, *events, attempts={**attempts, self._incarnation.token: condemn}, reason="")
        return self._incarnation

    async def _failed(self, reason: str) -> StepFailed:
        """The step's failure: the thing stays, what was begun is swept, and the next plan tries again."""
        token = self._saving.token
        await self._write(Saving(), attempts={token: condemn} if token else {}, reason=reason)
        return StepFailed(f"no snapshot of it: {reason}", self._incarnation)

    async def _write(
        self,
        saving: Saving | None,
        *events: Event,
        attempts: dict[Token, AttemptChange] | None = None,
        **fields: object,
    ) -> None:
        changes = {"saving": saving, "updated_at": self._job.now, **fields}
        self._incarnation = msgspec.structs.replace(self._incarnation, **changes)
        await self._job.book.write(
            Write(incarnations=(self._incarnation,), attempts=attempts or {}, events=events)
        )

    def _event(self, status: str, reason: str = "", id: PhysicalId | None = None) -> Event:
        of = self._incarnation
        return self._job.event(of.path, of.type, _SNAPSHOT, status, reason, of.id if id is None else id)

    def _making(self) -> Making:
        header, path = self._job.book.header, self._incarnation.path
        return Making(
            token=self._saving.token,
            stack=header.name,
            path=path,
            name=self._incarnation.name,
            address=resource_address(header.project, header.id, path),
            clock=self._job.clock,
        )


def _keep(before: Attempt | None) -> Attempt:
    """It is finished, and not ours any more."""
    assert before is not None, "what is kept was adopted"
    if before.state is not AttemptState.ADOPTED:
        return before
    return msgspec.structs.replace(before, state=AttemptState.RETAINED)
