"""Remove the trusts that the ledger knows of and no stack's record names, until none can appear any more.

The ledger's entry of a trust (`store.trust_ledger`) is condemned by the front door whose wish failed, by the
end of the stack's record, or here: when the wish has had its time. That is safe at any moment, since only an
entry that nobody has condemned can be recorded. What is condemned is known in Keystone by its expiry, which
no other trust has. An entry is forgotten by a look that began when all that was ever sent for it would show,
and that found nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence

import structlog

from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import World
from global_heat.engine.ranking import ranked
from global_heat.model.errors import Ambiguous, Error, Transient
from global_heat.model.names import ReplicaId
from global_heat.model.records import ReplicaRecord, TrustAttempt
from global_heat.regions.keystone import SeenTrust, is_same_expiry
from global_heat.store import keys, trust_ledger
from global_heat.store.codec import decode
from global_heat.store.protocol import Entry, unchanged

log = structlog.get_logger()
_AGE_PER_LOOK = 4
"""The older an entry, the less often it is looked for: four times until it is twice as old."""


class TrustSweeper:
    """Sweeps the clouds for which this replica is the best-ranked of its region. Needs no claim."""

    def __init__(
        self,
        world: World,
        id: ReplicaId,
        lease: LeaseKeeper,
        replicas: Callable[[], Iterable[ReplicaRecord]],
    ) -> None:
        self._world = world
        self._id = id
        self._lease = lease
        self._replicas = replicas
        self._looked: dict[str, float] = {}
        """When an entry's trust was last looked for and not found, by the entry's key."""

    async def run(self) -> None:
        while True:
            await asyncio.sleep(self._world.settings.sweep_seconds)
            async with asyncio.TaskGroup() as passes:
                for cloud, entries in (await self._ledger()).items():
                    order = ranked(f"trusts {cloud}", self._world.region, self._replicas(), {})
                    if order and order[0] == self._id:
                        passes.create_task(self._sweep_quietly(cloud, entries))

    async def sweep(self, cloud: str, entries: Sequence[Entry]) -> None:
        """One pass over one cloud's entries. Raises any `Error`: to be done again."""
        begun = self._world.clock()
        condemned = [entry for each in entries if (entry := await self._condemned(each, begun)) is not None]
        due = [
            (decode(TrustAttempt, entry.value), entry) for entry in condemned if self._is_due(entry, begun)
        ]
        if not due:
            return
        begun = self._world.clock()
        seen = await self._world.trusts.look(cloud)
        for attempt, entry in due:
            found = [trust for trust in seen if is_it(trust, attempt)]
            for trust in found:
                await self._remove(attempt, trust)
            if not found:
                self._looked[entry.key] = begun
                if begun > self._settled_at(attempt):
                    await self._world.store.commit(unchanged(entry), delete=(entry.key,))

    async def _ledger(self) -> dict[str, list[Entry]]:
        """The entries by their cloud; none while the store does not say."""
        found: dict[str, list[Entry]] = {}
        try:
            entries = (await self._world.store.scan(keys.TRUSTS)).entries
        except (Transient, Ambiguous):
            return found
        for entry in entries:
            found.setdefault(decode(TrustAttempt, entry.value).cloud, []).append(entry)
        self._looked = {e.key: self._looked[e.key] for e in entries if e.key in self._looked}
        return found

    async def _sweep_quietly(self, cloud: str, entries: Sequence[Entry]) -> None:
        try:
            await self.sweep(cloud, entries)
        except Error as error:
            log.info("trusts are not swept", cloud=cloud, error=str(error))

    async def _condemned(self, entry: Entry, now: float) -> Entry | None:
        """The entry, once nobody will record its trust any more."""
        attempt = decode(TrustAttempt, entry.value)
        if attempt.condemned:
            return entry
        if now <= attempt.started_at + self._world.settings.trust_seconds:
            return None
        return await trust_ledger.condemn(self._world.store, entry)

    def _is_due(self, entry: Entry, now: float) -> bool:
        looked = self._looked.get(entry.key)
        if looked is None:
            return True
        attempt = decode(TrustAttempt, entry.value)
        settled = looked <= self._settled_at(attempt) < now
        return settled or now - looked >= (looked - attempt.started_at) / _AGE_PER_LOOK

    def _settled_at(self, attempt: TrustAttempt) -> float:
        """From when on a look shows all that a request for it can have done."""
        return attempt.cred_expires_at + self._world.trusts.settling_seconds(attempt.cloud)

    async def _remove(self, attempt: TrustAttempt, trust: SeenTrust) -> None:
        """That it is condemned was read from the store before the look, and stays so."""
        log.info("deleting a trust", cloud=attempt.cloud, stack=attempt.stack, trust=trust.id)
        await self._lease.until_may_act()
        try:
            await self._world.trusts.remove(attempt.cloud, trust.id)
        except Error as error:
            log.info("a trust is not deleted yet", stack=attempt.stack, trust=trust.id, error=str(error))


def is_it(trust: SeenTrust, attempt: TrustAttempt) -> bool:
    """Whether the entry's request made it."""
    mine = (attempt.user, attempt.user_project)
    return (trust.user, trust.project) == mine and is_same_expiry(trust.expires_at, attempt.expires_at)
