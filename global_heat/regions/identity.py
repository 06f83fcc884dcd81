"""Proving to a Keystone who one is, and what one gets for it: a session.

There are two implementations of `Identity`. `KeystoneauthIdentity` is the real one: keystoneauth1's plugins,
in threads, because they block. `PlainIdentity` asks Keystone itself, through the same calls as everything
else: no thread can run in virtual time, and a simulated schedule must see every request. Both have
keystoneauth1 read the token and choose endpoints, and nothing else in the project uses it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any, Protocol
from urllib.parse import urlsplit

import msgspec
from keystoneauth1 import exceptions as failures
from keystoneauth1 import session as keystone_session
from keystoneauth1.access import access as keystone_access
from keystoneauth1.access import service_catalog
from keystoneauth1.identity import v3

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import Project
from global_heat.model.values import Body
from global_heat.regions import answers
from global_heat.regions.calls import Calls
from global_heat.regions.cloud import ServiceRefusal
from global_heat.regions.credentials import (
    ApplicationCredential,
    Credential,
    PasswordCredential,
    TokenCredential,
    TrustCredential,
)
from global_heat.regions.health import IDENTITY
from global_heat.regions.registry import RegionSpec
from global_heat.regions.transport import Request, Response

TOKEN_SECONDS_MAX = 20.0
"""How long one question to Keystone may take."""
_THREADS = 4
_CATALOGUE_TYPES = {"volume": ("volumev3", "block-storage")}
"""By which types the catalogue knows a service, where not by its own name."""
_VERSION_PATHS = {
    "compute": "/v2.1",
    "network": "/v2.0",
    "volume": "/v3/{project}",
    "image": "/v2",
    "identity": "/v3",
    "load-balancer": "/v2",
    "dns": "/v2",
    "key-manager": "/v1",
    "messaging": "/v2",
    "orchestration": "/v1/{project}",
}
"""Where the one version of each API that we speak begins, if the catalogue names only the service. Asking
the service would cost a round trip and could only give the same answer."""
_VERSION = re.compile(r"/v\d+(\.\d+)?(/|$)")


class _Catalogue(service_catalog.ServiceCatalogV3):
    """Brought into its normal form once: keystoneauth1 copies all of it for every look-up."""

    @cached_property
    def _normalized(self) -> list[dict[str, Any]]:
        normalized: list[dict[str, Any]] = super().normalize_catalog()
        return normalized

    def normalize_catalog(self) -> list[dict[str, Any]]:
        return self._normalized


class Session:
    """A token, what it is good for, and the catalogue that came with it."""

    def __init__(self, token: str, body: Body, obtained_at: float, second: bool = False) -> None:
        """`body` is Keystone's (`{"token": …}`); times are unix seconds.

        `second`: it was obtained because a service refused the one before it.
        """
        access = keystone_access.AccessInfoV3(body, auth_token=token)
        if access.expires is None:
            raise ValueError("a token that does not say when it expires")
        self.token = token
        self.obtained_at = obtained_at
        self.expires_at = access.expires.timestamp()
        self.user = access.user_id
        self.user_name = access.username
        self.project = Project(access.project_id or "")
        self.roles = tuple(access.role_names or ())
        self.second = second
        self._catalogue = _Catalogue.from_token(body) if access.has_service_catalog() else None
        self._endpoints: dict[tuple[str, str, str], str | None] = {}

    def __repr__(self) -> str:
        return f"<Session of {self.user} in {self.project or 'no project'}>"

    @property
    def renew_at(self) -> float:
        """From when on a new one should be asked for: a quarter of its life is left, 15 minutes at most."""
        return self.expires_at - min((self.expires_at - self.obtained_at) / 4, 900.0)

    def endpoint(self, spec: RegionSpec, service: str) -> str:
        """Where a service of the region answers, its version included, without a slash at the end.

        Raises `Invalid` (PRECONDITION) when the catalogue has none.
        """
        url = self._find(spec, service)
        if url is None:
            raise Invalid(
                f"region {spec.name} has no {service} service: "
                f"the catalogue has no {spec.interface} endpoint of it in {spec.catalogue_name}",
                reason=Reason.PRECONDITION,
                region=spec.name,
                service=service,
            )
        return url

    def has(self, spec: RegionSpec, service: str) -> bool:
        """Whether the catalogue has the service in that region."""
        return self._find(spec, service) is not None

    def _find(self, spec: RegionSpec, service: str) -> str | None:
        key = (spec.catalogue_name, spec.interface, service)
        if key not in self._endpoints:
            url = self._look_up(*key)
            if url is not None:
                url = url.rstrip("/")
                if not _VERSION.search(urlsplit(url).path):
                    url += _VERSION_PATHS.get(service, "").format(project=self.project)
            self._endpoints[key] = url
        return self._endpoints[key]

    def _look_up(self, region: str, interface: str, service: str) -> str | None:
        catalogue = self._catalogue
        if catalogue is None:
            return None
        for type in _CATALOGUE_TYPES.get(service, (service,)):
            try:
                return str(catalogue.url_for(service_type=type, interface=interface, region_name=region))
            except (failures.CatalogException, ValueError):
                # keystoneauth1 raises a plain ValueError ("Programming error choosing an endpoint.") for a
                # service that the catalogue knows by two of its names, and by neither in this region.
                continue
        return None


class Identity(Protocol):
    async def authorize(self, spec: RegionSpec, credential: Credential) -> Session:
        """Get a token from the region's Keystone.

        Raises `Transient` when Keystone cannot be asked (asking again does no harm, so nothing is
        ambiguous), `ServiceRefusal` (401, never `Gone`) when it refuses the credential.
        """
        ...


def keystone_url(spec: RegionSpec, path: str) -> str:
    """A path of Keystone's v3 API; the registered URL may name the version or not."""
    base = spec.auth_url.rstrip("/")
    return base + ("" if base.endswith("/v3") else "/v3") + path


