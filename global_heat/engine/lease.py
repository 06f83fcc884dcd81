"""A replica's lease, and until when it may act.

The deadline counts from the *send* of the last renewal that was answered: the answer may have been long under
way. Two seconds before it the replica starts no mutating call any more (`may_act`), and those in flight are
cut; an etcd outage of any length kills nothing. When the lease is gone, all claims are: the engine drops its
work and starts afresh.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.store.protocol import Lease, Store

SOFT_MARGIN_SECONDS = 2.0
_RETRY_SECONDS = 0.2

OnRenewal = Callable[[float, float], None]
"""Told the soft and the hard deadline, by the loop's clock, at every renewal."""


class LeaseKeeper:
    """Holds one lease. Times are those of the running loop's clock, in seconds."""

    def __init__(self, store: Store, lease: Lease, sent_at: float, on_renewal: OnRenewal) -> None:
        self._store = store
        self.lease = lease
        self._on_renewal = on_renewal
        self._soft_deadline = 0.0
        self._renewed = asyncio.Event()
        self.lost = asyncio.Event()
        self._extend(sent_at)

    @classmethod
    async def grant(
        cls, store: Store, ttl_seconds: float, on_renewal: OnRenewal = lambda soft, hard: None
    ) -> LeaseKeeper:
        sent_at = asyncio.get_running_loop().time()
        lease = await store.grant(ttl_seconds)
        return cls(store, lease, sent_at, on_renewal)

    @property
    def margin_seconds(self) -> float:
        """Until the soft deadline; negative once it has passed."""
        return self._soft_deadline - asyncio.get_running_loop().time()

    @property
    def may_act(self) -> bool:
        return self.margin_seconds > 0 and not self.lost.is_set()

    async def until_may_act(self) -> None:
        """Wait for a renewal, if one is due. Raises `Fenced` when the lease is lost meanwhile."""
        while not self.may_act:
            if self.lost.is_set():
                raise Fenced("the replica's lease is gone")
            self._renewed.clear()
            await self._renewed.wait()

    async def keep(self) -> None:
        """Renew until the lease is lost."""
        loop = asyncio.get_running_loop()
        pause = third = self.lease.ttl_seconds / 3
        while True:
            await asyncio.sleep(pause)
            sent_at = loop.time()
            try:
                async with asyncio.timeout(third):
                    await self._store.keep_alive(self.lease)
            except Fenced:
                break
            except (Transient, Ambiguous, TimeoutError):
                # A third of its life is gone already: the next try must not wait for another.
                pause = _RETRY_SECONDS
                continue
            self._extend(sent_at)
            pause = third
        self.lost.set()
        self._renewed.set()

    def _extend(self, sent_at: float) -> None:
        deadline = sent_at + self.lease.ttl_seconds
        self._soft_deadline = deadline - min(SOFT_MARGIN_SECONDS, self.lease.ttl_seconds / 4)
        self._on_renewal(self._soft_deadline, deadline)
        self._renewed.set()
