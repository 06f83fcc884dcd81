"""The one configuration file, typed. `docs/configuration.md` says what each key is for."""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from global_heat.cli.serving.fields import read_struct
from global_heat.engine.ports import Settings
from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Region
from global_heat.regions.limits import Pace
from global_heat.regions.registry import RegionSpec
from global_heat.store.etcd.settings import DEFAULT_PREFIX
from global_heat.template.document import parse_document

ALL_REGIONS = "*"
LEASE_SECONDS_MIN = 2.0

Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,254}$")]
KeyId = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
Seconds = Annotated[float, Meta(ge=0)]


class _Part(msgspec.Struct, frozen=True, kw_only=True):
    pass


class Replica(_Part, frozen=True, kw_only=True):
    region: Name
    """The home region."""
    id: Name = "replica"
    """What people call it; every start adds some letters, for no two processes may have the same."""
    address: str = ""
    """Where others reach its front door; empty: `listen.address`."""


class EtcdTls(_Part, frozen=True, kw_only=True):
    authority: str
    certificate: str = ""
    key: str = ""


class Etcd(_Part, frozen=True, kw_only=True):
    endpoints: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    tls: EtcdTls | None = None
    user: str = ""
    password_file: str = ""
    development: bool = False


class SealingKey(_Part, frozen=True, kw_only=True):
    id: KeyId
    file: str


class Sealing(_Part, frozen=True, kw_only=True):
    keys: tuple[SealingKey, ...]


class Identity(_Part, frozen=True, kw_only=True):
    """The Keystone that says who calls, for as long as no region of its cloud is registered."""

    auth_url: Annotated[str, Meta(pattern=r"^https?://[^\s/?#@]+[^\s?#@]*$")]
    cloud: Name = "default"
    catalog_region: str = ""
    interface: Literal["public", "internal", "admin"] = "public"


class ServiceUser(_Part, frozen=True, kw_only=True):
    """A Keystone user that acts under the stacks' trusts and checks callers' tokens."""

    user_name: str = ""
    user_domain: str = "Default"
    project_name: str = "service"
    project_domain: str = "Default"
    password_file: str = ""
    trust_roles: tuple[str, ...] = ()


class Service(ServiceUser, frozen=True, kw_only=True):
    """The user in all clouds but those that are named. Without a name: there are no others."""

    clouds: dict[str, ServiceUser] = {}


class ListenTls(_Part, frozen=True, kw_only=True):
    certificate: str
    key: str
    client_authority: str = ""


class Listen(_Part, frozen=True, kw_only=True):
    address: str = "127.0.0.1:8904"
    tls: ListenTls | None = None
    insecure: bool = False


class Policy(_Part, frozen=True, kw_only=True):
    file: str = ""
    """What overrides the API's rules; empty: nothing."""


class Observe(_Part, frozen=True, kw_only=True):
    engine: str = "127.0.0.1:8905"
    front_door: str = "127.0.0.1:8906"


class Log(_Part, frozen=True, kw_only=True):
    level: Literal["debug", "info", "warning", "error"] = "info"


class RegionOptions(_Part, frozen=True, kw_only=True):
    """What this deployment assumes of a region beyond its record, or instead. None: not said."""

    exec_seconds: Seconds | None = None
    lag_seconds: Seconds | None = None
    skew_seconds: Seconds | None = None
    verify: bool | None = None
    ca_file: str | None = None
    microversions: dict[str, str] | None = None
    distances: dict[str, Seconds] | None = None
    pace: Pace | None = None


