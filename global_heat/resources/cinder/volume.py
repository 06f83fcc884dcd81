"""OS::Cinder::Volume: a disk of its own."""

from __future__ import annotations

import json
from collections.abc import Collection

from global_heat.model.errors import Transient
from global_heat.model.names import PhysicalId, Token
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud, Conflict, ServiceRefusal
from global_heat.resources.cinder.backup import VolumeBackup
from global_heat.resources.cinder.states import in_use, settled
from global_heat.resources.lookup import find_id, is_uuid
from global_heat.resources.marks import cleaned, marked, metadata_token
from global_heat.resources.type import Failed, Making, ResourceType, show_or_none

_SOURCES = ("image", "imageRef", "snapshot_id", "source_volid")
_SHOWN = (
    "availability_zone",
    "bootable",
    "created_at",
    "encrypted",
    "size",
    "snapshot_id",
    "source_volid",
    "status",
    "volume_type",
)
_BAD_REQUEST, _CONFLICT = 400, 409


class Volume(ResourceType):
    """Its token stands in its metadata, which is written together with it."""

    name = "OS::Cinder::Volume"
    service = "volume"
    kind = "volume.volume"
    polled = True
    saved_as, saves = VolumeBackup(), True
    supported = frozenset(
        {
            "availability_zone",
            "description",
            "image",
            "imageRef",
            "metadata",
            "name",
            "read_only",
            "scheduler_hints",
            "size",
            "snapshot_id",
            "source_volid",
            "volume_type",
        }
    )
    finishing = frozenset({"read_only"})

    # deciding

    def check(self, props: Properties) -> list[str]:
        sources = [name for name in _SOURCES if props.get(name) is not None]
        size = props.get("size")
        if len(sources) > 1:
            return [f"only one of {', '.join(sources)} can be given"]
        if size is None and sources not in (["snapshot_id"], ["source_volid"]):
            return ["size must be given, unless snapshot_id or source_volid is"]
        return []

    def token_of(self, body: Body) -> Token | None:
        return metadata_token(body)

    def ready(self, body: Body) -> bool:
        return settled(body)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        clean = cleaned(body)
        metadata, attachments = clean.get("metadata"), clean.get("attachments")
        return {
            "show": clean,
            **{name: None if clean.get(name) is None else str(clean[name]) for name in _SHOWN},
            "display_name": clean.get("name"),
            "display_description": clean.get("description"),
            "multiattach": clean.get("multiattach"),
            "metadata": json.dumps(metadata),
            "metadata_values": metadata,
            "attachments": None if attachments is None else str(attachments),
            "attachments_list": attachments,
        }

    # calls

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = {name: value for name, value in props.items() if value is not None}
        image = values.pop("imageRef", None) or values.get("image")
        if image:
            values["image"] = await find_id(cloud, "image", "/images", "images", image)
        for name, path, key in (
            ("source_volid", "/volumes", "volumes"),
            ("snapshot_id", "/snapshots", "snapshots"),
        ):
            if name in values:
                values[name] = await find_id(cloud, "volume", path, key, values[name])
        return values

    async def observe(self, cloud: Cloud) -> list[Body]:
        return await cloud.list(self.service, "/volumes/detail", "volumes")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        return await show_or_none(cloud, self.service, f"/volumes/{id}", "volume")

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        volume: Body = {
            "name": props.get("name") or making.name,
            "description": props.get("description"),
            "size": props.get("size"),
            "availability_zone": props.get("availability_zone"),
            "volume_type": props.get("volume_type"),
            "imageRef": props.get("image"),
            "snapshot_id": props.get("snapshot_id"),
            "source_volid": props.get("source_volid"),
            "metadata": marked(props.get("metadata"), making.token),
        }
        body: Body = {"volume": {key: value for key, value in volume.items() if value is not None}}
        if props.get("scheduler_hints"):
            body["OS-SCH-HNT:scheduler_hints"] = props["scheduler_hints"]
        answer = await cloud.post(self.service, "/volumes", body)
        return PhysicalId(answer["volume"]["id"])

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        if not settled(body):
            raise Transient(f"the volume is {body.get('status')}")
        path = f"/volumes/{id}"
        wished = {"name": props.get("name") or making.name, "description": props.get("description") or ""}
        texts = {
            key: wished[key] for key in wished if key in changed and (body.get(key) or "") != wished[key]
        }
        if texts:
            await cloud.put(self.service, path, {"volume": texts})
        metadata = marked(props.get("metadata"), making.token)
        if "metadata" in changed and cleaned_by_service(body.get("metadata")) != metadata:
            await cloud.put(self.service, f"{path}/metadata", {"metadata": metadata})
        if "read_only" in changed:
            await self._set_read_only(cloud, path, bool(props.get("read_only")), body)
        # These two go on after they are answered: one at a time.
        if "size" in changed and await self._extended(cloud, path, props.get("size"), body):
            raise Transient("the volume is extending")
        if "volume_type" in changed and await self._retyped(cloud, path, props.get("volume_type"), body):
            raise Transient("the volume is retyping")

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        """Cinder refuses to delete what is in use as a bad request; here that is a conflict, by its state."""
        await self._refuse_in_use(cloud, id)
        try:
            await cloud.delete(self.service, f"/volumes/{id}")
        except ServiceRefusal as refusal:
            if refusal.status == _BAD_REQUEST:
                await self._refuse_in_use(cloud, id)
            raise

    async def _refuse_in_use(self, cloud: Cloud, id: PhysicalId) -> None:
        body = await self.show(cloud, id)
        if body is not None and in_use(body):
            raise Conflict(_CONFLICT, self.service, cloud.region, f"volume {id} is {body['status']}")

    async def _set_read_only(self, cloud: Cloud, path: str, wished: bool, body: Body) -> None:
        actual = str((body.get("metadata") or {}).get(_READ_ONLY_KEY)).lower() == "true"
        if actual is not wished:
            action = {"os-update_readonly_flag": {"readonly": wished}}
            await cloud.post(self.service, f"{path}/action", action)

    async def _extended(self, cloud: Cloud, path: str, size: Json, body: Body) -> bool:
        """Whether the volume was asked to grow. Raises `Failed` when it would have to shrink."""
        if size is None or size == body["size"]:
            return False
        if size < body["size"]:
            raise Failed(f"the volume has {body['size']} GiB; it cannot shrink to {size}")
        await cloud.post(self.service, f"{path}/action", {"os-extend": {"new_size": size}})
        return True

    async def _retyped(self, cloud: Cloud, path: str, wished: Json, body: Body) -> bool:
        """Whether the volume was asked to become of another type."""
        if wished is None or isinstance(wished, Unknown):
            return False
        name = wished
        if is_uuid(wished):
            name = (await cloud.get(self.service, f"/types/{wished}"))["volume_type"]["name"]
        if name == body.get("volume_type"):
            return False
        action = {"os-retype": {"new_type": wished, "migration_policy": "never"}}
        await cloud.post(self.service, f"{path}/action", action)
        return True


_READ_ONLY_KEY = "readonly"
_SERVICE_KEYS = frozenset({_READ_ONLY_KEY, "attached_mode"})


def cleaned_by_service(metadata: dict[str, Json] | None) -> dict[str, Json]:
    """The metadata that a user may write, without what Cinder shows among it."""
    return {key: value for key, value in (metadata or {}).items() if key not in _SERVICE_KEYS}