async def ask_keystone(
    calls: Calls,
    spec: RegionSpec,
    method: str,
    path: str,
    *,
    token: str = "",
    body: Body | None = None,
    headers: dict[str, str] | None = None,
    changes: bool = False,
) -> Response:
    """Send one request to the region's Keystone; any answer is returned.

    Raises `Transient`; `Ambiguous` only if it `changes` something.
    """
    sent = {"Accept": "application/json", **(headers or {})}
    if token:
        sent["X-Auth-Token"] = token
    if body is not None:
        sent["Content-Type"] = "application/json"
    calls.health.learn(spec.name, IDENTITY, keystone_url(spec, ""))
    request = Request(
        method=method,
        url=keystone_url(spec, path),
        region=spec.name,
        headers=sent,
        body=b"" if body is None else msgspec.json.encode(body),
        timeout_seconds=TOKEN_SECONDS_MAX,
    )
    try:
        return await calls.send(request, IDENTITY, changes)
    except Ambiguous as silence:
        if changes:
            raise
        raise Transient(str(silence)) from silence


class PlainIdentity:
    """Asks Keystone by `POST /v3/auth/tokens`."""

    def __init__(self, calls: Calls, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._clock = clock

    async def authorize(self, spec: RegionSpec, credential: Credential) -> Session:
        asked_at = self._clock()
        response = await ask_keystone(
            self._calls, spec, "POST", "/auth/tokens", body={"auth": auth_body(credential)}
        )
        body = _read(response, spec)
        return _session(response.headers.get("x-subject-token", ""), body, asked_at, spec)


class KeystoneauthIdentity:
    """Asks Keystone through keystoneauth1, in a thread of its own few."""

    def __init__(self, calls: Calls, clock: Callable[[], float]) -> None:
        self._calls = calls
        self._clock = clock
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="keystone")

    async def authorize(self, spec: RegionSpec, credential: Credential) -> Session:
        asked_at = self._clock()
        url = keystone_url(spec, "/auth/tokens")
        self._calls.health.learn(spec.name, IDENTITY, keystone_url(spec, ""))
        loop = asyncio.get_running_loop()
        async with self._calls.one(spec.name, IDENTITY, "POST", url, changes=False) as call:
            try:
                token, body = await loop.run_in_executor(self._threads, _authorize, spec, credential)
            except failures.HttpError as refusal:
                response = _response(refusal)
                call.answered(response)
                _read(response, spec)
                raise Transient(f"Keystone of {spec.name}: {refusal}") from refusal
            except failures.ClientException as failure:
                raise Transient(f"Keystone of {spec.name} cannot be asked: {failure}") from failure
            call.answered(Response(201, {}, b""))
        return _session(token, body, asked_at, spec)

    def close(self) -> None:
        """Start no further thread. One that waits for an answer ends with its time-out."""
        self._threads.shutdown(wait=False, cancel_futures=True)


