"""Snapshots of volumes."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.volumes import KIND as VOLUME
from global_heat.sim.cloud.cinder.volumes import SNAPSHOT, Volumes, check_metadata
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Thing, micros
from global_heat.sim.cloud.wire import Answer, Call


class Snapshots:
    def __init__(self, ground: Ground, volumes: Volumes) -> None:
        self._ground = ground
        self._volumes = volumes

    def create(self, call: Call) -> Answer:
        wish: Body = call.json().get("snapshot") or {}
        volume = self._volumes.find(VOLUME, str(wish.get("volume_id")), call.project_id)
        allowed = ("available", "in-use") if wish.get("force") else ("available",)
        if volume.body["status"] not in allowed:
            raise fault(
                400,
                f"Invalid volume: Volume {volume.id} status must be available, but current status is: "
                f"{volume.body['status']}.",
            )
        now = self._ground.now()
        body: Body = {
            "id": self._ground.new_id(),
            "name": wish.get("name"),
            "description": wish.get("description"),
            "volume_id": volume.id,
            "status": "creating",
            "size": volume.body["size"],
            "metadata": check_metadata(wish.get("metadata") or {}),
            "created_at": micros(now),
            "updated_at": micros(now),
            "user_id": call.who.user_id,
            "os-extended-snapshot-attributes:progress": "0%",
            "os-extended-snapshot-attributes:project_id": call.project_id,
        }
        thing = Thing(SNAPSHOT, body["id"], call.project_id, call.who.user_id, body, now)
        thing.hidden["bootable"] = volume.body["bootable"]
        self._ground.things.add(thing)
        ends = "error" if self._ground.faults.fails(SNAPSHOT) else "available"

        def ready(at: float) -> None:
            if thing.deleted_at is None and body["status"] == "creating":
                body.update(
                    {
                        "status": ends,
                        "updated_at": micros(at),
                        "os-extended-snapshot-attributes:progress": "100%",
                    }
                )

        self._ground.later(self._ground.settings.volume_seconds, ready)
        return Answer(202, {"snapshot": body})

    def update(self, call: Call, id: str) -> Answer:
        snapshot = self._volumes.find(SNAPSHOT, id, call.project_id, call.who.is_admin)
        wish: Body = call.json().get("snapshot") or {}
        snapshot.body.update({key: wish[key] for key in ("name", "description") if key in wish})
        return Answer(200, {"snapshot": snapshot.body})

    def delete(self, call: Call, id: str) -> Answer:
        snapshot = self._volumes.find(SNAPSHOT, id, call.project_id, call.who.is_admin)
        if snapshot.body["status"] not in ("available", "error", "error_deleting"):
            raise fault(400, "Invalid snapshot: Snapshot status must be available or error.")
        snapshot.body["status"] = "deleting"
        self._ground.later(
            self._ground.settings.volume_delete_seconds,
            lambda at: None if snapshot.deleted_at else self._ground.things.remove(snapshot, at),
        )
        return Answer(202)
