"""OS::Cinder::VolumeAttachment: a volume in a server. Both together are its id."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from global_heat.model.errors import Transient
from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud, Conflict, Gone
from global_heat.resources.cinder.states import settled
from global_heat.resources.lookup import find_id
from global_heat.resources.type import Failed, Handle, Making, ResourceType, show_or_none

_POLL_SECONDS = 1.0
_BUSY = frozenset({"reserved", "attaching"})


class VolumeAttachment(ResourceType):
    """Nova does it, on behalf of both.

    Moved to another server, it becomes another attachment: an update only takes it away from the first, and
    it is made anew once it is found gone.
    """

    name = "OS::Cinder::VolumeAttachment"
    service = "compute"
    kind = "compute.volume_attachment"
    handle = Handle.NATURAL
    polled = True
    call_seconds = 600.0
    supported = frozenset({"instance_uuid", "mountpoint", "volume_id"})

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        return "volume_id" in changed

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(f"{props['instance_uuid']}:{props['volume_id']}")

    def ready(self, body: Body) -> bool:
        if body["status"].startswith("error"):
            raise Failed(f"the volume is in status {body['status']}")
        return bool(body["status"] == "in-use")

    def reference(self, id: PhysicalId, body: Body) -> Json:
        """The id of the attachment, which to Nova is the volume's."""
        return body.get("id") or id.partition(":")[2]

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": body}

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        """A volume that is just leaving another server is waited for."""
        id = await find_id(cloud, "volume", "/volumes", "volumes", props.get("volume_id"))
        volume = (await cloud.get("volume", f"/volumes/{id}"))["volume"]
        if volume["status"] == "detaching":
            raise Transient(f"volume {id} is detaching")
        return {**props, "volume_id": id}

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """What Nova says of the pair, with the volume's `status`."""
        server, _, volume_id = id.partition(":")
        path = f"/servers/{server}/os-volume_attachments/{volume_id}"
        pair = await show_or_none(cloud, "compute", path, "volumeAttachment")
        if pair is None:
            return None
        volume = await show_or_none(cloud, "volume", f"/volumes/{volume_id}", "volume")
        return (
            {**pair, "serverId": server, "volumeId": volume_id, "status": volume["status"]}
            if volume
            else None
        )

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        await _attach(cloud, props)
        return self.natural_id(making, props)

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        elsewhere = body["serverId"] != props["instance_uuid"]
        device = props.get("mountpoint") or None
        renamed = "mountpoint" in changed and device is not None and device != body.get("device")
        if not elsewhere and not renamed:
            return
        await self.delete(cloud, id)
        await _until_free(cloud, body["volumeId"])
        if not elsewhere:
            await _attach(cloud, props)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        body = await self.show(cloud, id)
        if body is None or body["status"] == "detaching":
            return
        if body["status"] in _BUSY:
            raise Conflict(409, self.service, cloud.region, f"volume {body['volumeId']} is {body['status']}")
        path = f"/servers/{body['serverId']}/os-volume_attachments/{body['volumeId']}"
        try:
            await cloud.delete("compute", path)
        except Gone:
            return


async def _attach(cloud: Cloud, props: Properties) -> None:
    wish = {"volumeId": props["volume_id"]}
    if props.get("mountpoint"):
        wish["device"] = props["mountpoint"]
    path = f"/servers/{props['instance_uuid']}/os-volume_attachments"
    await cloud.post("compute", path, {"volumeAttachment": wish})


async def _until_free(cloud: Cloud, volume_id: str) -> None:
    """Return when the volume can be attached. Raises `Failed`, `Gone`."""
    while True:
        volume = (await cloud.get("volume", f"/volumes/{volume_id}"))["volume"]
        if settled(volume) and volume["status"] == "available":
            return
        await asyncio.sleep(_POLL_SECONDS)
