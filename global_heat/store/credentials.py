"""What a stack's deferred work is done under: one trust per cloud, made with its user's token.

The trust's id is no secret by itself, but nobody needs to see it: it is sealed, bound to its stack and cloud.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import Protocol, TypeVar

import structlog

from global_heat.model.errors import Ambiguous, Error, Invalid, Reason, Transient
from global_heat.model.names import Project, Region, StackId
from global_heat.model.records import TrustAttempt, TrustRecord
from global_heat.regions.credentials import ServiceUsers, TrustCredential
from global_heat.regions.identity import Session
from global_heat.regions.keystone import EXPIRY_STEP_SECONDS, SeenTrust, Trusts
from global_heat.regions.keystone import Who as KeystoneWho
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.store import keys, trust_ledger
from global_heat.store.codec import decode
from global_heat.store.protocol import Entry, Store
from global_heat.store.sealing import Seal
from global_heat.store.trust_ledger import MadeTrust

KEPT_SECONDS = 30.0
"""For so long a replica goes on with a trust that another has replaced."""
KEPT_MAX = 4096
FAR = 4_102_444_800.0
"""The year 2100: trusts expire in the thirty years that follow."""
_EXPIRIES = int(30 * 365 * 86400 / EXPIRY_STEP_SECONDS)

T = TypeVar("T")
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

    `clock` is the wall clock, in unix seconds. A cloud of the region `home` is asked there first.
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
        home: Region,
    ) -> None:
        self._store = store
        self._seal = seal
        self._registry = registry
        self._sessions = sessions
        self._trusts = trusts
        self._services = services
        self._clock = clock
        self._home = home
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
    ) -> list[MadeTrust]:
        """Trusts for the clouds of the regions where the stack has none that Keystone still takes.

        They are made by the caller, whose `token` it is, and are for the caller of this to record. Raises
        `Invalid` when Keystone refuses, `Transient` or `Ambiguous` when it or the store cannot be asked; then
        what was made is condemned.
        """
        made: list[MadeTrust] = []
        try:
            for cloud in self._clouds_of(regions):
                before = await self._store.get(keys.trust(project, stack, cloud))
                if before is None or not await self._is_good(project, stack, before):
                    made.append(await self._make(who, token, project, stack, cloud, before))
        except Error:
            await self.condemn(made)
            raise
        return made

    async def condemn(self, trusts: Iterable[MadeTrust]) -> None:
        """Give up those that are recorded nowhere. Where the store does not answer, time does it."""
        for made in trusts:
            await self._condemn(made.attempt)

    async def look(self, cloud: str) -> list[SeenTrust]:
        """All that this service is trusted with in a cloud.

        Raises `Transient`; `Invalid` when it has no region.
        """

        async def ask(spec: RegionSpec) -> list[SeenTrust]:
            return await self._trusts.list_for_trustee(spec, await self._service_session(spec))

        return await self._anywhere(cloud, ask)

    async def remove(self, cloud: str, id: str) -> None:
        """Delete one. It is its trustor who does, by that very trust. Errors as `look`, and `Ambiguous`,
        `ServiceRefusal`: to be done again until it is not there any more."""
        credential = TrustCredential(self._services.of(cloud).credential, id)

        async def ask(spec: RegionSpec) -> None:
            session = await self._sessions.get(spec, credential)
            await self._trusts.delete(spec, session, id)

        try:
            await self._anywhere(cloud, ask)
        finally:
            self._sessions.forget(credential)

    def settling_seconds(self, cloud: str) -> float:
        """After the end of the credential that a request carries: until what it does shows in every list."""
        return max(
            (spec.skew_seconds + spec.exec_seconds + spec.lag_seconds for spec in self._specs(cloud)),
            default=math.inf,
        )

    async def _make(
        self, who: Who, token: str, project: Project, stack: StackId, cloud: str, before: Entry | None
    ) -> MadeTrust:
        """One trust, its intent first."""
        trustee = (await self._anywhere(cloud, self._service_session)).user or ""
        attempt = TrustAttempt(
            cloud=cloud,
            project=project,
            stack=stack,
            user=who.user,
            user_project=who.project,
            expires_at=self._expiry(project, stack, cloud),
            started_at=self._clock(),
            cred_expires_at=who.expires_at,
        )
        entry = await trust_ledger.begin(self._store, attempt)
        try:
            id = await self._request(
                KeystoneWho(who.user, "", who.project, who.roles, who.expires_at), token, trustee, attempt
            )
        except Error:
            await self._condemn(entry)
            raise
        self._kept.pop((stack, cloud), None)
        record = TrustRecord(
            cloud=cloud,
            sealed=self._seal.seal(id, *_place(project, stack, cloud)),
            user=who.user,
            project=who.project,
            expires_at=attempt.expires_at,
            started_at=attempt.started_at,
            cred_expires_at=attempt.cred_expires_at,
        )
        return MadeTrust(record, entry, before)

    async def _request(self, who: KeystoneWho, token: str, trustee: str, attempt: TrustAttempt) -> str:
        """Send the request; the trust's id. It goes by way of another region only when the one before has
        certainly not taken it."""
        expires_at, roles = attempt.expires_at, self._services.of(attempt.cloud).trust_roles

        async def create(spec: RegionSpec) -> str:
            return await self._trusts.create(spec, token, who, trustee, roles, expires_at)

        async def find(spec: RegionSpec) -> str | None:
            return await self._trusts.find(spec, token, who, trustee, expires_at)

        try:
            return await self._anywhere(attempt.cloud, create)
        except Ambiguous as silence:
            found = await self._anywhere(attempt.cloud, find)
            if found is None:
                raise Transient(f"nobody says whether a trust was made: {silence}") from silence
            return found

    async def _condemn(self, entry: Entry) -> None:
        try:
            await trust_ledger.condemn(self._store, entry)
        except (Transient, Ambiguous) as error:
            log.info("a trust that nobody needs is condemned later", attempt=entry.key, error=str(error))

    async def _anywhere(self, cloud: str, ask: Callable[[RegionSpec], Awaitable[T]]) -> T:
        """Ask the cloud's Keystone, by way of one region after the other until one can be asked."""
        failure: Error = Invalid(f"cloud {cloud} has no region any more", reason=Reason.NOT_FOUND)
        for spec in self._specs(cloud):
            try:
                return await ask(spec)
            except Transient as error:
                failure = error
        raise failure

    async def _service_session(self, spec: RegionSpec) -> Session:
        return await self._sessions.get(spec, self._services.of(spec.cloud).credential)

    def _specs(self, cloud: str) -> list[RegionSpec]:
        names = sorted(self._registry.names, key=lambda name: (name != self._home, name))
        return [spec for spec in map(self._registry.get, names) if spec.cloud == cloud]

    def _expiry(self, project: Project, stack: StackId, cloud: str) -> float:
        """An expiry that no other trust has, in a far future: the one mark that a trust can carry."""
        # What is sealed is never the same twice.
        drawn = hashlib.sha256(self._seal.seal("", *_place(project, stack, cloud)).encode()).digest()
        return FAR + int.from_bytes(drawn[:8], "big") % _EXPIRIES * EXPIRY_STEP_SECONDS

    async def _is_good(self, project: Project, stack: StackId, entry: Entry) -> bool:
        """Whether Keystone takes it, as far as can be told now. Raises `Invalid` for a record that was sealed
        elsewhere."""
        record = decode(TrustRecord, entry.value)
        credential = self._open(project, stack, record)

        async def ask(spec: RegionSpec) -> Session:
            return await self._sessions.get(spec, credential)

        try:
            await self._anywhere(record.cloud, ask)
        except Invalid:
            return False
        except Transient:
            return True
        return True

    def _clouds_of(self, regions: Collection[Region]) -> list[str]:
        """Raises `Invalid` for a region that is not registered."""
        return sorted({self._registry.get(region).cloud for region in regions})

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
