"""What is kept at rest is sealed: AES-256-GCM under the deployment's key, bound to where it stands.

The associated data names project, stack and place, so that a sealed text moved elsewhere does not open.
Keys have ids, so that a new key can be brought in while what the old ones sealed still opens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from global_heat.model.errors import Invalid, Reason
from global_heat.model.values import Json

KEY_BYTES = 32
_NONCE_BYTES = 12


class Seal:
    """Seals, opens, and hashes under keys. `keys`: id → 32 bytes; the first is used for new things."""

    def __init__(self, keys: Mapping[str, bytes], random_bytes: Callable[[int], bytes]) -> None:
        if not keys or any(len(key) != KEY_BYTES for key in keys.values()):
            raise Invalid(f"a sealing key must be {KEY_BYTES} bytes long", reason=Reason.PRECONDITION)
        if any(not id or "." in id for id in keys):
            raise Invalid("a sealing key's id must not be empty or contain a dot", reason=Reason.PRECONDITION)
        self._ids = tuple(keys)
        self._ciphers = {id: AESGCM(key) for id, key in keys.items()}
        self._keys = dict(keys)
        self._hash_key = _derive(self._keys[self._ids[-1]], b"hash")
        self._random_bytes = random_bytes

    @property
    def token_keys(self) -> tuple[bytes, ...]:
        """Keys for the tokens of attempts, the one to mint with first."""
        return tuple(_derive(self._keys[id], b"token") for id in self._ids)

    def seal_bytes(self, data: bytes, *place: str) -> bytes:
        nonce = self._random_bytes(_NONCE_BYTES)
        id = self._ids[0]
        return id.encode() + b"." + nonce + self._ciphers[id].encrypt(nonce, data, _associated(place))

    def open_bytes(self, sealed: bytes, *place: str) -> bytes:
        id, _, rest = sealed.partition(b".")
        name = id.decode(errors="replace")
        cipher = self._ciphers.get(name)
        if cipher is None:
            raise Invalid(f"no key {name!r} to open what it sealed", reason=Reason.PRECONDITION)
        try:
            return cipher.decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _associated(place))
        except (InvalidTag, ValueError):
            raise _out_of_place() from None

    def seal(self, value: Json, *place: str) -> str:
        return base64.b64encode(self.seal_bytes(msgspec.json.encode(value), *place)).decode()

    def open(self, sealed: str, *place: str) -> Json:
        try:
            raw = base64.b64decode(sealed)
        except ValueError:
            raise _out_of_place() from None
        return msgspec.json.decode(self.open_bytes(raw, *place))

    def fingerprint(self, value: Json, *place: str) -> str:
        """A keyed hash of a value: equal values in the same place have the same, others cannot tell which."""
        data = msgspec.json.encode(value, order="sorted")
        return hmac.digest(self._hash_key, _associated(place) + b"\0\0" + data, "sha256").hex()[:24]


def _out_of_place() -> Invalid:
    return Invalid("a sealed value does not belong where it stands, or was changed")


def _associated(place: tuple[str, ...]) -> bytes:
    return "\0".join(place).encode()


def _derive(key: bytes, purpose: bytes) -> bytes:
    return hmac.new(key, b"global-heat/" + purpose, hashlib.sha256).digest()
