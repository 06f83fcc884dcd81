"""Carry out one claimed shard: start each step as soon as what it needs is recorded, until none is left.

Everything follows from the records, so that whoever claims the shard next goes on where this owner stopped.
"""

from __future__ import annotations

import asyncio

import structlog

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import Book, Stale, Write
from global_heat.engine.job import Job
from global_heat.engine.means import Means
from global_heat.engine.publishing import Publisher
from global_heat.engine.running import Run
from global_heat.model.errors import Ambiguous, Fenced, Invalid, Transient
from global_heat.model.records import Action, Header, Status
from global_heat.store import keys
from global_heat.store.caller import Caller
from global_heat.store.keys import Shard
from global_heat.store.protocol import created_at
from global_heat.store.reading import read_stack

log = structlog.get_logger()


class ShardRunner:
    """The owner of one claim. `signal` tells it that its work key was written."""

    def __init__(
        self,
        means: Means,
        shard: Shard,
        claim_revision: int,
        work_revision: int = 0,
    ) -> None:
        """`work_revision`: where the work key stood when the claim was made; 0: not known."""
        self._means = means
        self._world = means.world
        self.shard = shard
        self._claim_revision = claim_revision
        self._signalled = asyncio.Event()
        self._signal_revision = work_revision
        self._work_is_known = work_revision > 0
        self._run: Run | None = None
        self._publisher = Publisher(means, shard)
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
        return self._run is not None and self._run.idle

    @property
    def parked(self) -> bool:
        return self._run is not None and self._run.job.book.record.parked is not None

    async def run(self) -> None:
        """Work until the shard is done, handed back, or lost. Raises `Fenced` only when the lease is gone."""
        try:
            await self._until_given_up()
        finally:
            self._publisher.stop()

    async def _until_given_up(self) -> None:
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
        self._publisher.follow(book)
        job = Job(self._means, book, plan, tree)
        run = self._run = Run(job, self._publisher)
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

    async def _carry_out(self, run: Run) -> bool:
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
            run.job.in_flight.cut()
            for task in (committing, following):
                task.cancel()
            await asyncio.gather(committing, following, return_exceptions=True)

    async def _follow(self, run: Run) -> bool:
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
            if self._leaving and run.idle:
                run.cancel()
                return False
            if self._signalled.is_set():
                self._signalled.clear()
                await self._learn(run)
            run.pump()
        await run.settled()
        if self._must_roll_back(run.book.header):
            return False
        if self._publisher.behind and not await self._until_published():
            return False
        await run.book.write(Write(ends=True))
        return True

    async def _until_published(self) -> bool:
        """Whether all events are posted; if not, the claim is to be given back. Nobody waits for it: raises
        `Stale` as soon as there is news."""
        posting = asyncio.ensure_future(self._publisher.caught_up())
        signalled = asyncio.ensure_future(self._signalled.wait())
        try:
            await asyncio.wait({posting, signalled}, return_when=asyncio.FIRST_COMPLETED)
            if posting.done():
                posting.result()
                return True
        finally:
            for wait in (posting, signalled):
                wait.cancel()
        if self._leaving:
            return False
        raise Stale("somebody has signalled")

    async def _learn(self, run: Run) -> None:
        """Read again what other shards have recorded. Raises `Stale` when the plan has changed."""
        at_least = max(self._signal_revision, run.book.stored.work_revision)
        view = await read_stack(self._world.store, self.shard.project, self.shard.stack, at_least=at_least)
        if view.plan.number != run.job.plan.number:
            raise Stale("the plan has changed")
        run.book.stored.work_revision = max(run.book.stored.work_revision, self._signal_revision)
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
            await self._means.wishes.roll_back(caller, header.id, after_plan=header.plan)
        except Invalid as error:
            self.log.info("not rolled back", why=str(error))
        return True

    def _new_id(self) -> str:
        return self._world.random_bytes(8).hex()

    async def _release(self) -> None:
        """Give the claim back; the work key, if there, calls for the next owner."""
        claim, backoff = keys.claim(self.shard), Backoff(self._world.settings)
        while True:
            try:
                await self._world.store.commit(created_at(claim, self._claim_revision), delete=(claim,))
            except (Transient, Ambiguous):
                if self._draining:
                    self.log.info("the claim could not be given back; it ends with the lease")
                    return
                # This replica lives on, and so would a claim that nobody works under.
                await asyncio.sleep(backoff.next())
            else:
                return
