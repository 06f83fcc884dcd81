"""Make a new incarnation: intent first, one request per attempt, look before trying again.

See `docs/adr` on the attempt ledger for why this order, and no other, leaves neither orphan nor duplicate.
"""

from __future__ import annotations

import asyncio

import msgspec
import structlog

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import AttemptChange
from global_heat.engine.cleaning import clean
from global_heat.engine.deletions import free_at
from global_heat.engine.job import StepFailed
from global_heat.engine.local import make_local
from global_heat.engine.ports import Opened
from global_heat.engine.resource import Resource, adopt, condemn
from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.names import PhysicalId, Token
from global_heat.model.records import Attempt, AttemptState, Incarnation, State
from global_heat.model.token import RANDOM_BYTES, mint
from global_heat.model.values import Body, Properties
from global_heat.planner.decision import Create
from global_heat.regions.cloud import ServiceRefusal
from global_heat.resources.local import LocalType
from global_heat.resources.type import Failed, Handle
from global_heat.store import keys


async def create(resource: Resource, decision: Create) -> None:
    """Make incarnation `decision.n`, up to the record that says that it exists."""
    job = resource.job
    incarnation = Incarnation(
        path=resource.path,
        region=job.book.shard.region,
        n=decision.n,
        type=resource.step.type,
        state=State.INTENT,
        tried=job.plan.number,
        name=resource.new_name(),
        target=dict(resource.wish.hashes),
        requires=resource.requires(),
        created_at=job.now,
        updated_at=job.now,
    )
    incarnation = resource.with_policies(incarnation)
    if isinstance(resource.type, LocalType):
        await make_local(resource, resource.type, incarnation, "CREATE")
        return
    made = resource.type.make(resource.making(incarnation), resource.props, job.world.random_bytes(64))
    sealed = job.world.documents.seal_incarnation(job.book.header, incarnation.ref, {}, made)
    incarnation = msgspec.structs.replace(incarnation, sealed=sealed)
    await _Attempts(resource, incarnation).make()


async def resume(resource: Resource, incarnation: Incarnation) -> None:
    """Go on with an intent that somebody, perhaps we, left open."""
    await _Attempts(resource, incarnation).take_over()


