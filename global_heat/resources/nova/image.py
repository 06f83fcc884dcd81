"""What is left of a server with the deletion policy Snapshot: an image, as in Heat."""

from __future__ import annotations

from global_heat.model.names import PhysicalId, Token
from global_heat.model.token import mark, token_in
from global_heat.model.values import Body, Properties
from global_heat.regions.cloud import Cloud, Conflict, Gone
from global_heat.resources.marks import KEY
from global_heat.resources.nova.states import GONE, failure_of, is_busy
from global_heat.resources.type import Failed, Making, SnapshotType

_NOT_FOUND, _CONFLICT = 404, 409
_ENDED = frozenset({"killed", "deleted", "pending_delete"})


class ServerImage(SnapshotType):
    """Its token stands among its properties, which Nova writes together with it."""

    name = "OS::Nova::Server (image)"
    service = "image"
    kind = "image.image"
    call_seconds = 600.0

    def token_of(self, body: Body) -> Token | None:
        return token_in(body.get(KEY))

    def ready(self, body: Body) -> bool:
        if body["status"] in _ENDED:
            raise Failed(f"the image is in status {body['status']}")
        return bool(body["status"] == "active")

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        server = (await cloud.get("compute", f"/servers/{props['of']}"))["server"]
        if server["status"] in GONE:
            raise Gone(_NOT_FOUND, "compute", cloud.region, f"server {props['of']} is {server['status']}")
        if server["status"] == "ERROR":
            raise Failed(failure_of(server))
        if is_busy(server):
            task = server.get("OS-EXT-STS:task_state")
            told = f"server {props['of']} is {server['status']}, {task}"
            raise Conflict(_CONFLICT, "compute", cloud.region, told)
        return props

    async def observe(self, cloud: Cloud) -> list[Body]:
        return await cloud.list(self.service, "/images", "images", {"owner": cloud.project})

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        try:
            return await cloud.get(self.service, f"/images/{id}")
        except Gone:
            return None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        order = {"name": making.name, "metadata": {KEY: mark(None, making.token)}}
        path = f"/servers/{props['of']}/action"
        answer = await cloud.post("compute", path, {"createImage": order})
        return PhysicalId(answer["image_id"])

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/images/{id}")
