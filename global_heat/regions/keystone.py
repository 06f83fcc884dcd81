"""What else is asked of a Keystone: who a caller is, and trusts."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import Project
from global_heat.model.values import Body
from global_heat.regions import answers
from global_heat.regions.calls import Calls
from global_heat.regions.cloud import Gone
from global_heat.regions.credentials import ServiceUsers
from global_heat.regions.health import IDENTITY
from global_heat.regions.identity import Session, ask_keystone
from global_heat.regions.registry import RegionSpec
from global_heat.regions.sessions import Sessions

CHECKED_SECONDS_MAX = 60.0
CHECKED_MAX = 4096
EXPIRY_STEP_SECONDS = 1e-5
"""Expiries that are to tell trusts apart differ by as much: Keystone keeps microseconds, cut off."""


class Who(msgspec.Struct, frozen=True):
    """Whom a token stands for."""

    user: str
    user_name: str
    project: Project
    roles: tuple[str, ...]
    expires_at: float
    """Unix seconds."""


class TokenChecker:
    """Checks callers' tokens with the home cloud's Keystone, or another cloud's, as the user it has there.

    A good token is taken for good for `CHECKED_SECONDS_MAX`, so a revoked one may be for that long. Only a
    token's hash is kept.
    """

    def __init__(
        self,
        calls: Calls,
        sessions: Sessions,
        find_spec: Callable[[], RegionSpec],
        services: ServiceUsers,
        clock: Callable[[], float],
    ) -> None:
        self._calls = calls
        self._sessions = sessions
        self._find_spec = find_spec
        self._services = services
        self._clock = clock
        self._checked: dict[tuple[str, bytes], tuple[float, Who]] = {}

    async def check(self, token: str) -> Who:
        """Who calls, as the home cloud's Keystone has it. Errors as `check_at`."""
        return await self.check_at(self._find_spec(), token)

    async def check_at(self, spec: RegionSpec, token: str) -> Who:
        """Raises `Invalid` (UNAUTHENTICATED) for a token that is none, or of no project; `Transient` when
        Keystone cannot be asked."""
        now = self._clock()
        key = (spec.cloud, hashlib.sha256(token.encode()).digest())
        until, known = self._checked.get(key, (0.0, None))
        if known is not None and now < until:
            return known
        who = await self._ask(spec, token)
        if who.expires_at <= now:
            raise _unauthenticated()
        if len(self._checked) >= CHECKED_MAX:
            self._checked = {each: value for each, value in self._checked.items() if now < value[0]}
        if len(self._checked) >= CHECKED_MAX:
            self._checked.pop(next(iter(self._checked)))
        self._checked[key] = (min(now + CHECKED_SECONDS_MAX, who.expires_at), who)
        return who

    async def _ask(self, spec: RegionSpec, token: str) -> Who:
        if not token or not token.isascii() or not token.isprintable():
            raise _unauthenticated()
        session = await self._service_session(spec, None)
        for last in (False, True):
            response = await ask_keystone(
                self._calls,
                spec,
                "GET",
                "/auth/tokens?nocatalog",
                token=session.token,
                headers={"X-Subject-Token": token},
            )
            if response.status != 401 or last:
                break
            session = await self._service_session(spec, session)
        if response.status == 401:
            raise Transient(f"Keystone of {spec.name} does not accept this service's own token")
        try:
            body = answers.read(response, IDENTITY, spec.name, changes=False)
        except Gone as unknown:
            raise _unauthenticated() from unknown
        return self._who(token, body, spec)

    async def _service_session(self, spec: RegionSpec, refused: Session | None) -> Session:
        """Raises `Transient` also when the service's credential is not accepted: the caller's is not at
        fault."""
        service = self._services.of(spec.cloud).credential
        try:
            if refused is None:
                return await self._sessions.get(spec, service)
            return await self._sessions.replace(spec, service, refused)
        except Invalid as refusal:
            raise Transient(
                f"Keystone of {spec.name} does not accept this service's credential: {refusal}"
            ) from refusal

    def _who(self, token: str, body: Body, spec: RegionSpec) -> Who:
        try:
            seen = Session(token, body, self._clock())
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            raise Transient(f"Keystone of {spec.name} answered with something that is no token") from fault
        if not seen.project:
            raise Invalid("the token is of no project", reason=Reason.UNAUTHENTICATED)
        return Who(seen.user or "", seen.user_name or "", seen.project, seen.roles, seen.expires_at)


