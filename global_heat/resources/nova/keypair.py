"""OS::Nova::KeyPair: a key that servers let in. The user's name for it is its id."""

from __future__ import annotations

from urllib.parse import quote

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from global_heat.model.names import PhysicalId, Token
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud
from global_heat.resources.type import Handle, Making, ResourceType, show_or_none

_SEED_BYTES = 32


class KeyPair(ResourceType):
    """Nova would tell a private key of its making only once, in an answer that may be lost: we make it.

    Of a public key that is given there is none to save, whatever `save_private_key` says.
    The name is taken if there is a key of that name; it is ours if the public key is.
    """

    name = "OS::Nova::KeyPair"
    service = "compute"
    kind = "compute.keypair"
    handle = Handle.UNIQUE
    supported = frozenset({"name", "public_key", "save_private_key", "type"})
    secret_attributes = frozenset({"private_key"})

    def check(self, props: Properties) -> list[str]:
        if props.get("public_key") is None and props.get("type") == "x509":
            return ["a key of type x509 cannot be made here: give the certificate as public_key"]
        return []

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        if props.get("public_key"):
            return {"public_key": props["public_key"]}
        key = Ed25519PrivateKey.from_private_bytes(random_bytes[:_SEED_BYTES])
        public = key.public_key().public_bytes(
            serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
        )
        made: dict[str, Json] = {"public_key": public.decode()}
        if props.get("save_private_key"):
            private = key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.OpenSSH,
                serialization.NoEncryption(),
            )
            made["private_key"] = private.decode()
        return made

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(props["name"])

    def identify(self, body: Body) -> PhysicalId:
        return PhysicalId(body["name"])

    def token_of(self, body: Body) -> Token | None:
        return None

    def is_made_by(self, body: Body, making: Making, props: Properties) -> bool:
        return _words(body.get("public_key")) == _words(making.made.get("public_key"))

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {
            "show": body,
            "public_key": body.get("public_key"),
            "private_key": made.get("private_key", ""),
        }

    async def observe(self, cloud: Cloud) -> list[Body]:
        listed = await cloud.list(self.service, "/os-keypairs", "keypairs")
        return [item["keypair"] for item in listed]

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        return await show_or_none(cloud, self.service, _path(id), "keypair")

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        keypair = {
            "name": props["name"],
            "public_key": making.made["public_key"],
            "type": props.get("type") or "ssh",
        }
        await cloud.post(self.service, "/os-keypairs", {"keypair": keypair})
        return PhysicalId(props["name"])

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, _path(id))


def _path(name: str) -> str:
    return f"/os-keypairs/{quote(name, safe='')}"


def _words(public_key: Json) -> list[str]:
    """Kind and key; the comment that may follow is nobody's concern."""
    return str(public_key or "").split()[:2]
