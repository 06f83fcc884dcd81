"""Keystone's state and rules; `identity` speaks its API."""

from __future__ import annotations

import hashlib
import random
import uuid
from collections.abc import Callable

from global_heat.sim.cloud.keystone.catalogue import Catalogue
from global_heat.sim.cloud.keystone.tokens import ApplicationCredential, Grant, Project, Trust, User
from global_heat.sim.cloud.things import Made

ROLES = ("admin", "member", "reader", "service")
_SEED = (
    # user, password, project, roles
    ("admin", "admin", "admin", ("admin", "member", "reader")),
    ("admin", "admin", "demo", ("admin",)),
    ("demo", "demo", "demo", ("member", "reader")),
    ("rival", "rival", "rival", ("member", "reader")),
    ("global-heat", "global-heat", "service", ("service", "admin")),
)
_PRUNE_EVERY = 1000


class FakeKeystone:
    """`token_seconds` is how long a token lives; `clock` gives unix seconds."""

    def __init__(self, clock: Callable[[], float], rng: random.Random, token_seconds: float = 60.0) -> None:
        self.clock = clock
        self.token_seconds = token_seconds
        self._rng = rng
        self.users: dict[str, User] = {}
        self.projects: dict[str, Project] = {}
        self.roles = {role_id(name): name for name in ROLES}
        self.assignments: dict[tuple[str, str], set[str]] = {}
        """Role names by (user, project)."""
        self.trusts: dict[str, Trust] = {}
        self.credentials: dict[str, ApplicationCredential] = {}
        self.grants: dict[str, Grant] = {}
        self.catalogue = Catalogue()
        self._issued = 0
        for name, password, project, roles in _SEED:
            self.assign(self.add_user(name, password).id, self.add_project(project).id, *roles)

    def new_id(self) -> str:
        return uuid.UUID(int=self._rng.getrandbits(128), version=4).hex

    def add_user(self, name: str, password: str) -> User:
        """Add a user of the default domain; the one of that name if there is one."""
        id = seed_id("user", name)
        return self.users.setdefault(id, User(id, name, password))

    def add_project(self, name: str) -> Project:
        id = seed_id("project", name)
        return self.projects.setdefault(id, Project(id, name))

    def assign(self, user_id: str, project_id: str, *roles: str) -> None:
        self.assignments.setdefault((user_id, project_id), set()).update(roles)

    def project_id(self, name: str) -> str:
        """The id of the project of that name. Raises KeyError."""
        return next((p.id for p in self.projects.values() if p.name == name), None) or _missing(name)

    def user_id(self, name: str) -> str:
        return next((u.id for u in self.users.values() if u.name == name), None) or _missing(name)

    def issue(
        self,
        user_id: str,
        project_id: str | None,
        methods: tuple[str, ...] = ("password",),
        *,
        roles: frozenset[str] | None = None,
        trust_id: str | None = None,
        credential_id: str | None = None,
        expires_at: float | None = None,
    ) -> Grant:
        """Give a token. `expires_at` shortens its life, never lengthens it."""
        now = self.clock()
        self._issued += 1
        if self._issued % _PRUNE_EVERY == 0:
            self.grants = {token: grant for token, grant in self.grants.items() if grant.expires_at > now}
        end = now + self.token_seconds
        grant = Grant(
            token="gAAAAA" + f"{self._rng.getrandbits(256):064x}",
            user_id=user_id,
            project_id=project_id,
            roles=roles if roles is not None else self._roles(user_id, project_id),
            issued_at=now,
            expires_at=end if expires_at is None else min(end, expires_at),
            methods=methods,
            audit_id=f"{self._rng.getrandbits(128):032x}"[:22],
            trust_id=trust_id,
            credential_id=credential_id,
        )
        self.grants[grant.token] = grant
        return grant

    def token(self, user: str, project: str) -> str:
        """A token of a user in a project, both by name: for tests and tools."""
        return self.issue(self.user_id(user), self.project_id(project)).token

    def valid(self, token: str, now: float, lag_seconds: float = 0.0) -> Grant | None:
        """What the token allows now, None when it is expired, revoked or none.

        `lag_seconds`: for how long a service's cache still takes it after its revocation.
        """
        grant = self.grants.get(token)
        if grant is None or now >= grant.expires_at:
            return None
        if grant.revoked_at is not None and now >= grant.revoked_at + lag_seconds:
            return None
        return grant

    def revoke(self, doomed: Callable[[Grant], bool]) -> None:
        """Revoke all tokens of which that holds."""
        now = self.clock()
        for grant in self.grants.values():
            if grant.revoked_at is None and doomed(grant):
                grant.revoked_at = now

    def delete_trust(self, trust_id: str) -> None:
        del self.trusts[trust_id]
        self.revoke(lambda grant: grant.trust_id == trust_id)

    def disable_user(self, user_id: str) -> None:
        self.users[user_id].enabled = False
        self.revoke(lambda grant: grant.user_id == user_id or self._trustor(grant) == user_id)

    def enable_user(self, user_id: str) -> None:
        self.users[user_id].enabled = True

    def truth(self) -> list[Made]:
        """The trusts and application credentials that exist now."""
        trusts = [
            Made("identity.trust", t.id, t.handle, "", t.project_id, None, t.created_at, None, "user")
            for t in self.trusts.values()
        ]
        kind = "identity.application_credential"
        return trusts + [
            Made(kind, c.id, c.name, "", c.project_id, None, c.created_at, None, "user", c.description)
            for c in self.credentials.values()
        ]

    def _trustor(self, grant: Grant) -> str | None:
        trust = self.trusts.get(grant.trust_id or "")
        return trust.trustor_user_id if trust else None

    def _roles(self, user_id: str, project_id: str | None) -> frozenset[str]:
        return frozenset(self.assignments.get((user_id, project_id or ""), ()))


def seed_id(kind: str, name: str) -> str:
    """Seeded users and projects have the same ids in every run, so that recorded files stay good."""
    return hashlib.blake2b(f"{kind}:{name}".encode(), digest_size=16).hexdigest()


def role_id(name: str) -> str:
    return seed_id("role", name)


def _missing(name: str) -> str:
    raise KeyError(name)