def _unauthenticated() -> Invalid:
    return Invalid("the token is not valid, or not any more", reason=Reason.UNAUTHENTICATED)


class SeenTrust(msgspec.Struct, frozen=True):
    """A trust as Keystone lists it."""

    id: str
    user: str
    """Who trusts."""
    project: Project
    expires_at: float
    """Unix seconds."""


def is_same_expiry(one: float, other: float) -> bool:
    return abs(one - other) < EXPIRY_STEP_SECONDS / 2


class Trusts:
    """Makes, finds and removes trusts. Neither is ever sent twice by itself."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def create(
        self,
        spec: RegionSpec,
        token: str,
        who: Who,
        trustee: str,
        roles: tuple[str, ...] = (),
        expires_at: float | None = None,
    ) -> str:
        """Have the caller, whose `token` it is, trust the user `trustee` in the caller's project.

        `roles` are delegated: names, of those the caller has; empty: all of the caller's. A trust with an
        expiry (unix seconds) is unique by it. Returns the trust's id. Raises `ServiceRefusal` (a token that
        is itself of a trust may make none), `Transient`, `Ambiguous`.
        """
        missing = [role for role in roles if role not in who.roles]
        if missing:
            raise Invalid(
                f"you have no role {', '.join(missing)} in project {who.project}", reason=Reason.FORBIDDEN
            )
        wish: Body = {
            "trustor_user_id": who.user,
            "trustee_user_id": trustee,
            "project_id": who.project,
            "impersonation": True,
            "allow_redelegation": False,
            "roles": [{"name": role} for role in roles or who.roles],
        }
        if expires_at is not None:
            wish["expires_at"] = datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        response = await ask_keystone(
            self._calls, spec, "POST", "/OS-TRUST/trusts", token=token, body={"trust": wish}, changes=True
        )
        body = answers.read(response, IDENTITY, spec.name, changes=True)
        try:
            return str(body["trust"]["id"])
        except (KeyError, TypeError) as fault:
            raise Ambiguous(f"Keystone of {spec.name} answered with something that is no trust") from fault

    async def find(
        self, spec: RegionSpec, token: str, who: Who, trustee: str, expires_at: float
    ) -> str | None:
        """The id of the caller's trust that has this expiry; None: there is none. Errors as `create`."""
        filters = f"trustor_user_id={who.user}&trustee_user_id={trustee}"
        for trust in await self._list(spec, token, filters):
            if trust.project == who.project and is_same_expiry(trust.expires_at, expires_at):
                return trust.id
        return None

    async def list_for_trustee(self, spec: RegionSpec, session: Session) -> list[SeenTrust]:
        """All trusts in him whose session it is, but those that never expire: they are none of ours.

        Raises `Transient`, `ServiceRefusal`.
        """
        return await self._list(spec, session.token, f"trustee_user_id={session.user}")

    async def _list(self, spec: RegionSpec, token: str, filters: str) -> list[SeenTrust]:
        path = f"/OS-TRUST/trusts?{filters}"
        response = await ask_keystone(self._calls, spec, "GET", path, token=token)
        body = answers.read(response, IDENTITY, spec.name, changes=False)
        try:
            return [
                SeenTrust(
                    id=str(trust["id"]),
                    user=str(trust["trustor_user_id"]),
                    project=Project(trust["project_id"] or ""),
                    expires_at=datetime.fromisoformat(trust["expires_at"]).timestamp(),
                )
                for trust in body["trusts"]
                if trust["expires_at"] is not None
            ]
        except (KeyError, TypeError, ValueError) as fault:
            raise Transient(f"Keystone of {spec.name} answered with something that is no trusts") from fault

    async def delete(self, spec: RegionSpec, session: Session, trust_id: str) -> None:
        """Remove a trust, with a session of it or of its trustor. One that is gone is no error.

        Raises `ServiceRefusal`, `Transient`, `Ambiguous`; sending it again does no harm.
        """
        path = f"/OS-TRUST/trusts/{trust_id}"
        response = await ask_keystone(self._calls, spec, "DELETE", path, token=session.token, changes=True)
        try:
            answers.read(response, IDENTITY, spec.name, changes=True)
        except Gone:
            pass