class _Attempts:
    """The attempts to make one incarnation, one after the other."""

    def __init__(self, resource: Resource, incarnation: Incarnation) -> None:
        self._resource = resource
        self._job = resource.job
        self._type = resource.type
        self._incarnation = incarnation
        self._backoff = resource.backoff()

    async def make(self) -> None:
        with self._job.book.preparing():
            props = await self._prepare()
        if self._type.handle is not Handle.TOKEN:
            await self._clear_the_way(props)
        await self._try(props)

    async def take_over(self) -> None:
        """A request that is still to land is not waited for: what it makes is swept."""
        if await self._find_soon():
            return
        props = await self._prepare()
        await self._try(props)

    async def _prepare(self) -> Properties:
        """The properties with names resolved to ids."""
        try:
            return await self._job.read(lambda cloud: self._type.resolve(cloud, self._resource.props))
        except Invalid as error:
            raise self._failure(str(error)) from None

    async def _clear_the_way(self, props: Properties) -> None:
        """What has no id of its own can be there only once: an incarnation before it goes first.

        Where it is not one of ours, the step fails.
        """
        id = self._type.natural_id(self._resource.making(self._incarnation), props)
        for before in self._job.book.of(self._incarnation.path):
            if before.region == self._incarnation.region and before.id == id:
                await clean(self._job, before)
        if self._type.handle is Handle.NATURAL:
            with self._job.book.preparing():
                await self._refuse_strangers(id)

    async def _refuse_strangers(self, id: PhysicalId) -> None:
        try:
            body = await self._job.read(lambda cloud: self._type.show(cloud, id))
        except ServiceRefusal as refusal:
            raise self._failure(str(refusal)) from None
        if body is not None:
            raise self._failure(f"{id} exists already and is not of this stack")

    async def _try(self, props: Properties) -> None:
        """One attempt after the other, until one is adopted. Raises `StepFailed`."""
        while True:
            opened = await self._job.read(lambda cloud: self._job.world.clouds.open(self._job.book.shard))
            await self._intend(opened, props)
            if not await self._place_is_free():
                continue
            if await self._send(opened, props):
                return

    async def _intend(self, opened: Opened, props: Properties) -> None:
        """Record a new attempt; the one before, if any, is condemned in the same commit."""
        job, before = self._job, self._incarnation
        if before.attempts >= job.world.settings.attempts_max:
            raise self._failure(f"given up after {before.attempts} attempts: {before.reason}")
        shard = job.book.shard
        token = mint(
            job.world.seal.token_keys[0],
            shard.project,
            shard.region,
            self._type.kind,
            job.world.random_bytes(RANDOM_BYTES),
        )
        # Each step is a task: whatever it logs from here on, each call among it, names the attempt.
        structlog.contextvars.bind_contextvars(path=before.path, attempt=token)
        self._incarnation = msgspec.structs.replace(
            before,
            token=token,
            attempts=before.attempts + 1,
            tried=job.plan.number,
            target=dict(self._resource.wish.hashes),
            requires=self._resource.requires(),
            updated_at=job.now,
        )
        id = PhysicalId("")
        if self._type.handle is not Handle.TOKEN:
            id = self._type.natural_id(self._resource.making(self._incarnation), props)
        attempt = Attempt(
            token=token,
            project=shard.project,
            stack=shard.stack,
            region=shard.region,
            path=before.path,
            n=before.n,
            type=before.type,
            kind=self._type.kind,
            state=AttemptState.INTENT,
            id=id,
            natural=self._type.handle is not Handle.TOKEN,
            started_at=job.now,
            cred_expires_at=opened.expires_at,
        )
        attempts: dict[Token, AttemptChange] = {token: lambda _: attempt}
        if before.token:
            attempts[before.token] = condemn
        events = () if before.token else (self._resource.event("CREATE", "IN_PROGRESS"),)
        await self._resource.write(self._incarnation, *events, attempts=attempts)

    async def _place_is_free(self) -> bool:
        """Whether no late deletion can take away what is put there. If one can, it is waited out first, and
        the attempt, whose credential has aged meanwhile, does not count."""
        if self._type.handle is Handle.TOKEN:
            return True
        job, shard = self._job, self._job.book.shard
        attempt = await job.book.attempt(self._incarnation.token)
        assert attempt is not None, f"the attempt of {self._incarnation.ref} is not in the ledger"
        prefix = keys.deletions(shard.region, shard.project, self._type.kind, attempt.id)
        bounds = job.world.clouds.bounds(shard.region)
        backoff, waited = self._resource.backoff(), False
        while True:
            try:
                free = await free_at(job.world.store, prefix, bounds)
            except Transient:
                await job.wait(backoff.next())
                continue
            if free <= job.now:
                break
            waited = True
            await job.wait(min(free - job.now, job.world.settings.backoff_seconds_max))
        if waited:
            count = self._incarnation.attempts - 1
            self._incarnation = msgspec.structs.replace(self._incarnation, attempts=count)
        return not waited

    async def _send(self, opened: Opened, props: Properties) -> bool:
        """Send the request; whether it made the thing. Raises `StepFailed` when the service refuses."""
        making = self._resource.making(self._incarnation)
        sent = asyncio.get_running_loop().time()
        try:
            with self._job.book.preparing():
                id = await self._job.in_flight.send(lambda: self._type.create(opened.cloud, making, props))
        except ServiceRefusal as refusal:
            return await self._refused(refusal)
        except Transient as error:
            await self._again(error)
            return False
        except Ambiguous as error:
            # Another attempt now might make a second one while the first is still under way.
            if await self._find(look_until=sent + 2 * self._type.call_seconds):
                return True
            self._incarnation = msgspec.structs.replace(self._incarnation, reason=str(error))
            return False
        await self._adopt(id, None)
        return True

    async def _refused(self, refusal: ServiceRefusal) -> bool:
        """Whether it is there all the same. Raises `StepFailed` where another attempt is of no use."""
        # What can be there only once may be there by an earlier attempt of ours.
        if self._type.handle is not Handle.TOKEN and await self._find_soon():
            return True
        if self._incarnation.attempts == 1:
            raise self._failure(str(refusal)) from None
        # What is in the way may be what an earlier attempt has left, and the sweeper will remove.
        self._job.ask_sweeper()
        await self._again(Transient(str(refusal)))
        return False

    async def _again(self, error: Transient) -> None:
        """It certainly did not happen. That is not counted against it while the region is down, or where the
        service says when it wants to be asked again."""
        down = self._job.world.health.trouble(self._job.book.shard.region) is not None
        uncounted = down or error.retry_after_seconds is not None
        count = self._incarnation.attempts - 1 if uncounted else self._incarnation.attempts
        self._incarnation = msgspec.structs.replace(self._incarnation, attempts=count, reason=str(error))
        await self._job.wait_out(error, self._backoff)

    async def _find_soon(self) -> bool:
        """Look for what the attempt has made by now; twice, since lists may lag."""
        return await self._find(look_until=asyncio.get_running_loop().time() + self._job.lag_seconds)

    async def _find(self, look_until: float) -> bool:
        """Look for what the attempt made, and adopt it. Absent counts after `look_until` (loop time)."""
        backoff = Backoff(self._job.world.settings)
        while True:
            begun = asyncio.get_running_loop().time()
            found = await self._look()
            if found is not None:
                await self._adopt(*found)
                return True
            if begun >= look_until:
                return False
            await asyncio.sleep(backoff.next())

    async def _look(self) -> tuple[PhysicalId, Body] | None:
        token = self._incarnation.token
        if self._type.handle is Handle.TOKEN:
            look = await self._job.read(lambda cloud: self._job.observer.look(self._type, cloud))
            for body in look.bodies:
                if self._type.token_of(body) == token:
                    return self._type.identify(body), body
            return None
        attempt = await self._job.book.attempt(token)
        assert attempt is not None, f"the attempt of {self._incarnation.ref} is not in the ledger"
        id = attempt.id
        shown: Body | None = await self._job.read(lambda cloud: self._type.show(cloud, id))
        if shown is None:
            return None
        if self._type.handle is Handle.UNIQUE:
            making = self._resource.making(self._incarnation)
            if not self._type.is_made_by(shown, making, self._resource.props):
                raise self._failure(f"{id} exists already and is not of this stack")
        return id, shown

    async def _adopt(self, id: PhysicalId, body: Body | None) -> None:
        """Record it as ours. What is ready at once is finished by the same commit."""
        incarnation = msgspec.structs.replace(
            self._incarnation, state=State.CREATED, id=id, reason="", updated_at=self._job.now
        )
        attempts: dict[Token, AttemptChange] = {incarnation.token: adopt(id)}
        with self._job.book.preparing():
            ready = await self._ready_already(incarnation, body)
        if ready is None:
            await self._resource.write(incarnation, attempts=attempts)
            return
        event = self._resource.event("CREATE", "COMPLETE", id=id)
        await self._resource.write(ready, event, attempts=attempts)

    async def _ready_already(self, incarnation: Incarnation, body: Body | None) -> Incarnation | None:
        """Its record, if the thing is finished; None when that must be waited for, or cannot be told now."""
        if self._type.finishing & set(self._resource.wish.hashes):
            return None
        if self._resource.wish.hashes != incarnation.target:
            return None
        if body is None:
            try:
                opened = await self._job.world.clouds.open(self._job.book.shard)
                body = await self._type.show(opened.cloud, incarnation.id)
            except (Transient, Invalid):
                return None
        try:
            if body is None or not self._type.ready(body):
                return None
        except Failed:
            return None
        return self._resource.ready(incarnation, body, self._job.opened(incarnation)["made"])

    def _failure(self, reason: str) -> StepFailed:
        return self._resource.failed(self._incarnation, reason)
