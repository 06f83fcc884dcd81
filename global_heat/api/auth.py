"""Who calls: read from a Keystone token by whoever checks tokens, kept for the time of one call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextvars import ContextVar
from typing import Protocol

import msgspec

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project
from global_heat.store.caller import Caller

CLOUD_TOKEN = "x-cloud-token"
"""Metadata: `CLOUD=TOKEN`, once for each cloud but home that a call has to do with."""


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


class Tokens(msgspec.Struct, frozen=True):
    """A caller's tokens: the home cloud's, which says who calls, and those of other clouds by their names."""

    home: str
    others: Mapping[str, str] = {}

    def __repr__(self) -> str:
        """Without the tokens: a traceback may print it."""
        return f"<tokens of the home cloud and of {', '.join(self.others) or 'no other'}>"


class Call(msgspec.Struct, frozen=True):
    """One call: who makes it and with which tokens, which are never kept beyond it."""

    who: Who
    tokens: Tokens

    def __repr__(self) -> str:
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


def tokens_of(metadata: Iterable[tuple[str, str | bytes]]) -> Tokens:
    """The tokens that a call's metadata carries. Raises `Invalid` (UNAUTHENTICATED) without one."""
    metadata = list(metadata)
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
    others = {}
    for key, value in metadata:
        if key.lower() == CLOUD_TOKEN:
            cloud, sign, other = str(value).partition("=")
            if not (cloud and sign and other):
                raise Invalid(f"{CLOUD_TOKEN} must be CLOUD=TOKEN", reason=Reason.UNAUTHENTICATED)
            others[cloud] = other
    return Tokens(token, others)
