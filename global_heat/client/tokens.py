"""Where a client's tokens come from: given, or fetched from Keystone as `OS_*` or clouds.yaml say."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import yaml
from keystoneauth1 import loading, session
from keystoneauth1.exceptions import ClientException

from global_heat.client.errors import ApiError


class TokenSource(Protocol):
    async def token(self, *, renew: bool = False) -> str:
        """A Keystone token; with `renew` a new one, since the last was refused. Raises `ApiError`."""
        ...


class FixedToken:
    """A token that somebody gave. It cannot be renewed."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def token(self, *, renew: bool = False) -> str:
        if renew:
            raise ApiError("UNAUTHENTICATED", "the token given was refused: get a new one")
        return self._token


class KeystoneTokens:
    """Tokens by keystoneauth1. `options` are those of the auth plugin, by their names.

    A Keystone that says nothing for `silence_seconds` gives no token.
    """

    def __init__(
        self,
        auth_type: str,
        options: Mapping[str, Any],
        verify: bool | str = True,
        cert: Any = None,
        silence_seconds: float = 20.0,
    ) -> None:
        try:
            plugin: Any = loading.get_plugin_loader(auth_type).load_from_options(**options)
        except ClientException as error:
            raise ApiError("UNAUTHENTICATED", f"cannot log in with {auth_type}: {error}") from None
        self._session = session.Session(auth=plugin, verify=verify, cert=cert, timeout=silence_seconds)
        self._lock = asyncio.Lock()

    async def token(self, *, renew: bool = False) -> str:
        async with self._lock:
            try:
                if renew:
                    self._session.invalidate()
                found = await asyncio.to_thread(self._session.get_token)
            except ClientException as error:
                raise ApiError("UNAUTHENTICATED", f"Keystone gave no token: {error}") from None
        return str(found)


def token_source(environ: Mapping[str, str], token: str = "", cloud: str = "") -> TokenSource:
    """The source that is meant: a token given, a cloud named, `OS_TOKEN`, `OS_CLOUD`, then other `OS_*`."""
    if token:
        return FixedToken(token)
    cloud = cloud or environ.get("OS_CLOUD", "")
    if environ.get("OS_TOKEN") and not cloud:
        return FixedToken(environ["OS_TOKEN"])
    if cloud:
        return _of_cloud(read_cloud(environ, cloud))
    if environ.get("OS_AUTH_URL"):
        return _of_environment(environ)
    raise ApiError(
        "INVALID_ARGUMENT",
        "who are you? Set OS_CLOUD, or OS_AUTH_URL and the rest, or OS_TOKEN, or give --os-token",
    )


def read_cloud(environ: Mapping[str, str], name: str) -> dict[str, Any]:
    """A cloud as clouds.yaml and secure.yaml say. Raises `ApiError` when there is none of that name."""
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    given = environ.get("OS_CLIENT_CONFIG_FILE")
    folders = [Path.cwd(), home / "openstack", Path("/etc/openstack")]
    files = [Path(given)] if given else [folder / "clouds.yaml" for folder in folders]
    for file in files:
        if not file.is_file():
            continue
        clouds = _clouds(file)
        if name not in clouds:
            break
        secrets = _clouds(file.with_name("secure.yaml")).get(name, {})
        return _over(clouds[name], secrets)
    raise ApiError("INVALID_ARGUMENT", f"no clouds.yaml names the cloud {name!r}")


def _clouds(file: Path) -> dict[str, Any]:
    if not file.is_file():
        return {}
    try:
        data = yaml.safe_load(file.read_text()) or {}
    except (OSError, yaml.YAMLError, UnicodeDecodeError) as error:
        raise ApiError("INVALID_ARGUMENT", f"{file} cannot be read: {error}") from None
    clouds = data.get("clouds") if isinstance(data, dict) else None
    return clouds if isinstance(clouds, dict) else {}


def _over(low: dict[str, Any], high: dict[str, Any]) -> dict[str, Any]:
    both = low | high
    for key in low.keys() & high.keys():
        if isinstance(low[key], dict) and isinstance(high[key], dict):
            both[key] = _over(low[key], high[key])
    return both


def _of_cloud(cloud: Mapping[str, Any]) -> KeystoneTokens:
    auth = {str(key).replace("-", "_"): value for key, value in (cloud.get("auth") or {}).items()}
    auth_type = cloud.get("auth_type") or _auth_type(auth)
    verify: bool | str = cloud.get("verify", True)
    if verify and cloud.get("cacert"):
        verify = str(Path(cloud["cacert"]).expanduser())
    cert = (cloud["cert"], cloud["key"]) if cloud.get("cert") and cloud.get("key") else cloud.get("cert")
    return KeystoneTokens(auth_type, auth, verify, cert)


def _of_environment(environ: Mapping[str, str]) -> KeystoneTokens:
    given = {
        name.removeprefix("OS_").lower(): value
        for name, value in environ.items()
        if name.startswith("OS_") and value
    }
    auth_type = given.get("auth_type") or _auth_type(given)
    try:
        known = loading.get_plugin_loader(auth_type).get_options()
    except ClientException as error:
        raise ApiError("UNAUTHENTICATED", f"OS_AUTH_TYPE {auth_type!r} is not known: {error}") from None
    options = {option.dest: given[option.dest] for option in known if option.dest in given}
    insecure = given.get("insecure", "").lower() in ("1", "true", "yes")
    verify: bool | str = False if insecure else given.get("cacert", True)
    cert = (given["cert"], given["key"]) if "cert" in given and "key" in given else given.get("cert")
    return KeystoneTokens(auth_type, options, verify, cert)


def _auth_type(options: Mapping[str, Any]) -> str:
    if "application_credential_id" in options or "application_credential_name" in options:
        return "v3applicationcredential"
    return "token" if "token" in options else "password"
