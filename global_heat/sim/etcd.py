"""A simulated etcd: one history of revisions, members that follow it late, leases, watches, and its faults.

What etcd itself guarantees is assumed (commits are atomic and ordered); what its users have to live with is
simulated: answers that get lost, members that lag, leases that end early or live longer, no quorum, no space.
"""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from typing import TypeVar

import msgspec

from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.model.names import Revision
from global_heat.sim.process import Process
from global_heat.store.protocol import (
    MAX_GUARDS,
    MAX_WRITES,
    Change,
    Committed,
    Compacted,
    Entry,
    Guard,
    Lease,
    Progress,
    Refused,
    Snapshot,
)

T = TypeVar("T")


class Version(msgspec.Struct, frozen=True):
    """A key's value from a revision on; None: it is deleted."""

    revision: int
    value: bytes | None
    created: int


class Written(msgspec.Struct, frozen=True):
    """One revision of the history: when, by whom, what."""

    revision: int
    at: float
    client: str
    guards: tuple[Guard, ...]
    changes: tuple[tuple[str, bytes | None], ...]


class _Grant:
    def __init__(self, id: int, ttl_seconds: float) -> None:
        self.id = id
        self.ttl_seconds = ttl_seconds
        self.keys: dict[str, None] = {}
        self.timer: asyncio.TimerHandle | None = None


class History:
    """All that was ever written, revision by revision."""

    def __init__(self) -> None:
        self.revision = 1
        self.history: list[Written] = []
        self._versions: dict[str, list[Version]] = {}
        self._keys: list[str] = []
        self._grown = asyncio.Event()

    def entry(self, key: str, revision: int) -> Entry | None:
        """A key as it stood at a revision."""
        for version in reversed(self._versions.get(key, ())):
            if version.revision <= revision:
                if version.value is None:
                    return None
                return Entry(key, version.value, Revision(version.created), Revision(version.revision))
        return None

    def scan(self, prefix: str, start: str, revision: int) -> list[Entry]:
        found: list[Entry] = []
        for at in range(bisect.bisect_left(self._keys, max(prefix, start)), len(self._keys)):
            key = self._keys[at]
            if not key.startswith(prefix):
                break
            entry = self.entry(key, revision)
            if entry is not None:
                found.append(entry)
        return found

    def since(self, revision: int) -> list[Written]:
        """What was written after a revision."""
        return self.history[bisect.bisect_right(self.history, revision, key=lambda w: w.revision) :]

    async def grown(self) -> None:
        """Return when the history has grown."""
        await self._grown.wait()

    def holds(self, guard: Guard) -> bool:
        return guard.holds(self.entry(guard.key, self.revision))

    def write(self, client: str, guards: tuple[Guard, ...], changes: list[tuple[str, bytes | None]]) -> int:
        """Add a revision; its number."""
        self.revision += 1
        for key, value in changes:
            before = self.entry(key, self.revision)
            created = before.create_revision if before is not None else self.revision
            if key not in self._versions:
                self._versions[key] = []
                bisect.insort(self._keys, key)
            self._versions[key].append(Version(self.revision, value, created))
        at = asyncio.get_running_loop().time()
        self.history.append(Written(self.revision, at, client, guards, tuple(changes)))
        self._grown.set()
        self._grown = asyncio.Event()
        return self.revision


