"""Post the recorded events of a shard to its stack's event sinks, in their order, at least once each.

That goes on behind the steps, which never wait for it. How far it is stands in the shard's record, written by
whatever commit comes next; an heir goes on from there and may post again what was posted since.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence
from urllib.parse import quote

import structlog

from global_heat.engine.backoff import Backoff
from global_heat.engine.book import Book
from global_heat.engine.means import Means
from global_heat.engine.messages import Due, Place, due, sender_id
from global_heat.model.errors import Error, Fenced, Transient
from global_heat.model.records import EventBatch, Sink
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.keys import Shard

log = structlog.get_logger()
SERVICE = "messaging"
POSTED, GIVEN_UP = "posted", "given_up"
_PER_POST = 20


class Publisher:
    """Of one claim, under whatever plans: it has a feed for each sink, so that none waits for another."""

    def __init__(self, means: Means, shard: Shard) -> None:
        self._means = means
        self._shard = shard
        self._feeds: list[_Feed] = []
        self._book: Book | None = None
        self._news = asyncio.Event()
        """Set, and replaced, when something was recorded or posted."""

    @property
    def book(self) -> Book:
        """What tells how much is recorded."""
        assert self._book is not None, "whoever has a feed follows a book"
        return self._book

    @property
    def published(self) -> int:
        """The number of the last batch of events that no sink waits for any more; 0 without any sink."""
        return min((feed.published for feed in self._feeds), default=0)

    @property
    def behind(self) -> bool:
        """Whether something is recorded that a sink still waits for."""
        return any(feed.published < self.book.record.events for feed in self._feeds)

    def follow(self, book: Book) -> None:
        """From now on post what this book records, to the sinks that its stack has now."""
        self._book = book
        book.on_committed = self.tell
        before, self._feeds = self._feeds, []
        for sink in book.header.sinks:
            feed = next((each for each in before if each.sink == sink), None)
            if feed is None:
                feed = _Feed(self, self._means, self._shard, sink, book.record.published)
            else:
                before.remove(feed)
            self._feeds.append(feed)
        for feed in before:
            feed.stop()

    async def caught_up(self) -> None:
        """Return once no sink waits for anything. Raises what has broken a feed."""
        while self.behind:
            for feed in self._feeds:
                feed.check()
            await self.until_news()

    def stop(self) -> None:
        """Post nothing more. Whoever claims the shard next goes on."""
        for feed in self._feeds:
            feed.stop()

    def tell(self) -> None:
        """Something was recorded or posted."""
        self._news.set()
        self._news = asyncio.Event()

    async def until_news(self) -> None:
        await self._news.wait()


class _Feed:
    """What one sink is told of one shard."""

    def __init__(self, publisher: Publisher, means: Means, shard: Shard, sink: Sink, published: int) -> None:
        self.sink = sink
        self.published = published
        """The number of the last batch that was posted whole, or given up."""
        self._publisher = publisher
        self._world = means.world
        self._lease = means.lease
        self._shard = shard
        self._after = Place(published + 1, -1)
        self._log = log.bind(stack=shard.stack, region=shard.region, queue=sink.target)
        self._task = asyncio.ensure_future(self._run())
        self._task.add_done_callback(self._ended)

    def stop(self) -> None:
        self._task.cancel()

    def check(self) -> None:
        """Raises what has ended it."""
        if self._task.done():
            self._task.result()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._publisher.tell()

    async def _run(self) -> None:
        while True:
            recorded = self._publisher.book.record.events
            if recorded <= self.published:
                await self._publisher.until_news()
                continue
            await self._post_all(await self._read())
            self._advance(recorded)

    async def _read(self) -> list[Due]:
        """What is recorded and not posted. What was forgotten meanwhile is not told."""
        project, stack, region = self._shard.project, self._shard.stack, self._shard.region
        prefix = keys.events_in(project, stack, region)
        start = keys.event(project, stack, region, self.published + 1)
        backoff = Backoff(self._world.settings)
        while True:
            try:
                at_least = self._publisher.book.revision
                found = await self._world.store.scan(prefix, start=start, at_least=at_least, local=True)
            except Transient:
                await asyncio.sleep(backoff.next())
            else:
                batches = (decode(EventBatch, entry.value) for entry in found.entries)
                return due(stack, batches, self.sink, self._after)

    async def _post_all(self, messages: Sequence[Due]) -> None:
        """Post them in their order. What a service does not take for too long is given up."""
        backoff = Backoff(self._world.settings)
        while messages:
            some = messages[:_PER_POST]
            try:
                await self._post(some)
            except Fenced:
                raise
            except Error as error:
                if backoff.count == 0:
                    self._log.info("events cannot be posted yet", error=str(error))
                late = self._late(messages)
                if late:
                    self._log.warning("events were given up", count=len(late), error=str(error))
                    self._done(late, GIVEN_UP)
                    messages = messages[len(late) :]
                if messages:
                    least = error.retry_after_seconds if isinstance(error, Transient) else None
                    await asyncio.sleep(backoff.next(least))
            else:
                self._done(some, POSTED)
                messages = messages[len(some) :]
                backoff = Backoff(self._world.settings)

    def _late(self, messages: Sequence[Due]) -> Sequence[Due]:
        """Those that have been recorded for as long as they are tried."""
        oldest = self._world.clock() - self._world.settings.sink_seconds
        return list(itertools.takewhile(lambda message: message.at <= oldest, messages))

    async def _post(self, messages: Sequence[Due]) -> None:
        """Raises any `Error`; it may have been done all the same."""
        await self._lease.until_may_act()
        book, stack = self._publisher.book, self._shard.stack
        opened = await self._world.clouds.open(Shard(book.header.region, self._shard.project, stack))
        await opened.cloud.post(
            SERVICE,
            f"/queues/{quote(self.sink.target, safe='')}/messages",
            {"messages": [{"ttl": self.sink.ttl, "body": message.body} for message in messages]},
            {"Client-ID": sender_id(stack)},
        )

    def _done(self, messages: Sequence[Due], outcome: str) -> None:
        self._world.on_published(self._publisher.book.header.region, outcome, len(messages))
        self._after = last = messages[-1].place
        self._advance(last.seq if messages[-1].is_last else last.seq - 1)

    def _advance(self, published: int) -> None:
        self.published = max(self.published, published)
        self._publisher.tell()
