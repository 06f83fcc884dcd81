"""The configuration with the secrets and certificates that it names, read from their files."""

from __future__ import annotations

import base64
import binascii
import ssl
import stat
from collections.abc import Mapping
from pathlib import Path

import msgspec

from global_heat.cli.serving import config as said_in
from global_heat.cli.serving.config import Config, EtcdTls, load_config, read_config
from global_heat.model.errors import Fault, Invalid
from global_heat.regions.credentials import PasswordCredential, ServiceUser, ServiceUsers
from global_heat.store.etcd.settings import Password, Settings, Tls
from global_heat.store.sealing import KEY_BYTES

SERVICE_PASSWORD = "GLOBAL_HEAT_SERVICE_PASSWORD"
ETCD_PASSWORD = "GLOBAL_HEAT_ETCD_PASSWORD"
_DIFFERENT_BYTES_MIN = 12
"""32 random bytes have fewer different ones in far less than one case in a billion."""
HOW_TO_MAKE_A_KEY = "make one with: (umask 077; openssl rand -base64 32 > FILE)"


class ServerTls(msgspec.Struct, frozen=True):
    """PEM texts of the front door's TLS."""

    key: bytes
    certificate: bytes
    client_authority: bytes | None = None


class PolicyFile(msgspec.Struct, frozen=True):
    """An operator's policy file, which may be read again while calls come in."""

    path: Path
    overrides: Mapping[str, str]


class Setup(msgspec.Struct, frozen=True):
    """Everything that a process needs to know at its start."""

    config: Config
    etcd: Settings
    sealing_keys: Mapping[str, bytes]
    services: ServiceUsers
    tls: ServerTls | None = None
    policy: PolicyFile | None = None

    @property
    def secrets(self) -> tuple[str, ...]:
        """What must never stand in a log."""
        etcd = (self.etcd.password.password,) if self.etcd.password else ()
        return (*self.services.passwords, *etcd)


def load_setup(path: Path, environ: Mapping[str, str]) -> Setup:
    """Raises `Invalid` with all faults. Files are looked for where the configuration stands."""
    faults: list[Fault] = []
    config = read_config(load_config(path), faults)
    setup = None if config is None else _Files(path.parent, environ, faults).setup(config)
    if setup is None or faults:
        raise Invalid(f"{path} is no good configuration", *faults)
    return setup


def load_policy(path: Path) -> PolicyFile:
    """Raises `Invalid` with all faults."""
    # Only the front door decides who may call what; without such a file nobody else needs the library.
    from global_heat.api.policy_file import read_overrides

    try:
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Invalid(f"{path} cannot be read", Fault("policy.file", f"{path}: {why}")) from None
    return PolicyFile(path, read_overrides(text, path.name))


