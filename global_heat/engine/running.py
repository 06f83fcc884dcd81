"""Run the steps of one shard under one plan: each as soon as it can, with all that follows from a write."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine

import msgspec

from global_heat.engine.book import Write
from global_heat.engine.job import Job
from global_heat.engine.performing import perform_apply, perform_clean
from global_heat.engine.publishing import Publisher
from global_heat.engine.standing import Standing
from global_heat.model.names import Path, Region
from global_heat.model.records import Action, Header, ShardRecord, parse_ref
from global_heat.store.reading import StackView
from global_heat.store.wishes import end_header


class Run:
    """The tasks of one shard under one plan."""

    def __init__(self, job: Job, publisher: Publisher) -> None:
        self.job = job
        self._publisher = publisher
        self.book = job.book
        self._standing = Standing(job.book, job.plan)
        self._region = job.book.shard.region
        self._shards = job.book.view.shards
        self._ready_to_check: dict[Path, None] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self.changed = asyncio.Event()
        self.left = False
        """The region is out of the header's open ones: what is still to be done here holds nobody up."""
        self.over = False
        """Nothing is left to do here."""
        self.book.enrich = self._enrich
        self.job.on_cut_off = self._pump_soon

    def begin(self) -> None:
        if self.book.header.stopping:
            self.job.stopping.set()
        self.left = self._region not in self.book.header.open
        self.over = self.left and (self.job.stopping.is_set() or self._standing.complete())
        self._check_all()

    def learn(self, view: StackView) -> None:
        """Take in what others have written."""
        before = set(self.book.finished)
        self.book.learn(view)
        self._shards = view.shards
        if self.book.header.stopping:
            self.job.stopping.set()
        for path in sorted(set(self.book.finished) - before):
            self._check(path, *(step.path for step in self.job.plan.dependants.get(path, ())))
        self._take_freed()

    def _check(self, *paths: Path) -> None:
        self._ready_to_check.update(dict.fromkeys(paths))

    def _check_all(self) -> None:
        self._check(*self._standing.steps, *(i.path for i in self.book.here()))
        self.pump()

    # starting

    def pump(self) -> None:
        """Start what can start; see whether all is done."""
        if self.over or self.book.broken is not None:
            return
        stopping = self.job.stopping.is_set()
        while self._ready_to_check:
            path, _ = self._ready_to_check.popitem()
            if (step := self._standing.can_apply(path, stopping)) is not None:
                self._start(step.ref, perform_apply(self.job, step))
            for incarnation in self._standing.can_clean(path, stopping):
                self._start(f"clean {incarnation.ref}", perform_clean(self.job, incarnation))
        if not self.tasks and (stopping or self._standing.complete()):
            self.over = True
            self.changed.set()
            self._start("end", self.book.write(Write(header=self._leave, shard=self.job.unparked)))
        elif not self.left and self.job.cut_off:
            self._go_on_without()

    def _go_on_without(self) -> None:
        """The region is down: free the stack from waiting for it, as far as that may be."""
        header = self.book.header
        if self.job.plan.applies and self._standing.only_replaced():
            # The new ones are in use. That the old ones still stand here is what remains to be said.
            self._start("leave", self.book.write(Write(header=self._leave)))
        elif header.action is Action.DELETE and not header.nameless and self._standing.all_down(self._shards):
            self._start("free the name", self.book.write(Write(header=_nameless)))

    def _start(self, name: str, work: Coroutine[object, object, None]) -> None:
        """Begin it, unless it is under way."""
        if name in self.tasks:
            work.close()
            return
        loop = asyncio.get_running_loop()
        self.tasks[name] = task = loop.create_task(work)

        def ended(task: asyncio.Task[None]) -> None:
            self.tasks.pop(name, None)
            self.changed.set()
            if not task.cancelled():
                task.exception()  # `Stale` and `Fenced` come out of the book as well
            if self.left and not self.over:
                # What nobody waits for may fail, and is tried again.
                loop.call_later(self.job.world.settings.scan_seconds, self._check_all)

        task.add_done_callback(ended)

    async def settled(self) -> None:
        """Return when every step's outcome is committed."""
        while self.tasks:
            await asyncio.wait(set(self.tasks.values()))

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight to the cloud or the store: what waits for things to become ready, for
        signals or for its region can wait on anywhere."""
        return self.book.quiet and not self.job.in_flight.busy

    # what follows from a write

    def _enrich(self, write: Write) -> Write:
        """Add to a write, before it is committed, all that has to happen together with it."""
        wake: set[Region] = set(write.wake)
        for path in self._standing.note(write.incarnations, write.removed):
            wake.update(self._after_apply(path))
        self._check(*(incarnation.path for incarnation in write.removed))
        wake.update(self._take_freed())
        header, shard = write.header, write.shard
        ends = header is None and not self.over and self._standing.complete()
        if ends and (write.incarnations or write.removed):
            self.over, header, shard = True, self._leave, self.job.unparked
            self.changed.set()
        if header == self._leave and self.job.plan.action is Action.DELETE:
            wake.update(self.job.others())
        self._pump_soon()
        told = self._tell if shard is None else lambda record: self._tell(shard(record))
        return msgspec.structs.replace(write, wake=tuple(sorted(wake)), header=header, shard=told)

    def _pump_soon(self) -> None:
        asyncio.get_running_loop().call_soon(self.pump)

    def _tell(self, record: ShardRecord) -> ShardRecord:
        """Say who works here and how far that is, the telling of others too."""
        published = max(record.published, self._publisher.published)
        return msgspec.structs.replace(
            self._standing.progress(record), owner=self.job.replica, published=published
        )

    def _after_apply(self, path: Path) -> set[Region]:
        """Look at what waited for this apply; the other regions where something did."""
        regions: set[Region] = set()
        for step in self.job.plan.dependants.get(path, ()):
            regions.add(step.region)
            self._check(step.path)
        for incarnation in self.book.of(path):
            regions.add(incarnation.region)
        self._check(path)
        return regions - {self._region}

    def _take_freed(self) -> set[Region]:
        """Look at what nothing is built on any more; the other regions where there is such."""
        regions: set[Region] = set()
        for ref in self.book.take_freed():
            path, region, _ = parse_ref(ref)
            regions.add(region)
            self._check(path)
        return regions - {self._region}

    def _leave(self, header: Header) -> Header:
        """Take this region out of the open ones; the last one ends the stack's operation."""
        self.left = True
        if self._region not in header.open:
            return header
        remaining = tuple(region for region in header.open if region != self._region)
        header = msgspec.structs.replace(header, open=remaining)
        return header if remaining else end_header(header, self.job.now)

    # giving up

    async def drain(self) -> None:
        """Start nothing more; wait for the calls that are under way, so that nobody has to look for them."""
        self.cancel()
        await self.job.in_flight.landed()

    def cancel(self) -> None:
        for task in list(self.tasks.values()):
            task.cancel()


def _nameless(header: Header) -> Header:
    return msgspec.structs.replace(header, nameless=True)