class SimCluster(History):
    """The cluster as a whole. Must be made inside the running loop."""

    def __init__(self) -> None:
        super().__init__()
        self._quorum = self._space = True
        self._refusing: list[tuple[float, float]] = []
        self._refuses_since: float | None = None
        self.renewals: dict[str, list[tuple[float, float]]] = {}
        """By client: when it sent each renewal, or grant, that was answered, and the lease's time to live."""
        self.proposed: list[Callable[[], None]] = []
        """Requests that a leader without followers has taken: applied when it has some again."""
        self.compacted = 0
        self._leases: dict[int, _Grant] = {}
        self._next_lease = 1

    @property
    def quorum(self) -> bool:
        return self._quorum

    @quorum.setter
    def quorum(self, have: bool) -> None:
        self._quorum = have
        self._note_writable()
        if have:
            proposed, self.proposed = self.proposed, []
            for apply in proposed:
                apply()

    @property
    def space(self) -> bool:
        return self._space

    @space.setter
    def space(self, have: bool) -> None:
        self._space = have
        self._note_writable()

    def _note_writable(self) -> None:
        now = asyncio.get_running_loop().time()
        writable = self._quorum and self._space
        if writable and self._refuses_since is not None:
            self._refusing.append((self._refuses_since, now))
            self._refuses_since = None
        elif not writable and self._refuses_since is None:
            self._refuses_since = now

    @property
    def refusing(self) -> list[tuple[float, float]]:
        """From when to when it took no writes."""
        open_end = [] if self._refuses_since is None else [(self._refuses_since, float("inf"))]
        return self._refusing + open_end

    # what the leader does

    def commit(
        self,
        client: str,
        guards: Collection[Guard],
        put: Mapping[str, bytes],
        delete: Collection[str],
        lease: int | None,
    ) -> Committed | Refused:
        if put and not self.space:
            raise Transient("no space")
        if not all(self.holds(guard) for guard in guards):
            entries = {guard.key: self.entry(guard.key, self.revision) for guard in guards}
            return Refused(Revision(self.revision), entries)
        if lease is not None and lease not in self._leases:
            raise Fenced("the lease is not known")
        present = [key for key in delete if self.entry(key, self.revision) is not None]
        if not put and not present:
            return Committed(Revision(self.revision))
        changes = [*put.items(), *((key, None) for key in present)]
        return Committed(Revision(self._apply(client, tuple(guards), changes, lease)))

    def grant(self, ttl_seconds: float) -> Lease:
        if not self.space:
            raise Transient("no space")
        id, self._next_lease = self._next_lease, self._next_lease + 1
        self._leases[id] = _Grant(id, ttl_seconds)
        self._arm(self._leases[id])
        return Lease(id, ttl_seconds)

    def keep_alive(self, lease: Lease) -> None:
        grant = self._leases.get(lease.id)
        if grant is None:
            raise Fenced("the lease is gone")
        self._arm(grant)

    def expire(self, lease_id: int, why: str = "expiry") -> None:
        """End a lease; its keys go by one revision."""
        grant = self._leases.pop(lease_id, None)
        if grant is None:
            return
        if grant.timer is not None:
            grant.timer.cancel()
        present = [key for key in sorted(grant.keys) if self.entry(key, self.revision) is not None]
        if present:
            self._apply(why, (), [(key, None) for key in present], None)

    def change_leader(self) -> None:
        """A new leader extends every lease by its full time."""
        for grant in self._leases.values():
            self._arm(grant)

    def compact(self) -> None:
        self.compacted = self.revision

    def leases(self) -> list[int]:
        return list(self._leases)

    def _apply(
        self,
        client: str,
        guards: tuple[Guard, ...],
        changes: list[tuple[str, bytes | None]],
        lease: int | None,
    ) -> int:
        for key, value in changes:
            for grant in self._leases.values():
                grant.keys.pop(key, None)
            if lease is not None and value is not None:
                self._leases[lease].keys[key] = None
        return self.write(client, guards, changes)

    def _arm(self, grant: _Grant) -> None:
        if grant.timer is not None:
            grant.timer.cancel()
        loop = asyncio.get_running_loop()
        grant.timer = loop.call_later(grant.ttl_seconds, self._expire_if_led, grant.id)

    def _expire_if_led(self, id: int) -> None:
        """Only a leader ends leases; without quorum there is none."""
        if self.quorum:
            self.expire(id)
        elif id in self._leases:
            self._arm(self._leases[id])


class Link:
    """One client's way to the cluster. Times in seconds."""

    def __init__(self, latency: Callable[[], float], chance: Callable[[], float]) -> None:
        self.latency = latency
        self._chance = chance
        self.cut = False
        self.lose_answers = 0.0
        """The chance that an answer is lost."""
        self.lose_requests = 0.0
        self.late_requests = 0.0
        """The chance that a request is applied only after whoever sent it has given it up."""
        self.member_lag = 0.0
        """How far the nearest member is behind."""

    def loses_request(self) -> bool:
        return self.cut or (self.lose_requests > 0 and self._chance() < self.lose_requests)

    def loses_answer(self) -> bool:
        return self.cut or (self.lose_answers > 0 and self._chance() < self.lose_answers)

    def delays_request(self) -> bool:
        return self.late_requests > 0 and self._chance() < self.late_requests

    def is_proposed(self) -> bool:
        """Whether a request gets as far as a leader that has lost its quorum."""
        return not self.cut and self._chance() < 0.5

    def heal(self) -> None:
        self.cut = False
        self.lose_answers = self.lose_requests = self.late_requests = self.member_lag = 0.0


