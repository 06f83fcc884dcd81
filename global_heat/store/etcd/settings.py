"""How a store reaches its etcd cluster."""

from __future__ import annotations

from pathlib import Path

import msgspec

from global_heat.model.errors import Fault, Invalid

DEFAULT_PREFIX = "/global-heat/v1/"


class Tls(msgspec.Struct, frozen=True):
    """PEM text: who signed the servers' certificates, and who we are where they ask for it."""

    authority: bytes
    certificate: bytes | None = None
    key: bytes | None = None

    def __repr__(self) -> str:
        return f"Tls(with a certificate of our own: {self.certificate is not None})"

    @classmethod
    def read(cls, authority: Path, certificate: Path | None = None, key: Path | None = None) -> Tls:
        """Read the three from files. Raises `Invalid` for each that cannot be read."""
        texts: dict[str, bytes | None] = {"authority": None, "certificate": None, "key": None}
        faults = []
        for name, path in (("authority", authority), ("certificate", certificate), ("key", key)):
            if path is None:
                continue
            try:
                texts[name] = path.read_bytes()
            except OSError as error:
                faults.append(Fault(f"etcd.tls.{name}", f"{path}: {error.strerror}"))
        if faults:
            raise Invalid("etcd's TLS files cannot be read", *faults)
        return cls(texts["authority"] or b"", texts["certificate"], texts["key"])


class Password(msgspec.Struct, frozen=True):
    """An etcd user with its password, exchanged for a token that is renewed when the server drops it."""

    user: str
    password: str

    def __repr__(self) -> str:
        return f"Password(user={self.user!r})"


class Settings(msgspec.Struct, frozen=True):
    """How to reach a cluster. Endpoints are `host:port`, the nearest first: it is preferred while it answers.

    `call_seconds` bounds every call as a whole, `attempt_seconds` one try of a call that may be repeated; a
    commit is tried once and has the whole time. A watch that hears nothing, not even a progress notice, for
    `silence_seconds` goes to another member. A member that failed is passed over for `penalty_seconds`,
    doubled with each failure up to `penalty_seconds_max`. `development` admits servers that may lose records.
    """

    endpoints: tuple[str, ...]
    prefix: str = DEFAULT_PREFIX
    tls: Tls | None = None
    password: Password | None = None
    development: bool = False
    call_seconds: float = 5.0
    attempt_seconds: float = 1.5
    silence_seconds: float = 6.0
    penalty_seconds: float = 1.0
    penalty_seconds_max: float = 10.0

    def __post_init__(self) -> None:
        faults = []
        if not self.endpoints:
            faults.append(Fault("etcd.endpoints", "at least one host:port is needed"))
        for n, endpoint in enumerate(self.endpoints):
            if "//" in endpoint or not endpoint.rpartition(":")[2].isdigit():
                faults.append(Fault(f"etcd.endpoints[{n}]", f"{endpoint!r} is not host:port"))
        if not self.prefix.endswith("/"):
            faults.append(Fault("etcd.prefix", f"{self.prefix!r} does not end with a slash"))
        if self.tls and (self.tls.certificate is None) != (self.tls.key is None):
            faults.append(Fault("etcd.tls", "certificate and key go together"))
        if faults:
            raise Invalid("etcd's settings are wrong", *faults)
