"""Carry out one claimed shard: start each step as soon as what it needs is recorded, until none is left.

Everything follows from the records, so that whoever claims the shard next goes on where this owner stopped.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine

import msgspec
import structlog

from global_heat.engine.applying import apply
from global_heat.engine.backoff import Backoff
from global_heat.engine.book import Book, Stale, Write
from global_heat.engine.cleaning import clean
from global_heat.engine.job import Job, StepFailed, StepLeft
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.observing import Observer
from global_heat.engine.ports import World
from global_heat.engine.resource import condemn
from global_heat.model.errors import Ambiguous, Fenced, Invalid, Transient
from global_heat.model.names import Path, Region, ReplicaId
from global_heat.model.plan import Step
from global_heat.model.records import Action, Header, Incarnation, ShardRecord, State, Status, parse_ref
from global_heat.planner.decision import live, superseded
from global_heat.store import keys
from global_heat.store.keys import Shard
from global_heat.store.protocol import created_at
from global_heat.store.reading import StackView, read_stack
from global_heat.store.wishes import Caller, Wishes, end_header

log = structlog.get_logger()
_BEGUN = (State.INTENT, State.CREATED, State.UPDATING)


class ShardRunner:
    """The owner of one claim. `signal` tells it that its work key was written."""

    def __init__(
        self,
        world: World,
        lease: LeaseKeeper,
        observer: Observer,
        wishes: Wishes,
        replica: ReplicaId,
        shard: Shard,
        claim_revision: int,
        work_revision: int = 0,
    ) -> None:
        """`work_revision`: where the work key stood when the claim was made; 0: not known."""
        self._world = world
        self._replica = replica
        self._lease = lease
        self._observer = observer
        self._wishes = wishes
        self.shard = shard
        self._claim_revision = claim_revision
        self._signalled = asyncio.Event()
        self._signal_revision = work_revision
        self._work_is_known = work_revision > 0
        self._run: _Run | None = None
        self._leaving = False
        self._draining = False
        self._seen = claim_revision
        self.log = log.bind(stack=shard.stack, region=shard.region)

    def signal(self, revision: int) -> None:
        self._signal_revision = max(self._signal_revision, revision)
        self._signalled.set()

    def hand_back(self) -> None:
        """Give the claim up as soon as nothing is in flight."""
        self._leaving = True
        self._signalled.set()

    def drain(self) -> None:
        """Give the claim up as soon as the calls that are under way have landed."""
        self._draining = True
        self.hand_back()

    @property
    def idle(self) -> bool:
        return self._run is not None and not self._run.tasks

    @property
    def parked(self) -> bool:
        return self._run is not None and self._run.job.book.record.parked is not None

    async def run(self) -> None:
        """Work until the shard is done, handed back, or lost. Raises `Fenced` only when the lease is gone."""
        backoff = Backoff(self._world.settings)
        while not self._leaving:
            try:
                if await self._one_plan():
                    return
                backoff = Backoff(self._world.settings)
            except Stale as stale:
                self.log.debug("read again", why=str(stale))
            except (Transient, Ambiguous) as error:
                await asyncio.sleep(backoff.next())
                self.log.warning("the store does not answer", error=str(error))
            except Fenced as fenced:
                self.log.warning("the claim is lost", why=str(fenced))
                return
        await self._release()

    async def _one_plan(self) -> bool:
        """Work on the current plan; True when there is nothing more to do here."""
        self._signalled.clear()
        work_revision = await self._work_revision()
        if not work_revision:
            await self._release()
            return True
        at_least = max(work_revision, self._seen)
        project, stack = self.shard.project, self.shard.stack
        try:
            view = await read_stack(self._world.store, project, stack, at_least=at_least)
        except Invalid:
            self.log.warning("there is work for a stack that is not recorded")
            await self._world.store.commit(
                created_at(keys.claim(self.shard), self._claim_revision),
                delete=(keys.work(self.shard), keys.claim(self.shard)),
            )
            return True
        if view.header.ended and await self._roll_back(view.header):
            return False
        book = Book(self._world.store, self.shard, view, self._claim_revision, work_revision, self._new_id)
        plan = await self._world.documents.plan(project, stack, view.plan)
        tree = await self._world.documents.tree(view.header, plan.revision) if plan.applies else None
        job = Job(self._world, self._lease, self._observer, book, plan, tree)
        run = self._run = _Run(job, self.shard.region, self._replica)
        try:
            return await self._carry_out(run)
        finally:
            self._run = None
            self._seen = max(self._seen, book.revision)

    async def _work_revision(self) -> int:
        """Where the work key stands, 0 if it is gone. At first the claim's own commit has told."""
        if self._work_is_known:
            self._work_is_known = False
            return self._signal_revision
        work = await self._world.store.get(keys.work(self.shard))
        return work.mod_revision if work is not None else 0

    async def _carry_out(self, run: _Run) -> bool:
        """Run the steps and the book; return when all is done, or hand over what broke them."""
        committing = asyncio.ensure_future(run.book.run())
        following = asyncio.ensure_future(self._follow(run))
        try:
            await asyncio.wait({committing, following}, return_when=asyncio.FIRST_COMPLETED)
            for ended in (committing, following):
                if ended.done():
                    return bool(ended.result())
            raise AssertionError("one of the two has ended")
        except Stale:
            await run.drain()
            raise
        finally:
            run.cancel()
            run.job.cut_calls()
            for task in (committing, following):
                task.cancel()
            await asyncio.gather(committing, following, return_exceptions=True)

    async def _follow(self, run: _Run) -> bool:
        """Take in what others write until the shard has ended here; True when nothing is left to do."""
        run.begin()
        while not run.over:
            waits = {asyncio.ensure_future(self._signalled.wait()), asyncio.ensure_future(run.changed.wait())}
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for wait in waits:
                    wait.cancel()
            run.changed.clear()
            if self._draining:
                await run.drain()
            if self._leaving and not run.tasks:
                return False
            if self._signalled.is_set():
                self._signalled.clear()
                await self._learn(run)
            run.pump()
        await run.settled()
        if self._must_roll_back(run.book.header):
            return False
        await run.book.write(Write(ends=True))
        return True

    async def _learn(self, run: _Run) -> None:
        """Read again what other shards have recorded. Raises `Stale` when the plan has changed."""
        at_least = max(self._signal_revision, run.book.work_revision)
        view = await read_stack(self._world.store, self.shard.project, self.shard.stack, at_least=at_least)
        if view.plan.number != run.job.plan.number:
            raise Stale("the plan has changed")
        run.book.work_revision = max(run.book.work_revision, self._signal_revision)
        run.learn(view)
        run.job.tell()

    def _must_roll_back(self, header: Header) -> bool:
        return (
            header.status is Status.FAILED
            and header.rollback
            and header.action in (Action.CREATE, Action.UPDATE)
        )

    async def _roll_back(self, header: Header) -> bool:
        """Whether a rollback was written: it was asked for, and the plan has failed everywhere."""
        if not self._must_roll_back(header):
            return False
        self.log.info("rolling back", stack_name=header.name, why=header.reason)
        try:
            caller = Caller(header.project, header.user)
            await self._wishes.roll_back(caller, header.id, after_plan=header.plan)
        except Invalid as error:
            self.log.info("not rolled back", why=str(error))
        return True

    def _new_id(self) -> str:
        return self._world.random_bytes(8).hex()

    async def _release(self) -> None:
        """Give the claim back; the work key, if there, calls for the next owner."""
        claim = keys.claim(self.shard)
        try:
            await self._world.store.commit(created_at(claim, self._claim_revision), delete=(claim,))
        except (Transient, Ambiguous):
            self.log.info("the claim could not be given back; it ends with the lease")


