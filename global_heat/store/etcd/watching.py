"""Follow a range of keys without a gap, whichever members come and go."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, suppress

from global_heat.model.errors import Transient
from global_heat.store.etcd.calling import Cluster, pause_seconds, refusal
from global_heat.store.etcd.endpoint import WATCH, Metadata, Stream
from global_heat.store.etcd.verdict import CallFailed, Verdict, verdict_of_text
from global_heat.store.etcd.wire import rpc_pb2 as wire
from global_heat.store.protocol import Compacted

Batch = tuple[int, Sequence[wire.Event]]
WatchStream = Stream[wire.WatchRequest, wire.WatchResponse]

PROGRESS = wire.WatchRequest(progress_request=wire.WatchProgressRequest())
PINGS = 4


async def follow(cluster: Cluster, key: bytes, range_end: bytes, after: int) -> AsyncGenerator[Batch, None]:
    """Yield (revision, events up to it), for ever; no events: a sign of life, nothing is missing up to there.

    The place is kept by the events' own revisions. A header's is that of the whole store: while a watch
    catches up it lies ahead of what has been sent, so it counts only in a notice without events, which etcd
    sends when the watch has caught up.

    Raises `Compacted`, `Invalid`.
    """
    fruitless = 0
    while True:
        endpoint = cluster.pick()
        metadata: Metadata = ()
        try:
            metadata = await cluster.metadata()
            async with endpoint.open(WATCH, cluster.settings.attempt_seconds, metadata) as stream:
                heard = _listen(stream, key, range_end, after, cluster.settings.silence_seconds)
                async with aclosing(heard):
                    async for revision, events in heard:
                        fruitless = 0
                        endpoint.answered()
                        if revision >= after:  # else a notice from a member that lags
                            after = revision
                            yield revision, events
        except Transient:
            pass
        except CallFailed as failure:
            if failure.verdict is Verdict.LOGIN and cluster.settings.password:
                cluster.forget(metadata)
            elif refused := refusal("Watch", failure):
                raise refused from failure
            else:
                endpoint.failed(leaderless=failure.verdict is Verdict.LEADERLESS)
        await asyncio.sleep(pause_seconds(fruitless))
        fruitless += 1


async def _listen(
    stream: WatchStream, key: bytes, range_end: bytes, after: int, silence_seconds: float
) -> AsyncGenerator[Batch, None]:
    """What one stream says until it breaks or falls silent.

    It begins at `after` itself and leaves that out: newer servers give no progress notice to a watch that
    begins later than their revision, so on a quiet store it could not be told from a dead one.
    """
    create = wire.WatchCreateRequest(
        key=key, range_end=range_end, start_revision=max(after, 1), fragment=True
    )
    await stream.send(wire.WatchRequest(create_request=create))
    parts: list[wire.Event] = []
    while True:
        answer = await _hear(stream, silence_seconds)
        if answer.compact_revision:
            raise Compacted(answer.compact_revision)
        if answer.canceled:
            raise CallFailed(verdict_of_text(answer.cancel_reason), answer.cancel_reason)
        if answer.created:
            continue
        parts.extend(answer.events)
        if answer.fragment:
            continue
        revision = parts[-1].kv.mod_revision if parts else answer.header.revision
        yield revision, [event for event in parts if event.kv.mod_revision > after]
        parts = []


async def _hear(stream: WatchStream, silence_seconds: float) -> wire.WatchResponse:
    """The next answer. Asks for a sign of life some times while there is none, then gives up."""
    hearing = asyncio.ensure_future(stream.receive())
    try:
        for _ in range(PINGS):
            await asyncio.wait({hearing}, timeout=silence_seconds / PINGS)
            if hearing.done():
                return hearing.result()
            with suppress(CallFailed):  # a broken stream says so, and why, to the one who listens
                await stream.send(PROGRESS)
        raise CallFailed(Verdict.UNKNOWN, f"silent for {silence_seconds:g} s")
    finally:
        hearing.cancel()
