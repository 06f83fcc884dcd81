"""Volumes and who uses them."""

from __future__ import annotations

from typing import Any

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.types import VolumeTypes
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.things import Origin, Thing, micros
from global_heat.sim.cloud.wire import Answer, Call

KIND = "volume.volume"
SNAPSHOT = "volume.snapshot"
_ACCEPTED = frozenset(
    (
        "name",
        "display_name",
        "description",
        "display_description",
        "size",
        "volume_type",
        "metadata",
        "snapshot_id",
        "source_volid",
        "imageRef",
        "image_id",
        "availability_zone",
        "multiattach",
        "consistencygroup_id",
        "group_id",
        "backup_id",
        "OS-SCH-HNT:scheduler_hints",
    )
)
_DELETABLE = ("available", "error", "error_restoring", "error_extending", "error_deleting")


class Volumes:
    def __init__(self, ground: Ground, glance: Glance, types: VolumeTypes) -> None:
        self._ground = ground
        self._glance = glance
        self._types = types

    def create(self, call: Call) -> Answer:
        wish = call.json().get("volume")
        if not isinstance(wish, dict):
            raise fault(400, "Invalid input for field/attribute volume.")
        unknown = wish.keys() - _ACCEPTED
        if unknown:
            raise fault(400, f"Additional properties are not allowed ({sorted(unknown)} were unexpected)")
        fits, limit = self._ground.room(KIND, call.project_id)
        if not fits:
            raise fault(
                413,
                f"VolumeLimitExceeded: Maximum number of volumes allowed ({limit}) exceeded for quota "
                "'volumes'.",
            )
        volume = self.place(
            call.project_id,
            call.who.user_id,
            name=wish.get("name", wish.get("display_name")),
            description=wish.get("description", wish.get("display_description")),
            size=wish.get("size"),
            metadata=check_metadata(wish.get("metadata") or {}),
            volume_type=wish.get("volume_type"),
            image_id=wish.get("imageRef") or wish.get("image_id"),
            snapshot_id=wish.get("snapshot_id"),
            source_volid=wish.get("source_volid"),
            zone=wish.get("availability_zone"),
            multiattach=bool(wish.get("multiattach")),
        )
        return Answer(202, {"volume": volume.body})

    def place(
        self,
        project_id: str,
        user_id: str,
        *,
        name: str | None,
        size: Any,
        description: str | None = None,
        metadata: Body | None = None,
        volume_type: str | None = None,
        image_id: str | None = None,
        snapshot_id: str | None = None,
        source_volid: str | None = None,
        zone: str | None = None,
        multiattach: bool = False,
        origin: Origin = Origin.USER,
    ) -> Thing:
        """Make a volume: `creating` now, `available` later. Raises Refusal."""
        type_name = self._types.name_of(volume_type)
        source = self._source(project_id, image_id, snapshot_id, source_volid)
        if source is not None:
            size = size or (None if image_id else source.body["size"])
        if not str(size).isdigit() or int(size) < 1:
            raise fault(400, f"Invalid input received: Volume size '{size}' must be an integer above 0.")
        if image_id and source is not None and int(size) < int(source.body["min_disk"]):
            raise fault(400, f"Image's min_disk {source.body['min_disk']}GB is larger than volume size.")
        now = self._ground.now()
        bootable = source is not None and (bool(image_id) or _is_bootable(source))
        body: Body = {
            "id": self._ground.new_id(),
            "name": name,
            "description": description,
            "size": int(size),
            "status": "creating",
            "volume_type": type_name,
            "metadata": metadata or {},
            "availability_zone": zone or "nova",
            "bootable": "true" if bootable else "false",
            "encrypted": False,
            "multiattach": multiattach,
            "attachments": [],
            "snapshot_id": snapshot_id,
            "source_volid": source_volid,
            "replication_status": None,
            "consistencygroup_id": None,
            "group_id": None,
            "migration_status": None,
            "user_id": user_id,
            "created_at": micros(now),
            "updated_at": micros(now),
            "os-vol-tenant-attr:tenant_id": project_id,
        }
        if image_id and source is not None:
            body["volume_image_metadata"] = {"image_id": source.id, "image_name": source.name}
        volume = self._ground.things.add(Thing(KIND, body["id"], project_id, user_id, body, now, origin))
        ends = "error" if self._ground.faults.fails(KIND) else "available"

        def ready(at: float) -> None:
            if body["status"] == "creating":
                self._to(volume, ends, at)

        self._ground.later(self._ground.settings.volume_seconds, ready)
        return volume

    def find(self, kind: str, id: str, project_id: str, admin: bool = False) -> Thing:
        """The project's volume or snapshot. Raises Refusal 404."""
        thing = self._ground.things.find(kind, id)
        if thing is None or (thing.project_id != project_id and not admin):
            raise fault(404, f"{kind.partition('.')[2].title()} {id} could not be found.")
        return thing

    def _source(
        self, project_id: str, image_id: str | None, snapshot_id: str | None, source_volid: str | None
    ) -> Thing | None:
        """The image, snapshot or volume that a volume is made from. Raises Refusal."""
        if image_id:
            image = self._glance.usable(image_id, project_id)
            if image is None:
                raise fault(400, f"Invalid image identifier or unable to access requested image: {image_id}")
            return image
        for kind, id in ((SNAPSHOT, snapshot_id), (KIND, source_volid)):
            if id:
                source = self.find(kind, id, project_id)
                if source.body["status"] not in ("available", "in-use"):
                    raise fault(400, f"Invalid source: status of {id} is {source.body['status']}.")
                return source
        return None

    def update(self, call: Call, id: str) -> Answer:
        volume = self.find(KIND, id, call.project_id, call.who.is_admin)
        wish = call.json().get("volume") or {}
        unknown = wish.keys() - {"name", "description", "metadata", "display_name", "display_description"}
        if unknown:
            raise fault(400, f"Additional properties are not allowed ({sorted(unknown)} were unexpected)")
        if "metadata" in wish:
            check_metadata(wish["metadata"])
        volume.body.update({key.removeprefix("display_"): value for key, value in wish.items()})
        self._touch(volume)
        return Answer(200, {"volume": volume.body})

    def delete(self, call: Call, id: str) -> Answer:
        volume = self.find(KIND, id, call.project_id, call.who.is_admin)
        if volume.body["status"] == "deleting":
            return Answer(202)
        snapshots = self._ground.things.of(SNAPSHOT).values()
        if call.parameter("cascade") is None and any(s.body["volume_id"] == id for s in snapshots):
            raise _undeletable()
        if volume.body["status"] not in _DELETABLE or volume.body["attachments"]:
            raise _undeletable()
        self.drop(volume)
        return Answer(202)

    def drop(self, volume: Thing) -> None:
        """Begin its deletion, with its snapshots."""
        now = self._ground.now()
        self._to(volume, "deleting", now)
        doomed = [s for s in self._ground.things.of(SNAPSHOT).values() if s.body["volume_id"] == volume.id]

        def gone(at: float) -> None:
            for thing in (volume, *doomed):
                if thing.deleted_at is None:
                    self._ground.things.remove(thing, at)

        self._ground.later(self._ground.settings.volume_delete_seconds, gone)

    def act(self, call: Call, id: str) -> Answer:
        """/volumes/{id}/action."""
        volume = self.find(KIND, id, call.project_id, call.who.is_admin)
        body = call.json()
        name, wish = next(iter(body.items()), ("", {}))
        wish = wish if isinstance(wish, dict) else {}
        match name:
            case "os-extend":
                if call.version < (3, 42):
                    self._require(volume, "extend", "available")
                self._extend(volume, wish.get("new_size"))
                return Answer(202)
            case "os-retype":
                self._require(volume, "retype", "available", "in-use")
                volume.body["volume_type"] = self._types.name_of(wish.get("new_type"))
            case "os-set_bootable":
                volume.body["bootable"] = "true" if wish.get("bootable") else "false"
            case "os-update_readonly_flag":
                volume.body["metadata"]["readonly"] = str(bool(wish.get("readonly")))
            case "os-reset_status" if call.who.is_admin:
                volume.body["status"] = wish.get("status", volume.body["status"])
            case "os-force_delete" if call.who.is_admin:
                self.drop(volume)
            case "os-reset_status" | "os-force_delete":
                raise fault(403, "Policy doesn't allow this to be performed.")
            case _:
                raise fault(400, f"There is no such action: {name}")
        self._touch(volume)
        return Answer(200 if name in ("os-set_bootable",) else 202)

    def metadata(self, call: Call, id: str, rest: list[str]) -> Answer:
        """/volumes/{id}/metadata[/{key}]."""
        volume = self.find(KIND, id, call.project_id, call.who.is_admin)
        held: Body = volume.body["metadata"]
        match call.method, rest:
            case "GET", []:
                return Answer(200, {"metadata": held})
            case (("POST" | "PUT"), []):
                wish = check_metadata(call.json().get("metadata") or {})
                volume.body["metadata"] = wish if call.method == "PUT" else {**held, **wish}
            case "PUT", [key]:
                held[key] = check_metadata(call.json().get("meta") or {}).get(key, "")
            case "DELETE", [key] if key in held:
                del held[key]
                return Answer(200)
            case _:
                raise fault(404, f"Metadata item {'/'.join(rest)} was not found")
        return Answer(200, {"metadata": volume.body["metadata"]})

    # what Nova does with volumes

    def reserve(self, project_id: str, volume_id: str, server_id: str) -> Thing:
        """Keep the volume for a server: an atomic step that one of two callers loses. Raises Refusal."""
        volume = self.find(KIND, volume_id, project_id)
        if volume.body["status"] != "available":
            raise fault(
                400,
                f"Invalid volume: volume {volume_id} status must be available or downloading to reserve, but "
                f"the current status is {volume.body['status']}.",
            )
        volume.body["status"] = "reserved"
        self._hold(volume, server_id)
        self._touch(volume)
        return volume

    def _hold(self, volume: Thing, server_id: str) -> Body:
        held = {
            "id": self._ground.new_id(),
            "volume_id": volume.id,
            "instance": server_id,
            "status": "reserved",
        }
        volume.hidden["attachment"] = held
        return held

    def attach(self, volume: Thing, server_id: str, device: str) -> None:
        """The volume is in use by the server now."""
        held = volume.hidden.get("attachment") or self._hold(volume, server_id)
        held["status"] = "attached"
        volume.body["status"] = "in-use"
        volume.body["attachments"] = [
            {
                "id": volume.id,
                "attachment_id": held["id"],
                "volume_id": volume.id,
                "server_id": server_id,
                "host_name": None,
                "device": device,
                "attached_at": micros(self._ground.now()),
            }
        ]
        self._touch(volume)

    def detach(self, volume: Thing) -> None:
        """No server has the volume any more."""
        held = volume.hidden.pop("attachment", None)
        volume.body["attachments"] = []
        if held is not None and volume.deleted_at is None:
            volume.body["status"] = "available"
            self._touch(volume)

    def _extend(self, volume: Thing, size: Any) -> None:
        self._require(volume, "extend", "available", "in-use")
        if not str(size).isdigit() or int(size) <= volume.body["size"]:
            raise fault(
                400,
                "Invalid input received: New size for extend must be greater than current size. (current: "
                f"{volume.body['size']}, extended: {size}).",
            )
        now, back = self._ground.now(), volume.body["status"]
        self._to(volume, "extending", now)

        def extended(at: float) -> None:
            volume.body["size"] = int(size)
            self._to(volume, back, at)

        self._ground.later(self._ground.settings.action_seconds, extended)

    def _require(self, volume: Thing, what: str, *allowed: str) -> None:
        if volume.body["status"] not in allowed:
            raise fault(
                400,
                f"Invalid volume: Volume {volume.id} status must be {' or '.join(allowed)} to {what}, but "
                f"current status is: {volume.body['status']}.",
            )

    def _to(self, volume: Thing, status: str, at: float) -> None:
        if volume.deleted_at is None and volume.body["status"] != "deleting":
            volume.body["status"] = status
            volume.body["updated_at"] = micros(at)

    def _touch(self, volume: Thing) -> None:
        volume.body["updated_at"] = micros(self._ground.now())


def check_metadata(wish: Body) -> Body:
    """Only texts of at most 255 characters. Raises Refusal."""
    for key, value in wish.items():
        if not isinstance(value, str) or len(value) > 255 or len(key) > 255:
            raise fault(400, f"Invalid input for field/attribute metadata. Value: {value!r} of {key}.")
    return dict(wish)


def _undeletable() -> Exception:
    return fault(
        400,
        "Invalid volume: Volume status must be available or error or error_restoring or error_extending or "
        "error_managing and must not be migrating, attached, belong to a group, have snapshots, awaiting a "
        "transfer, or be disassociated from snapshots after volume transfer.",
    )


def _is_bootable(source: Thing) -> bool:
    """Of a volume, or of a snapshot, which does not show it."""
    return bool(source.hidden.get("bootable", source.body.get("bootable")) == "true")
