"""What Keystone knows: who there is, who may what, and the tokens it gave."""

from __future__ import annotations

from dataclasses import dataclass, field

from global_heat.model.records import trust_handle


@dataclass(slots=True)
class User:
    id: str
    name: str
    password: str
    domain_id: str = "default"
    enabled: bool = True


@dataclass(slots=True)
class Project:
    id: str
    name: str
    domain_id: str = "default"
    enabled: bool = True


@dataclass(slots=True)
class Trust:
    """The trustor lets the trustee act in a project with some of the trustor's roles."""

    id: str
    trustor_user_id: str
    trustee_user_id: str
    project_id: str
    impersonation: bool
    roles: tuple[str, ...]
    """Names."""
    expires_at: float | None
    remaining_uses: int | None = None
    created_at: float = 0.0

    @property
    def handle(self) -> str:
        """What whoever wished it knows it by; empty: nothing but its id."""
        return "" if self.expires_at is None else trust_handle(self.expires_at)


@dataclass(slots=True)
class ApplicationCredential:
    id: str
    name: str
    secret: str
    user_id: str
    project_id: str
    roles: tuple[str, ...]
    expires_at: float | None
    unrestricted: bool = False
    description: str = ""
    created_at: float = 0.0


@dataclass(slots=True)
class Grant:
    """A token and what it allows."""

    token: str
    user_id: str
    project_id: str | None
    roles: frozenset[str]
    issued_at: float
    expires_at: float
    methods: tuple[str, ...]
    audit_id: str
    trust_id: str | None = None
    credential_id: str | None = None
    revoked_at: float | None = None
    seen_by: set[str] = field(default_factory=set)
    """Regions whose services validated it: they know it even when Keystone is down."""

    @property
    def is_admin(self) -> bool:
        return "admin" in self.roles
