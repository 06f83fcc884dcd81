"""What one can prove to a Keystone who one is with. None of them shows its secret when printed."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.errors import Transient


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
    project_id: str = ""
    """Where it lets him act, as that Keystone calls it; empty: not known."""


Credential = PasswordCredential | ApplicationCredential | TokenCredential | TrustCredential


class ServiceUser(_Secretive, frozen=True):
    """This service's own user in a cloud."""

    credential: PasswordCredential
    trust_roles: tuple[str, ...] = ()
    """Which of a user's roles are delegated to it; empty: all."""


class ServiceUsers:
    """The service's users by cloud: a Keystone is shown no other Keystone's password."""

    def __init__(self, of_clouds: Mapping[str, ServiceUser], of_others: ServiceUser | None = None) -> None:
        """`of_others`: in the clouds that are not named."""
        self._of_clouds = of_clouds
        self._of_others = of_others

    def of(self, cloud: str) -> ServiceUser:
        """Raises `Transient`: another replica may be configured better, and so may this one be."""
        user = self._of_clouds.get(cloud, self._of_others)
        if user is None:
            raise Transient(f"the configuration names no service user of cloud {cloud} (service.clouds)")
        return user

    @property
    def passwords(self) -> tuple[str, ...]:
        """What must never be shown."""
        others = (self._of_others,) if self._of_others else ()
        return tuple(user.credential.password for user in (*others, *self._of_clouds.values()))
