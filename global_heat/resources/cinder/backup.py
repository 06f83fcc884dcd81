"""What is left of a volume with the deletion policy Snapshot: a backup, as in Heat."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.token import mark
from global_heat.model.values import Body, Properties
from global_heat.regions.cloud import Cloud, Conflict
from global_heat.resources.cinder.states import in_use, settled
from global_heat.resources.type import Failed, Making, SnapshotType, show_or_none

_CONFLICT = 409


class VolumeBackup(SnapshotType):
    """Its token stands in its description."""

    name = "OS::Cinder::Volume (backup)"
    service = "volume"
    kind = "volume.backup"

    def ready(self, body: Body) -> bool:
        status = str(body.get("status"))
        if status.startswith("error"):
            reason = body.get("fail_reason")
            raise Failed(f"the backup is in status {status}" + (f": {reason}" if reason else ""))
        return status == "available"

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        """Cinder refuses what is in use as a bad request; here that is a conflict."""
        volume = (await cloud.get(self.service, f"/volumes/{props['of']}"))["volume"]
        if not settled(volume) or in_use(volume):
            told = f"volume {props['of']} is {volume['status']}"
            raise Conflict(_CONFLICT, self.service, cloud.region, told)
        return props

    async def observe(self, cloud: Cloud) -> list[Body]:
        return await cloud.list(self.service, "/backups/detail", "backups")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        return await show_or_none(cloud, self.service, f"/backups/{id}", "backup")

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        backup = {"volume_id": props["of"], "name": making.name, "description": mark(None, making.token)}
        answer = await cloud.post(self.service, "/backups", {"backup": backup})
        return PhysicalId(answer["backup"]["id"])

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/backups/{id}")
