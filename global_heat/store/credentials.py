"""What a stack's deferred work is done under: one trust per cloud, made with its user's token.

The trust's id is no secret by itself, but nobody needs to see it: it is sealed, bound to its stack and cloud.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection
from typing import Protocol

import structlog

from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.model.names import Project, Region, StackId
from global_heat.model.records import TrustRecord
from global_heat.regions.credentials import ServiceUsers, TrustCredential
from global_heat.regions.keystone import EXPIRY_STEP_SECONDS, Trusts
from global_heat.regions.keystone import Who as KeystoneWho
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import Store, unchanged
from global_heat.store.sealing import Seal

KEPT_SECONDS = 30.0
"""For so long a replica goes on with a trust that another has replaced."""
KEPT_MAX = 4096
FAR = 4_102_444_800.0
"""The year 2100: trusts expire in the thirty years that follow."""
_EXPIRIES = int(30 * 365 * 86400 / EXPIRY_STEP_SECONDS)

log = structlog.get_logger()


class Who(Protocol):
    """Whom a token stands for."""

    @property
    def user(self) -> str:
        """The id."""
        ...

    @property
    def project(self) -> Project: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def expires_at(self) -> float: ...


class StackTrusts:
    """Makes, finds and removes the trusts of stacks. `services` are the users that are trusted, by cloud.

    `clock` may be any that goes forward.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal,
        registry: Registry,
        sessions: Sessions,
        trusts: Trusts,
        services: ServiceUsers,
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._seal = seal
        self._registry = registry
        self._sessions = sessions
        self._trusts = trusts
        self._services = services
        self._clock = clock
        self._kept: dict[tuple[StackId, str], tuple[float, TrustCredential]] = {}

    async def find(self, project: Project, stack: StackId, cloud: str) -> TrustCredential | None:
        """The stack's credential in a cloud; None: it has none. Raises `Transient`, and `Invalid` for a
        record that was sealed elsewhere."""
        kept = self._kept.get((stack, cloud))
        if kept is not None and self._clock() < kept[0]:
            return kept[1]
        key = keys.trust(project, stack, cloud)
        entry = await self._store.get(key, local=True) or await self._store.get(key)
        if entry is None:
            return None
        return self._keep(stack, cloud, self._open(project, stack, decode(TrustRecord, entry.value)))

    async def ensure(
        self, who: Who, token: str, project: Project, stack: StackId, regions: Collection[Region]
    ) -> list[TrustRecord]:
        """Trusts for the clouds of the regions where the stack has none that Keystone still takes.

        They are made by the caller, whose `token` it is, and are for the caller of this to record. Raises
        `Invalid` when Keystone refuses, `Transient` or `Ambiguous` when it cannot be asked.
        """
        trustor = KeystoneWho(who.user, "", who.project, who.roles, who.expires_at)
        made = []
        for spec in self._one_of_each_cloud(regions):
            before = await self.find(project, stack, spec.cloud)
            if before is not None and await self._is_good(spec, before):
                continue
            service = self._services.of(spec.cloud)
            trustee = (await self._sessions.get(spec, service.credential)).user or ""
            expires_at = self._expiry(project, stack, spec.cloud)
            try:
                id = await self._trusts.create(spec, token, trustor, trustee, service.trust_roles, expires_at)
            except Ambiguous:
                found = await self._trusts.find(spec, token, trustor, trustee, expires_at)
                if found is None:
                    raise
                id = found
            self._kept.pop((stack, spec.cloud), None)
            sealed = self._seal.seal(id, *_place(project, stack, spec.cloud))
            made.append(TrustRecord(cloud=spec.cloud, sealed=sealed, user=who.user, project=who.project))
        return made

    async def retire(self, project: Project, stack: StackId) -> None:
        """Remove a stack's trusts from their Keystones, each with its record.

        Raises `Transient`, `Ambiguous`: to be done again.
        """
        prefix = keys.trust(project, stack, "")
        for entry in (await self._store.scan(prefix)).entries:
            record = decode(TrustRecord, entry.value)
            await self.discard(project, stack, record)
            await self._store.commit(unchanged(entry), delete=(entry.key,))

    async def discard(self, project: Project, stack: StackId, record: TrustRecord) -> None:
        """Remove one trust from its Keystone. Raises `Transient`, `Ambiguous`: to be done again."""
        self._kept.pop((stack, record.cloud), None)
        names = [name for name in self._registry.names if self._registry.get(name).cloud == record.cloud]
        if not names:
            log.warning("a trust stays: its cloud has no region any more", stack=stack, cloud=record.cloud)
            return
        spec = self._registry.get(names[0])
        try:
            credential = self._open(project, stack, record)
            session = await self._sessions.get(spec, credential)
            await self._trusts.delete(spec, session, credential.trust_id)
            self._sessions.forget(credential)
        except Invalid as refusal:
            # Gone already, or of a user who is, or sealed by a key that we do not have any more.
            log.warning("a trust cannot be removed", stack=stack, cloud=record.cloud, error=str(refusal))

    def _expiry(self, project: Project, stack: StackId, cloud: str) -> float:
        """An expiry that no other trust has, in a far future: the one mark that a trust can carry."""
        # What is sealed is never the same twice.
        drawn = hashlib.sha256(self._seal.seal("", *_place(project, stack, cloud)).encode()).digest()
        return FAR + int.from_bytes(drawn[:8], "big") % _EXPIRIES * EXPIRY_STEP_SECONDS

    async def _is_good(self, spec: RegionSpec, credential: TrustCredential) -> bool:
        try:
            await self._sessions.get(spec, credential)
        except Invalid:
            return False
        except Transient:
            return True
        return True

    def _one_of_each_cloud(self, regions: Collection[Region]) -> list[RegionSpec]:
        """A region of each cloud. Raises `Invalid` for one that is not registered."""
        specs = [self._registry.get(region) for region in sorted(regions)]
        return list({spec.cloud: spec for spec in reversed(specs)}.values())

    def _open(self, project: Project, stack: StackId, record: TrustRecord) -> TrustCredential:
        id = self._seal.open(record.sealed, *_place(project, stack, record.cloud))
        service = self._services.of(record.cloud).credential
        return TrustCredential(service, str(id), record.project)

    def _keep(self, stack: StackId, cloud: str, credential: TrustCredential) -> TrustCredential:
        if len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        self._kept[stack, cloud] = (self._clock() + KEPT_SECONDS, credential)
        return credential


def _place(project: Project, stack: StackId, cloud: str) -> tuple[str, ...]:
    return ("trust", project, stack, cloud)