class _Run:
    """The steps of one shard under one plan: which are open, which run, what follows from a write."""

    def __init__(self, job: Job, region: Region, replica: ReplicaId) -> None:
        self.job = job
        self._replica = replica
        self.book = job.book
        self.region = region
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.changed = asyncio.Event()
        self.over = False
        """The region is out of the header's open ones."""
        self._steps = {step.path: step for step in job.plan.applies.values() if step.region == region}
        self._open = {path for path in self._steps if path not in self.book.finished}
        self._cleans = sum(len(self._superseded(path)) for path in {i.path for i in self.book.here()})
        self._removed = 0
        self._ready_to_check: dict[Path, None] = {}
        self.book.enrich = self._enrich

    def begin(self) -> None:
        if self.book.header.stopping:
            self.job.stopping.set()
        self.over = self.region not in self.book.header.open
        self._check(*self._steps, *(i.path for i in self.book.here()))
        self.pump()

    def learn(self, view: StackView) -> None:
        before = set(self.book.finished)
        self.book.learn(view)
        if self.book.header.stopping:
            self.job.stopping.set()
        for path in sorted(set(self.book.finished) - before):
            self._check(path, *(step.path for step in self.job.plan.dependants.get(path, ())))
        self._take_freed()

    def _check(self, *paths: Path) -> None:
        self._ready_to_check.update(dict.fromkeys(paths))

    # starting

    def pump(self) -> None:
        """Start what can start; see whether all is done."""
        if self.over or self.book.broken is not None:
            return
        while self._ready_to_check:
            path, _ = self._ready_to_check.popitem()
            self._consider_apply(path)
            self._consider_clean(path)
        if not self.tasks and (self.job.stopping.is_set() or self._complete()):
            self.over = True
            self.changed.set()
            self._start(
                f"end {self.region}", self.book.write(Write(header=self._leave, shard=self.job.unparked))
            )

    def _consider_apply(self, path: Path) -> None:
        step = self._steps.get(path)
        if step is None or path not in self._open or step.ref in self.tasks:
            return
        if any(need not in self.book.finished for need in step.needs):
            return
        if self.job.stopping.is_set() and not self._begun(path):
            return
        self._start(step.ref, self._apply(step))

    def _begun(self, path: Path) -> bool:
        """Whether this plan has begun it: what is under way is finished although the stack stops."""
        current = live(i for i in self.book.of(path) if i.region == self.region)
        return current is not None and current.state in _BEGUN and current.tried == self.job.plan.number

    def _consider_clean(self, path: Path) -> None:
        for incarnation in self._superseded(path):
            name = f"clean {incarnation.ref}"
            begun = incarnation.state is State.LEAVING and incarnation.tried == self.job.plan.number
            if name in self.tasks or self.book.holders(incarnation):
                continue
            if self.job.stopping.is_set() and not begun:
                continue
            self._start(name, self._clean(incarnation))

    def _superseded(self, path: Path) -> list[Incarnation]:
        """What of a resource is to be removed in this region."""
        goes = superseded(self.book.of(path), path in self.job.plan.applies, self.job.plan.number)
        return [i for i in goes or () if i.region == self.region]

    def _complete(self) -> bool:
        """Whether nothing is left to do here."""
        if self._open:
            return False
        for incarnation in self.book.all():
            if incarnation.region != self.region:
                continue
            finished = self.book.finished.get(incarnation.path)
            if finished is None or finished.ref != incarnation.ref:
                return False
        return True

    def _start(self, name: str, work: Coroutine[object, object, None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks[name] = task

        def ended(task: asyncio.Task[None]) -> None:
            self.tasks.pop(name, None)
            self.changed.set()
            if not task.cancelled():
                task.exception()  # `Stale` and `Fenced` come out of the book as well

        task.add_done_callback(ended)

    async def settled(self) -> None:
        """Return when every step's outcome is committed."""
        while self.tasks:
            await asyncio.wait(set(self.tasks.values()))

    # steps

    async def _apply(self, step: Step) -> None:
        await self._carry_out(apply(self.job, step), step.path, step.type, "CREATE")

    async def _clean(self, incarnation: Incarnation) -> None:
        await self._carry_out(clean(self.job, incarnation), incarnation.path, incarnation.type, "DELETE")

    async def _carry_out(self, work: Awaitable[None], path: Path, type: str, action: str) -> None:
        try:
            await work
        except StepFailed as failed:
            await self._fail(path, type, action, failed)
        except (StepLeft, Stale, Fenced):
            return
        except Invalid as error:
            # Refused before anything could be said of the resource: no credential, for one.
            await self._fail(path, type, action, StepFailed(str(error)))
        except Exception as error:
            log.exception("a step broke", path=path, region=self.region)
            await self._fail(path, type, action, StepFailed(f"internal error: {error!r}"))

    async def _fail(self, path: Path, type: str, action: str, failed: StepFailed) -> None:
        """Record it, and stop the stack: what runs is finished, nothing new begins."""
        self.job.stopping.set()
        incarnation = failed.incarnation
        reason = f"{path}: {failed}"
        if incarnation is not None and action == "CREATE" and incarnation.hashes:
            action = "UPDATE"
        id = incarnation.id if incarnation else ""
        event = self.job.event(path, type, action, "FAILED", str(failed), id)
        condemned = incarnation is not None and incarnation.token and not incarnation.id
        await self.book.write(
            Write(
                incarnations=(incarnation,) if incarnation else (),
                attempts={incarnation.token: condemn} if condemned and incarnation else {},
                events=(event,),
                wake=self._others(self.book.header.open),
                header=lambda header: header if header.stopping else _stop(header, reason),
            )
        )

    # what follows from a write

    def _enrich(self, write: Write) -> Write:
        """Add to a write, before it is committed, all that has to happen together with it."""
        wake: set[Region] = set(write.wake)
        for incarnation in write.incarnations:
            path = incarnation.path
            if path in self.book.finished and path in self._open:
                self._open.discard(path)
                wake.update(self._after_apply(path))
        self._check(*(incarnation.path for incarnation in write.removed))
        self._removed += len(write.removed)
        wake.update(self._take_freed())
        header, shard = write.header, write.shard
        if (write.incarnations or write.removed) and header is None and self._complete() and not self.over:
            self.over, header, shard = True, self._leave, self.job.unparked
            self.changed.set()
        asyncio.get_running_loop().call_soon(self.pump)
        told = self._tell if shard is None else lambda record: self._tell(shard(record))
        return msgspec.structs.replace(write, wake=tuple(sorted(wake)), header=header, shard=told)

    def _tell(self, record: ShardRecord) -> ShardRecord:
        """Say who works here and how far that is. What a replacement leaves to clean is not foreseen."""
        steps = len(self._steps) + self._cleans
        done = min(len(self._steps) - len(self._open) + self._removed, steps)
        return msgspec.structs.replace(record, owner=self._replica, done=done, steps=steps)

    def _after_apply(self, path: Path) -> set[Region]:
        """Look at what waited for this apply; the other regions where something did."""
        regions: set[Region] = set()
        for step in self.job.plan.dependants.get(path, ()):
            regions.add(step.region)
            self._check(step.path)
        for incarnation in self.book.of(path):
            regions.add(incarnation.region)
        self._check(path)
        return regions - {self.region}

    def _take_freed(self) -> set[Region]:
        """Look at what nothing is built on any more; the other regions where there is such."""
        regions: set[Region] = set()
        for ref in self.book.take_freed():
            path, region, _ = parse_ref(ref)
            regions.add(region)
            self._check(path)
        return regions - {self.region}

    def _others(self, regions: tuple[Region, ...]) -> tuple[Region, ...]:
        return tuple(region for region in regions if region != self.region)

    def _leave(self, header: Header) -> Header:
        """Take this region out of the open ones; the last one ends the stack's operation."""
        remaining = tuple(region for region in header.open if region != self.region)
        header = msgspec.structs.replace(header, open=remaining)
        return header if remaining else end_header(header, self.job.now)

    # giving up

    async def drain(self) -> None:
        """Start nothing more; wait for the calls that are under way, so that nobody has to look for them."""
        self.cancel()
        await self.job.calls_landed()

    def cancel(self) -> None:
        for task in list(self.tasks.values()):
            task.cancel()


def _stop(header: Header, reason: str) -> Header:
    return msgspec.structs.replace(header, stopping=True, reason=reason)