def auth_body(credential: Credential) -> Body:
    """The `auth` object of Keystone's v3 API."""
    match credential:
        case PasswordCredential():
            body = {"identity": _password_method(credential)}
            if credential.project_id:
                body["scope"] = {"project": {"id": credential.project_id}}
            elif credential.project_name:
                domain = {"name": credential.project_domain}
                body["scope"] = {"project": {"name": credential.project_name, "domain": domain}}
            return body
        case ApplicationCredential(id=id, secret=secret):
            wanted = {"id": id, "secret": secret}
            return {"identity": {"methods": ["application_credential"], "application_credential": wanted}}
        case TokenCredential(token=token, project_id=project_id):
            return {
                "identity": {"methods": ["token"], "token": {"id": token}},
                "scope": {"project": {"id": project_id}},
            }
        case TrustCredential(service=service, trust_id=trust_id):
            return {
                "identity": _password_method(service),
                "scope": {"OS-TRUST:trust": {"id": trust_id}},
            }


def _password_method(credential: PasswordCredential) -> Body:
    user: Body = {"password": credential.password}
    if credential.user_id:
        user["id"] = credential.user_id
    else:
        user |= {"name": credential.user_name, "domain": {"name": credential.user_domain}}
    return {"methods": ["password"], "password": {"user": user}}


def _read(response: Response, spec: RegionSpec) -> Body:
    """Every refusal of a credential is a 401 here. Keystone says 404 for a trust that is gone: to somebody
    who deletes a server and needs a new token for it, that must not read as "there is no such server"."""
    try:
        return answers.read(response, IDENTITY, spec.name, changes=False)
    except ServiceRefusal as refusal:
        message = f"the credential is not accepted: {refusal.message}"
        raise ServiceRefusal(401, IDENTITY, spec.name, message, refusal.request_id) from refusal


def _session(token: str, body: Body, asked_at: float, spec: RegionSpec) -> Session:
    """Raises `Transient` when what came is no token."""
    try:
        if not token:
            raise KeyError("X-Subject-Token")
        return Session(token, body, asked_at)
    except (KeyError, TypeError, ValueError, AttributeError, failures.ClientException) as fault:
        raise Transient(f"Keystone of {spec.name} answered with something that is no token") from fault


def _authorize(spec: RegionSpec, credential: Credential) -> tuple[str, Body]:
    """Blocking. No retries and no redirects: a password goes to the registered Keystone alone."""
    session = keystone_session.Session(
        verify=(spec.ca_file or True) if spec.verify else False,
        timeout=TOKEN_SECONDS_MAX,
        redirect=False,
        user_agent="global-heat",
        connect_retries=0,
    )
    try:
        plugin = _plugin(spec, credential)
        plugin.get_access(session)
        state: Body = msgspec.json.decode(plugin.get_auth_state() or "{}")
        return state["auth_token"], state["body"]
    finally:
        session.session.close()


def _plugin(spec: RegionSpec, credential: Credential) -> v3.Auth:
    url = keystone_url(spec, "")
    match credential:
        case PasswordCredential():
            return _password_plugin(url, credential)
        case ApplicationCredential(id=id, secret=secret):
            return v3.ApplicationCredential(url, secret, application_credential_id=id)
        case TokenCredential(token=token, project_id=project_id):
            return v3.Token(url, token, project_id=project_id)
        case TrustCredential(service=service, trust_id=trust_id):
            who = msgspec.structs.replace(service, project_id="", project_name="")
            return _password_plugin(url, who, trust_id)


def _password_plugin(url: str, who: PasswordCredential, trust_id: str | None = None) -> v3.Password:
    by_name = bool(who.project_name) and not who.project_id
    return v3.Password(
        url,
        who.password,
        user_id=who.user_id or None,
        username=None if who.user_id else who.user_name,
        user_domain_name=None if who.user_id else who.user_domain,
        project_id=who.project_id or None,
        project_name=who.project_name if by_name else None,
        project_domain_name=who.project_domain if by_name else None,
        trust_id=trust_id,
    )


def _response(refusal: failures.HttpError) -> Response:
    """The HTTP answer behind one of keystoneauth1's errors."""
    answer = refusal.response
    if answer is None:
        return Response(refusal.http_status, {}, b"")
    headers = {name.lower(): value for name, value in answer.headers.items()}
    return Response(answer.status_code, headers, answer.content)