class Config(_Part, frozen=True, kw_only=True):
    replica: Replica
    etcd: Etcd
    sealing: Sealing
    identity: Identity
    service: Service
    regions: dict[str, RegionOptions] = {}
    listen: Listen = Listen()
    policy: Policy = Policy()
    observe: Observe = Observe()
    engine: Settings = Settings()
    log: Log = Log()
    drain_seconds: Seconds = 60.0

    @property
    def home(self) -> Region:
        return Region(self.replica.region)

    @property
    def home_spec(self) -> RegionSpec:
        """The home region as this file alone knows it."""
        said = self.identity
        spec = RegionSpec(
            name=self.home,
            auth_url=said.auth_url,
            cloud=said.cloud,
            catalog_region=said.catalog_region,
            interface=said.interface,
        )
        return self.complete(spec)

    def complete(self, spec: RegionSpec) -> RegionSpec:
        """A region's record with what this file says of the region: the file's word counts."""
        for name in (ALL_REGIONS, spec.name):
            if (options := self.regions.get(name)) is not None:
                said = {key: value for key, value in _said(options).items() if key != "pace"}
                spec = msgspec.structs.replace(spec, **said)
        return spec

    def pace(self, region: Region, service: str) -> Pace:
        """How fast a region's services may be called; each of them as fast as any other."""
        for name in (region, ALL_REGIONS):
            options = self.regions.get(name)
            if options is not None and options.pace is not None:
                return options.pace
        return Pace()


def read_config(text: str, faults: list[Fault]) -> Config | None:
    """The configuration; None when it has faults. Raises `Invalid` for what is no YAML at all."""
    config = read_struct(Config, parse_document(text, "configuration"), "", faults)
    if config is None:
        return None
    before = len(faults)
    _check(config, faults)
    return config if len(faults) == before else None


def load_config(path: Path) -> str:
    """The file's text. Raises `Invalid`."""
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise Invalid(f"the configuration cannot be read: {error}", Fault("--config", str(path))) from None


def split_address(address: str) -> tuple[str, int] | None:
    """Host and port of `host:port` or `[::1]:port`; None when it is neither."""
    host, _, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not host or not port.isdecimal() or int(port) > 65535:
        return None
    return host, int(port)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _said(options: msgspec.Struct) -> dict[str, object]:
    pairs = ((name, getattr(options, name)) for name in options.__struct_fields__)
    return {name: value for name, value in pairs if value is not None}


def _check(config: Config, faults: list[Fault]) -> None:
    """What single values cannot tell."""
    places = {
        "listen.address": config.listen.address,
        "observe.engine": config.observe.engine,
        "observe.front_door": config.observe.front_door,
    }
    for path, address in places.items():
        if split_address(address) is None:
            faults.append(Fault(path, f"{address!r} is not host:port"))
    listening = split_address(config.listen.address)
    if listening and not (config.listen.tls or config.listen.insecure or is_loopback(listening[0])):
        faults.append(
            Fault("listen.tls", "is missing: only loopback is served in plain text, or `insecure: true`")
        )
    if not config.etcd.endpoints:
        faults.append(Fault("etcd.endpoints", "at least one host:port is needed"))
    if config.etcd.password_file and not config.etcd.user:
        faults.append(Fault("etcd.user", "is missing: there is a password"))
    _check_service(config, faults)
    ids = [key.id for key in config.sealing.keys]
    if len(set(ids)) < len(ids):
        faults.append(Fault("sealing.keys", "two keys have the same id"))
    _check_numbers("engine", config.engine, faults)
    if config.engine.lease_seconds < LEASE_SECONDS_MIN:
        faults.append(Fault("engine.lease_seconds", f"must be at least {LEASE_SECONDS_MIN:g}"))
    for name, options in config.regions.items():
        if options.pace is not None:
            _check_numbers(f"regions.{name}.pace", options.pace, faults)


def _check_service(config: Config, faults: list[Fault]) -> None:
    said, home = config.service, config.identity.cloud
    if not said.user_name and home not in said.clouds:
        who = f"is missing, and service.clouds names no user of {home}, identity.cloud"
        faults.append(Fault("service.user_name", who if said.clouds else "is missing"))
    if not said.user_name and said.password_file:
        faults.append(Fault("service.user_name", "is missing: there is a password"))
    for cloud, user in said.clouds.items():
        for name in ("user_name", "password_file"):
            if not getattr(user, name):
                faults.append(Fault(f"service.clouds.{cloud}.{name}", "is missing"))


def _check_numbers(path: str, numbers: msgspec.Struct, faults: list[Fault]) -> None:
    for name, value in _said(numbers).items():
        if isinstance(value, bool):
            continue
        if not isinstance(value, int | float) or not value > 0:
            faults.append(Fault(f"{path}.{name}", f"must be greater than 0, found {value!r}"))