class SimStore:
    """A client of the simulated cluster: `store.protocol.Store`."""

    timeout_seconds = 5.0

    def __init__(self, cluster: SimCluster, name: str, link: Link, process: Process | None = None) -> None:
        self._cluster = cluster
        self.name = name
        self.link = link
        self._process = process or Process()

    async def get(self, key: str, *, local: bool = False) -> Entry | None:
        def read() -> Entry | None:
            return self._cluster.entry(key, self._seen() if local else self._cluster.revision)

        return await self._ask(read, Transient, local)

    async def scan(
        self, prefix: str, *, start: str = "", at_least: int = 0, local: bool = False, keys_only: bool = False
    ) -> Snapshot:
        def read() -> Snapshot:
            revision = max(self._seen(), at_least) if local else self._cluster.revision
            return Snapshot(Revision(revision), self._cluster.scan(prefix, start, revision))

        return await self._ask(read, Transient, local)

    async def commit(
        self,
        *guards: Guard,
        put: Mapping[str, bytes] = {},
        delete: Collection[str] = (),
        lease: Lease | None = None,
    ) -> Committed | Refused:
        assert len(guards) <= MAX_GUARDS, f"{len(guards)} guards"
        assert len(put) + len(delete) <= MAX_WRITES, f"{len(put) + len(delete)} writes"
        assert not put.keys() & set(delete), "a key is put and deleted at once"
        id = lease.id if lease else None
        return await self._ask(
            lambda: self._cluster.commit(self.name, guards, put, delete, id), Ambiguous, False
        )

    async def grant(self, ttl_seconds: float) -> Lease:
        sent_at = asyncio.get_running_loop().time()
        lease = await self._ask(lambda: self._cluster.grant(ttl_seconds), Transient, False)
        self._note_renewal(sent_at, lease)
        return lease

    async def keep_alive(self, lease: Lease) -> None:
        sent_at = asyncio.get_running_loop().time()
        await self._ask(lambda: self._cluster.keep_alive(lease), Transient, False)
        self._note_renewal(sent_at, lease)

    def _note_renewal(self, sent_at: float, lease: Lease) -> None:
        self._cluster.renewals.setdefault(self.name, []).append((sent_at, lease.ttl_seconds))

    async def revoke(self, lease: Lease) -> None:
        await self._ask(lambda: self._cluster.expire(lease.id, self.name), Transient, False)

    async def watch(self, prefix: str, *, after: int) -> AsyncIterator[Change | Progress]:
        at = after
        while True:
            if at < self._cluster.compacted:
                raise Compacted(self._cluster.compacted)
            if self.link.cut or self._process.stopped:
                await asyncio.sleep(1.0)
                continue
            now = asyncio.get_running_loop().time()
            for written in self._cluster.since(at):
                if written.at > now - self.link.member_lag:
                    break
                at = written.revision
                for key, value in written.changes:
                    if key.startswith(prefix):
                        entry = self._cluster.entry(key, written.revision)
                        created = entry.create_revision if entry else Revision(0)
                        yield Change(key, value, Revision(written.revision), created)
            if at == self._cluster.revision:
                await self._cluster.grown()
            await asyncio.sleep(self.link.latency() + self.link.member_lag)

    def _seen(self) -> int:
        """The revision that the nearest member has reached."""
        if not self.link.member_lag:
            return self._cluster.revision
        horizon = asyncio.get_running_loop().time() - self.link.member_lag
        history = self._cluster.history
        at = bisect.bisect_right(history, horizon, key=lambda written: written.at)
        return max(history[at - 1].revision if at else 1, self._cluster.compacted, 1)

    async def _ask(self, act: Callable[[], T], unknown: type[Exception], local: bool) -> T:
        return await self._process.send(lambda: self._exchange(act, unknown, local))

    async def _exchange(self, act: Callable[[], T], unknown: type[Exception], local: bool) -> T:
        """Send, act, answer; each way takes its time, and may swallow what is on it.

        What is sent arrives, even if the sender dies meanwhile.
        """
        loop = asyncio.get_running_loop()
        arrived: asyncio.Future[T] = loop.create_future()

        def arrive() -> None:
            try:
                result = act()
            except (Transient, Fenced) as error:
                if not arrived.done():
                    arrived.set_exception(error)
            else:
                if not arrived.done():
                    arrived.set_result(result)

        def arrive_unheard() -> None:
            with contextlib.suppress(Transient, Fenced):
                act()

        leaderless = not (self._cluster.quorum or local)
        if leaderless and self.link.is_proposed():
            self._cluster.proposed.append(arrive_unheard)
        late = not leaderless and not local and self.link.delays_request()
        if late:
            loop.call_later(self.timeout_seconds + 10 * self.link.latency(), arrive_unheard)
        if late or leaderless or self.link.loses_request():
            await asyncio.sleep(self.timeout_seconds)
            raise unknown("no answer from the store")
        loop.call_later(self.link.latency() / 2, arrive)
        result = await arrived
        await asyncio.sleep(self.link.latency() / 2)
        if self.link.loses_answer():
            await asyncio.sleep(self.timeout_seconds)
            raise unknown("no answer from the store")
        return result
