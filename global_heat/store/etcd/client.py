"""The store's seven words, spoken to a real etcd cluster."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator, Collection, Mapping
from contextlib import aclosing
from types import TracebackType

from global_heat.model.errors import Fault, Fenced, Invalid, Reason, Transient
from global_heat.model.names import Revision
from global_heat.store.etcd.calling import Cluster
from global_heat.store.etcd.endpoint import GRANT, KEEP_ALIVE, RANGE, REVOKE, STATUS, TXN, Endpoint, Metadata
from global_heat.store.etcd.settings import Settings
from global_heat.store.etcd.verdict import CallFailed, Verdict
from global_heat.store.etcd.version import MINIMUM, parse_version
from global_heat.store.etcd.watching import follow
from global_heat.store.etcd.wire import rpc_pb2 as wire
from global_heat.store.protocol import (
    MAX_GUARDS,
    MAX_WRITES,
    Change,
    Committed,
    Compare,
    Entry,
    Guard,
    Lease,
    Progress,
    Refused,
    Snapshot,
    Store,
)

FIRST_PAGE_KEYS = 100
PAGE_KEYS_MAX = 2_000
PAGE_BYTES = 2 << 20
SCANS_MAX = 3


class EtcdStore(Store):
    """A `Store` on etcd. To be made inside a running event loop, and closed there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._cluster = Cluster(settings)
        self._prefix = settings.prefix.encode()

    async def __aenter__(self) -> EtcdStore:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._cluster.close()

    async def check_version(self) -> None:
        """Look at every member that answers: is it fit to hold records, and of one cluster with the others?

        Raises `Invalid` with a fault for each that is not, `Transient` when none answers.
        """
        faults: list[Fault] = []
        clusters: dict[int, str] = {}
        silent: list[CallFailed] = []
        metadata = await self._cluster.metadata()
        for n, endpoint in enumerate(self._cluster.endpoints):
            try:
                cluster, version = await self._look(endpoint, metadata)
            except CallFailed as failure:
                silent.append(failure)
                continue
            clusters[cluster] = endpoint.address
            parsed = parse_version(version)
            if not self._settings.development and (parsed is None or parsed < MINIMUM):
                advice = f"etcd {version} may lose records; upgrade it to {MINIMUM} or newer"
                faults.append(Fault(f"etcd.endpoints[{n}]", f"{endpoint.address}: {advice}"))
        if len(clusters) > 1:
            others = " and ".join(sorted(clusters.values()))
            faults.append(Fault("etcd.endpoints", f"{others} belong to different clusters; name one cluster"))
        if faults:
            raise Invalid("this etcd cannot hold the records", *faults, reason=Reason.PRECONDITION)
        if not clusters:
            raise Transient(f"no etcd member answers: {'; '.join(map(str, silent))}")

    async def get(self, key: str, *, local: bool = False) -> Entry | None:
        """As `Store.get`."""
        request = wire.RangeRequest(key=self._full(key), serializable=local)
        answer = await self._cluster.call(RANGE, request, repeatable=True)
        return self._entry(answer.kvs[0]) if answer.kvs else None

    async def scan(
        self, prefix: str, *, start: str = "", at_least: int = 0, local: bool = False, keys_only: bool = False
    ) -> Snapshot:
        """As `Store.scan`. A local member that lags behind `at_least` is asked to catch up first."""
        for _ in range(SCANS_MAX):
            try:
                return await self._scan(prefix, start, at_least, local, keys_only)
            except CallFailed as failure:
                if failure.verdict is not Verdict.COMPACTED:
                    raise Transient(f"etcd has not come to revision {at_least}: {failure}") from failure
        raise Transient("the history was compacted during every scan")

    async def commit(
        self,
        *guards: Guard,
        put: Mapping[str, bytes] = {},
        delete: Collection[str] = (),
        lease: Lease | None = None,
    ) -> Committed | Refused:
        """As `Store.commit`. Raises `Fenced` when the lease is gone."""
        assert len(guards) <= MAX_GUARDS, f"{len(guards)} guards"
        assert len(put) + len(delete) <= MAX_WRITES, f"{len(put) + len(delete)} writes"
        lease_id = lease.id if lease else 0
        guarded = list(dict.fromkeys(guard.key for guard in guards))
        puts = [wire.PutRequest(key=self._full(key), value=put[key], lease=lease_id) for key in put]
        deletes = [wire.DeleteRangeRequest(key=self._full(key)) for key in delete]
        reads = [wire.RangeRequest(key=self._full(key)) for key in guarded]
        request = wire.TxnRequest(
            compare=[self._compare(guard) for guard in guards],
            success=[
                *(wire.RequestOp(request_put=each) for each in puts),
                *(wire.RequestOp(request_delete_range=each) for each in deletes),
            ],
            failure=[wire.RequestOp(request_range=each) for each in reads],
        )
        answer = await self._cluster.call(TXN, request, repeatable=not (put or delete))
        revision = Revision(answer.header.revision)
        if answer.succeeded:
            return Committed(revision)
        found = [each.response_range.kvs for each in answer.responses]
        entries = {key: self._entry(kvs[0]) if kvs else None for key, kvs in zip(guarded, found, strict=True)}
        return Refused(revision, entries)

    async def grant(self, ttl_seconds: float) -> Lease:
        """As `Store.grant`. Whole seconds, rounded up; the server may grant more."""
        request = wire.LeaseGrantRequest(TTL=math.ceil(ttl_seconds))
        # Asked twice, it grants two: the one nobody knows of holds no key and runs out.
        answer = await self._cluster.call(GRANT, request, repeatable=True)
        return Lease(answer.ID, float(answer.TTL))

    async def keep_alive(self, lease: Lease) -> None:
        """As `Store.keep_alive`."""
        request = wire.LeaseKeepAliveRequest(ID=lease.id)

        async def once(endpoint: Endpoint, seconds: float, metadata: Metadata) -> wire.LeaseKeepAliveResponse:
            return await endpoint.ask(KEEP_ALIVE, request, seconds, metadata)

        answer = await self._cluster.run(str(KEEP_ALIVE), once, repeatable=True)
        if answer.TTL <= 0:
            raise Fenced(f"lease {lease.id:x} is gone")

    async def revoke(self, lease: Lease) -> None:
        """As `Store.revoke`. A lease that is gone already is as good as revoked."""
        try:
            await self._cluster.call(REVOKE, wire.LeaseRevokeRequest(ID=lease.id), repeatable=True)
        except Fenced:
            pass

    async def watch(self, prefix: str, *, after: int) -> AsyncGenerator[Change | Progress, None]:
        """As `Store.watch`."""
        start = self._full(prefix)
        async with aclosing(follow(self._cluster, start, range_end(start), after)) as batches:
            async for revision, events in batches:
                for event in events:
                    yield self._change(event)
                if not events:
                    yield Progress(Revision(revision))

    async def _look(self, endpoint: Endpoint, metadata: Metadata) -> tuple[int, str]:
        """A member's cluster and its version, or the least that it can be. Raises `CallFailed`."""
        seconds = self._settings.attempt_seconds
        try:
            status = await endpoint.call(STATUS, wire.StatusRequest(), seconds, metadata)
        except CallFailed as failure:
            if failure.verdict is not Verdict.FORBIDDEN:
                raise
            # With passwords on, newer servers show this to administrators only; those before MINIMUM to all.
            request = wire.RangeRequest(key=self._prefix, serializable=True)
            answer = await endpoint.call(RANGE, request, seconds, metadata)
            return answer.header.cluster_id, str(MINIMUM)
        return status.header.cluster_id, status.version

    async def _scan(self, prefix: str, start: str, at_least: int, local: bool, keys_only: bool) -> Snapshot:
        next_key = max(self._full(prefix), self._full(start))
        end = range_end(self._full(prefix))
        entries: list[Entry] = []
        revision, limit = 0, FIRST_PAGE_KEYS
        while True:
            request = wire.RangeRequest(
                key=next_key,
                range_end=end,
                limit=limit,
                revision=revision,
                serializable=local or revision > 0,
                keys_only=keys_only,
            )
            answer = await self._page(request, max(at_least, revision))
            revision = revision or answer.header.revision
            entries += [self._entry(kv) for kv in answer.kvs]
            if not answer.more:
                return Snapshot(Revision(revision), entries)
            next_key = answer.kvs[-1].key + b"\0"
            limit = page_keys(len(answer.kvs), answer.ByteSize())

    async def _page(self, request: wire.RangeRequest, at_least: int) -> wire.RangeResponse:
        """One page, from a member that has come to `at_least`: a linearizable read makes it catch up."""
        if request.serializable:
            try:
                answer = await self._cluster.call(RANGE, request, repeatable=True)
            except CallFailed as failure:
                if failure.verdict is not Verdict.FUTURE:
                    raise
            else:
                if answer.header.revision >= at_least:
                    return answer
            request.serializable = False
        answer = await self._cluster.call(RANGE, request, repeatable=True)
        if answer.header.revision < at_least:
            raise Transient(f"etcd is at revision {answer.header.revision}, not yet at {at_least}")
        return answer

    def _full(self, key: str) -> bytes:
        return self._prefix + key.encode()

    def _relative(self, key: bytes) -> str:
        return key.removeprefix(self._prefix).decode()

    def _entry(self, kv: wire.KeyValue) -> Entry:
        return Entry(
            self._relative(kv.key), kv.value, Revision(kv.create_revision), Revision(kv.mod_revision)
        )

    def _change(self, event: wire.Event) -> Change:
        kv = event.kv
        value = None if event.type == wire.Event.DELETE else kv.value
        return Change(self._relative(kv.key), value, Revision(kv.mod_revision), Revision(kv.create_revision))

    def _compare(self, guard: Guard) -> wire.Compare:
        key = self._full(guard.key)
        match guard.compare:
            case Compare.CREATE:
                return wire.Compare(target=wire.Compare.CREATE, key=key, create_revision=guard.revision)
            case Compare.MOD:
                return wire.Compare(target=wire.Compare.MOD, key=key, mod_revision=guard.revision)
            case Compare.VALUE:
                return wire.Compare(target=wire.Compare.VALUE, key=key, value=guard.value)


def range_end(prefix: bytes) -> bytes:
    """The first key after all that begin with `prefix`; a zero byte stands for the end of all keys."""
    stem = prefix.rstrip(b"\xff")
    return stem[:-1] + bytes([stem[-1] + 1]) if stem else b"\0"


def page_keys(keys: int, size: int) -> int:
    """How many keys to ask for next, when a page of so many keys had so many bytes."""
    return max(1, min(PAGE_KEYS_MAX, PAGE_BYTES * keys // max(size, 1)))
