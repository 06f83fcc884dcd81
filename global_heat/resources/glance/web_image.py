"""OS::Glance::WebImage: an image that Glance fetches from an address."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from urllib.parse import quote

from global_heat.model.names import PhysicalId, Token
from global_heat.model.token import mark, token_in
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud, Gone
from global_heat.resources.type import Failed, Handle, Making, ResourceType

_MARK, _MAKER = "gh_token", "gh_name"
_ENDED = frozenset({"killed", "deleted", "pending_delete"})
_UUID_BYTES = 16


class WebImage(ResourceType):
    """Its id is ours to choose, once for all attempts to make it: Glance refuses a second one of that id."""

    name = "OS::Glance::WebImage"
    service = "image"
    kind = "image.image"
    handle = Handle.UNIQUE
    polled = True
    supported = frozenset(
        {"container_format", "disk_format", "id", "location", "min_disk", "min_ram", "name", "tags"}
    )
    finishing = frozenset({"location"})

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {"id": str(uuid.UUID(bytes=random_bytes[:_UUID_BYTES], version=4))}

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(props.get("id") or making.made["id"])

    def token_of(self, body: Body) -> Token | None:
        return token_in(body.get(_MARK))

    def is_made_by(self, body: Body, making: Making, props: Properties) -> bool:
        return bool(body.get(_MAKER) == making.name)

    def ready(self, body: Body) -> bool:
        """An image that waits for its data is ready to be told where they are."""
        status = body["status"]
        if status in _ENDED:
            raise Failed(f"the image is in status {status}")
        if status == "queued" and body.get("os_glance_failed_import"):
            raise Failed("Glance could not fetch the image from its location")
        return status == "active" or _waits(body)

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": {key: value for key, value in body.items() if key not in (_MARK, _MAKER)}}

    async def observe(self, cloud: Cloud) -> list[Body]:
        return await cloud.list(self.service, "/images", "images", {"owner": cloud.project})

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        try:
            return await cloud.get(self.service, f"/images/{quote(id, safe='')}")
        except Gone:
            return None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        id = self.natural_id(making, props)
        body = {
            "id": id,
            "name": props.get("name") or making.name,
            "container_format": props["container_format"],
            "disk_format": props["disk_format"],
            "min_disk": props.get("min_disk") or 0,
            "min_ram": props.get("min_ram") or 0,
            "tags": list(dict.fromkeys(props.get("tags") or ())),
            "visibility": "private",
            _MARK: mark(None, making.token),
            _MAKER: making.name,
        }
        await cloud.post(self.service, "/images", body)
        return id

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        if "location" in changed and _waits(body):
            method = {"name": "web-download", "uri": props["location"]}
            await cloud.post(self.service, f"/images/{id}/import", {"method": method})
        if "tags" in changed:
            wished, actual = set(props.get("tags") or ()), set(body.get("tags") or ())
            for tag in sorted(wished - actual):
                await cloud.put(self.service, f"/images/{id}/tags/{tag}", {})
            for tag in sorted(actual - wished):
                await cloud.delete(self.service, f"/images/{id}/tags/{tag}")

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/images/{id}")


def _waits(body: Body) -> bool:
    """Whether nobody has told Glance yet where the data are."""
    return body["status"] == "queued" and not body.get("os_glance_import_task")