class _Files:
    """Reads the files that a configuration names, and notes what is wrong with them."""

    def __init__(self, base: Path, environ: Mapping[str, str], faults: list[Fault]) -> None:
        self._base = base
        self._environ = environ
        self._faults = faults

    def setup(self, config: Config) -> Setup | None:
        keys = self._sealing_keys(config)
        services, etcd, tls = self._services(config), self._etcd(config), self._tls(config)
        for name, options in config.regions.items():
            if options.ca_file:
                self._read(f"regions.{name}.ca_file", options.ca_file)
        policy = self._policy(config)
        if etcd is None:
            return None
        # The transport opens them by name, wherever the process was started.
        regions = {
            name: msgspec.structs.replace(
                options, ca_file=options.ca_file and str(self._base / options.ca_file)
            )
            for name, options in config.regions.items()
        }
        return Setup(msgspec.structs.replace(config, regions=regions), etcd, keys, services, tls, policy)

    def _sealing_keys(self, config: Config) -> dict[str, bytes]:
        if not config.sealing.keys:
            self._fault("sealing.keys", f"there is no sealing key, and no default; {HOW_TO_MAKE_A_KEY}")
        found = {}
        for n, key in enumerate(config.sealing.keys):
            where = f"sealing.keys[{n}].file"
            text = self._read(where, key.file, secret=True, advice=f"; {HOW_TO_MAKE_A_KEY}")
            if text is not None and (raw := self._key(where, text)) is not None:
                found[key.id] = raw
        return found

    def _key(self, where: str, text: bytes) -> bytes | None:
        try:
            raw = base64.b64decode(b"".join(text.split()), validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) != KEY_BYTES:
            self._fault(where, f"is not {KEY_BYTES} bytes in base64; {HOW_TO_MAKE_A_KEY}")
            return None
        if len(set(raw)) < _DIFFERENT_BYTES_MIN:
            self._fault(where, f"is not random; {HOW_TO_MAKE_A_KEY}")
            return None
        return raw

    def _services(self, config: Config) -> ServiceUsers:
        said, others = config.service, None
        if said.user_name:
            password = self._password("service.password_file", said.password_file, SERVICE_PASSWORD)
            if password == "":
                self._fault("service.password_file", f"is missing, and {SERVICE_PASSWORD} is not set")
            others = _service_user(said, password)
        of_clouds = {}
        for cloud, user in said.clouds.items():
            where = f"service.clouds.{cloud}.password_file"
            of_clouds[cloud] = _service_user(user, self._password_in(where, user.password_file))
        return ServiceUsers(of_clouds, others)

    def _etcd(self, config: Config) -> Settings | None:
        said = config.etcd
        password = self._password("etcd.password_file", said.password_file, ETCD_PASSWORD)
        if said.user and password == "":
            self._fault("etcd.password_file", f"is missing, and {ETCD_PASSWORD} is not set")
        try:
            return Settings(
                endpoints=said.endpoints,
                prefix=said.prefix,
                tls=self._etcd_tls(said.tls) if said.tls is not None else None,
                password=Password(said.user, password) if said.user and password else None,
                development=said.development,
            )
        except Invalid as invalid:
            self._faults.extend(invalid.faults)
            return None

    def _etcd_tls(self, said: EtcdTls) -> Tls:
        authority = self._read("etcd.tls.authority", said.authority)
        certificate = self._read("etcd.tls.certificate", said.certificate) if said.certificate else None
        key = self._read("etcd.tls.key", said.key, secret=True) if said.key else None
        if bool(said.certificate) != bool(said.key):
            self._fault("etcd.tls", "certificate and key go together")
            certificate = key = None
        return Tls(authority or b"", certificate, key)

    def _tls(self, config: Config) -> ServerTls | None:
        said = config.listen.tls
        if said is None:
            return None
        certificate = self._read("listen.tls.certificate", said.certificate)
        key = self._read("listen.tls.key", said.key, secret=True)
        authority = None
        if said.client_authority:
            authority = self._read("listen.tls.client_authority", said.client_authority)
        if certificate is None or key is None:
            return None
        try:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(self._base / said.certificate, self._base / said.key, password="")
        except (ssl.SSLError, OSError) as error:
            self._fault("listen.tls", f"certificate and key cannot be used together: {error}")
        return ServerTls(key, certificate, authority)

    def _policy(self, config: Config) -> PolicyFile | None:
        if not config.policy.file:
            return None
        try:
            return load_policy(self._base / config.policy.file)
        except Invalid as invalid:
            # Of what is no YAML at all the message says where.
            self._faults.extend(invalid.faults or [Fault("policy.file", invalid.message)])
            return None

    def _password(self, where: str, file: str, variable: str) -> str | None:
        """From the environment, else from the file; "" when there is none, None when it cannot be read."""
        if self._environ.get(variable):
            return self._environ[variable]
        return self._password_in(where, file) if file else ""

    def _password_in(self, where: str, file: str) -> str | None:
        text = self._read(where, file, secret=True)
        if text is None:
            return None
        password = text.decode(errors="replace").rstrip("\r\n")
        if not password:
            self._fault(where, f"{file} is empty")
            return None
        return password

    def _read(self, where: str, name: str, *, secret: bool = False, advice: str = "") -> bytes | None:
        path = self._base / name
        try:
            if secret and path.stat().st_mode & stat.S_IRWXO:
                self._fault(where, f"everybody may read or change {path}: chmod o-rwx {path}")
            return path.read_bytes()
        except OSError as error:
            self._fault(where, f"{path}: {error.strerror}{advice}")
            return None

    def _fault(self, where: str, message: str) -> None:
        self._faults.append(Fault(where, message))


def _service_user(said: said_in.ServiceUser, password: str | None) -> ServiceUser:
    credential = PasswordCredential(
        password=password or "",
        user_name=said.user_name,
        user_domain=said.user_domain,
        project_name=said.project_name,
        project_domain=said.project_domain,
    )
    return ServiceUser(credential, said.trust_roles)
