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
_MOVING = frozenset({"reserved", "attaching", "detaching"})


class VolumeAttachment(ResourceType):
    """Nova does it, on behalf of both.

    A volume that only one server may have is looked for wherever it is: when the attachment moves to
    another server, it keeps its id.
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
        return body["status"] == "in-use" and bool(body["serverId"])

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return body.get("volumeId") or id.partition(":")[2]

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": body}

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        volume = await find_id(cloud, "volume", "/volumes", "volumes", props.get("volume_id"))
        return {**props, "volume_id": volume}

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """What Nova says of the pair, with the volume's `status`; `serverId` None: it is on its way."""
        server, _, volume_id = id.partition(":")
        volume = await show_or_none(cloud, "volume", f"/volumes/{volume_id}", "volume")
        if volume is None:
            return None
        pair = await _pair(cloud, server, volume_id)
        if pair is not None:
            return {**pair, "serverId": server, "volumeId": volume_id, "status": volume["status"]}
        if volume.get("multiattach"):
            return None
        for attachment in volume.get("attachments") or ():
            return {
                "serverId": attachment["server_id"],
                "volumeId": volume_id,
                "device": attachment.get("device"),
                "status": volume["status"],
            }
        if volume["status"] in _MOVING:
            return {"serverId": None, "volumeId": volume_id, "device": None, "status": volume["status"]}
        return None

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
        """Move it. Between the two servers it belongs to none, so both calls are made here."""
        if not body["serverId"]:
            raise Transient(f"the volume is {body['status']}")
        elsewhere = body["serverId"] != props["instance_uuid"]
        device = props.get("mountpoint") or None
        renamed = "mountpoint" in changed and device is not None and device != body.get("device")
        if not elsewhere and not renamed:
            return
        await _detach(cloud, body["serverId"], props["volume_id"])
        await _until_free(cloud, props["volume_id"])
        await _attach(cloud, props)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        body = await self.show(cloud, id)
        if body is None:
            return
        if body["status"] == "detaching":
            return
        if body["status"] in _MOVING:
            raise Conflict(409, self.service, cloud.region, f"volume {body['volumeId']} is {body['status']}")
        await _detach(cloud, body["serverId"], body["volumeId"])


async def _pair(cloud: Cloud, server: str, volume: str) -> Body | None:
    path = f"/servers/{server}/os-volume_attachments/{volume}"
    return await show_or_none(cloud, "compute", path, "volumeAttachment")


async def _attach(cloud: Cloud, props: Properties) -> None:
    wish = {"volumeId": props["volume_id"]}
    if props.get("mountpoint"):
        wish["device"] = props["mountpoint"]
    path = f"/servers/{props['instance_uuid']}/os-volume_attachments"
    await cloud.post("compute", path, {"volumeAttachment": wish})


async def _detach(cloud: Cloud, server: str, volume: str) -> None:
    try:
        await cloud.delete("compute", f"/servers/{server}/os-volume_attachments/{volume}")
    except Gone:
        return


async def _until_free(cloud: Cloud, volume_id: str) -> None:
    """Return when the volume can be attached. Raises `Failed`, `Gone`."""
    while True:
        volume = (await cloud.get("volume", f"/volumes/{volume_id}"))["volume"]
        if settled(volume) and volume["status"] == "available":
            return
        await asyncio.sleep(_POLL_SECONDS)
