"""Backups of volumes: they outlive the volume."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.volumes import KIND as VOLUME
from global_heat.sim.cloud.cinder.volumes import Volumes
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Thing, micros
from global_heat.sim.cloud.wire import Answer, Call

KIND = "volume.backup"
_BUSY = "backing-up"


class Backups:
    def __init__(self, ground: Ground, volumes: Volumes) -> None:
        self._ground = ground
        self._volumes = volumes

    def create(self, call: Call) -> Answer:
        """While it is made, its volume can be neither used nor deleted."""
        wish: Body = call.json().get("backup") or {}
        volume = self._volumes.find(VOLUME, str(wish.get("volume_id")), call.project_id)
        before = volume.body["status"]
        if before not in (("available", "in-use") if wish.get("force") else ("available",)):
            raise fault(
                400,
                "Invalid volume: The volume to be backed up must be available or in-use, but the current "
                f'status is "{before}".',
            )
        now = self._ground.now()
        body: Body = {
            "id": self._ground.new_id(),
            "name": wish.get("name"),
            "description": wish.get("description"),
            "volume_id": volume.id,
            "status": "creating",
            "size": volume.body["size"],
            "object_count": 0,
            "container": wish.get("container"),
            "availability_zone": volume.body.get("availability_zone"),
            "created_at": micros(now),
            "updated_at": micros(now),
            "data_timestamp": micros(now),
            "fail_reason": None,
            "is_incremental": bool(wish.get("incremental")),
            "has_dependent_backups": False,
            "snapshot_id": wish.get("snapshot_id"),
        }
        backup = Thing(KIND, body["id"], call.project_id, call.who.user_id, body, now)
        self._ground.things.add(backup)
        volume.body["status"] = _BUSY
        fails = self._ground.faults.fails(KIND)

        def ready(at: float) -> None:
            if volume.body["status"] == _BUSY:
                volume.body["status"] = before
            if backup.deleted_at is None and body["status"] == "creating":
                why = "the backup service could not write" if fails else None
                body.update(status="error" if fails else "available", fail_reason=why, updated_at=micros(at))

        self._ground.later(self._ground.settings.volume_seconds, ready)
        told = {"id": backup.id, "name": body["name"], "volume_id": volume.id}
        return Answer(202, {"backup": told})

    def show(self, call: Call, id: str) -> Answer:
        backup = self._volumes.find(KIND, id, call.project_id, call.who.is_admin)
        return Answer(200, {"backup": backup.body})

    def delete(self, call: Call, id: str) -> Answer:
        backup = self._volumes.find(KIND, id, call.project_id, call.who.is_admin)
        if backup.body["status"] not in ("available", "error"):
            raise fault(400, "Invalid backup: Backup status must be available or error.")
        backup.body["status"] = "deleting"
        self._ground.later(
            self._ground.settings.volume_delete_seconds,
            lambda at: None if backup.deleted_at else self._ground.things.remove(backup, at),
        )
        return Answer(202)
