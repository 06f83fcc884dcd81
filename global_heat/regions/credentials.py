"""What one can prove to a Keystone who one is with. None of them shows its secret when printed."""

from __future__ import annotations

import msgspec


class _Secretive(msgspec.Struct, frozen=True, tag_field="kind"):
    def __repr__(self) -> str:
        return f"<{type(self).__name__}>"


class PasswordCredential(_Secretive, frozen=True, tag="password"):
    """A user's name (or id) and password. Without a project: a token that only says who one is."""

    password: str
    user_id: str = ""
    user_name: str = ""
    user_domain: str = "Default"
    """The name of the user's domain; unused with an id."""
    project_id: str = ""
    project_name: str = ""
    project_domain: str = "Default"


class ApplicationCredential(_Secretive, frozen=True, tag="application_credential"):
    """It belongs to one user and one project by itself."""

    id: str
    secret: str


class TokenCredential(_Secretive, frozen=True, tag="token"):
    """A token somebody has, exchanged for one of a project."""

    token: str
    project_id: str


class TrustCredential(_Secretive, frozen=True, tag="trust"):
    """The service's user, acting under a trust that somebody gave him."""

    service: PasswordCredential
    trust_id: str


Credential = PasswordCredential | ApplicationCredential | TokenCredential | TrustCredential
