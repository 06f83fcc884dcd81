"""Who calls: read from a Keystone token by whoever checks tokens, kept for the time of one call."""

from __future__ import annotations

from collections.abc import Iterable
from contextvars import ContextVar
from typing import Protocol

import msgspec

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project
from global_heat.store.wishes import Caller


class Who(Protocol):
    """What a checked token says."""

    @property
    def user(self) -> str: ...
    @property
    def project(self) -> Project: ...
    @property
    def roles(self) -> tuple[str, ...]: ...
    @property
    def expires_at(self) -> float:
        """Unix seconds."""
        ...


class TokenChecker(Protocol):
    """Asks Keystone about tokens. May remember a good answer for a minute."""

    async def check(self, token: str) -> Who:
        """Raises `Invalid` (UNAUTHENTICATED) for a bad token, `Transient` when Keystone cannot be asked."""
        ...


class Call(msgspec.Struct, frozen=True):
    """One call: who makes it and with which token, which is never kept beyond it."""

    who: Who
    token: str

    def __repr__(self) -> str:
        """Without the token: a traceback may print it."""
        return f"<call of {self.who.user} in {self.who.project}>"

    @property
    def caller(self) -> Caller:
        return Caller(project=self.who.project, user=self.who.user, roles=self.who.roles)


_call: ContextVar[Call] = ContextVar("call")


def begin(call: Call) -> None:
    """Say for the rest of this task's call who makes it."""
    _call.set(call)


def current() -> Call:
    return _call.get()


def token_of(metadata: Iterable[tuple[str, str | bytes]]) -> str:
    """The token that a call's metadata carries. Raises `Invalid` (UNAUTHENTICATED) without one."""
    found = {key.lower(): value for key, value in metadata}
    token = found.get("x-auth-token", "")
    if not token:
        scheme, _, rest = str(found.get("authorization", "")).partition(" ")
        token = rest.strip() if scheme.lower() == "bearer" else ""
    if not token or isinstance(token, bytes):
        raise Invalid(
            "no token: send a Keystone token as x-auth-token, or as authorization: Bearer TOKEN",
            reason=Reason.UNAUTHENTICATED,
        )
    return token
