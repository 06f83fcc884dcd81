"""Key pairs: a user's, found by name."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Thing, micros
from global_heat.sim.cloud.wire import Answer, Call

KIND = "compute.keypair"
_IMPORT_ONLY = (2, 92)


class Keypairs:
    def __init__(self, ground: Ground) -> None:
        self._ground = ground

    def handle(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", []:
                mine = [
                    {"keypair": _show(call, pair, brief=True)}
                    for pair in self._ground.listed(KIND)
                    if pair.user_id == call.who.user_id
                ]
                return Answer(200, {"keypairs": mine})
            case "POST", []:
                return self._create(call)
            case "GET", [name]:
                return Answer(200, {"keypair": _show(call, self._get(call, name))})
            case "DELETE", [name]:
                self._ground.things.remove(self._get(call, name), self._ground.now())
                return Answer(204 if call.version >= (2, 2) else 202)
            case _:
                raise no_such_path()

    def find(self, user_id: str, name: str) -> Thing | None:
        return self._ground.things.find(KIND, f"{user_id}/{name}")

    def _create(self, call: Call) -> Answer:
        wish: Body = call.json().get("keypair") or {}
        name, public_key, private_key = str(wish.get("name") or ""), wish.get("public_key"), None
        if not 0 < len(name) <= 255:
            raise fault(400, "Invalid input for field/attribute name.")
        if public_key is None:
            if call.version >= _IMPORT_ONLY:
                raise fault(400, "'public_key' is a required property")
            private_key, public_key = self._generate()
        user_id = call.who.user_id
        if self.find(user_id, name) is not None:
            raise fault(409, f"Key pair '{name}' already exists.")
        fits, _ = self._ground.room(KIND, call.project_id)
        if not fits:
            raise fault(403, "Quota exceeded, too many key pairs.")
        now = self._ground.now()
        body = {
            "name": name,
            "public_key": public_key,
            "fingerprint": _fingerprint(str(public_key)),
            "user_id": user_id,
            "type": wish.get("type", "ssh"),
            "id": self._ground.rng.getrandbits(31),
            "created_at": micros(now),
            "updated_at": None,
            "deleted": False,
            "deleted_at": None,
        }
        thing = Thing(KIND, name, call.project_id, user_id, body, now, key=f"{user_id}/{name}")
        shown = _show(call, self._ground.things.add(thing), brief=True)
        if private_key is not None:
            shown["private_key"] = private_key
        shown["user_id"] = user_id
        return Answer(201 if call.version >= (2, 2) else 200, {"keypair": shown})

    def _get(self, call: Call, name: str) -> Thing:
        pair = self.find(call.who.user_id, name)
        if pair is None:
            raise fault(404, f"Keypair {name} not found for user {call.who.user_id}")
        return pair

    def _generate(self) -> tuple[str, str]:
        key = Ed25519PrivateKey.from_private_bytes(self._ground.rng.randbytes(32))
        private = key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        return private.decode(), public.decode()


def _fingerprint(public_key: str) -> str:
    try:
        blob = base64.b64decode(public_key.split()[1], validate=True)
    except (IndexError, binascii.Error) as wrong:
        raise fault(400, "Keypair data is invalid: failed to generate fingerprint") from wrong
    digest = hashlib.md5(blob, usedforsecurity=False).hexdigest()
    return ":".join(digest[i : i + 2] for i in range(0, 32, 2))


def _show(call: Call, pair: Thing, brief: bool = False) -> Body:
    keys = ["name", "public_key", "fingerprint"]
    if call.version >= (2, 2):
        keys.append("type")
    if not brief:
        keys += ["user_id", "id", "created_at", "updated_at", "deleted", "deleted_at"]
    return {key: pair.body[key] for key in keys}
