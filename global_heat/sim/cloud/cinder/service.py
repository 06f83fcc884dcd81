"""Cinder's v3 API. Paths come without `/volume/v3`, with or without the project's id."""

from __future__ import annotations

import ast

from global_heat.model.values import Body
from global_heat.regions.transport import Response
from global_heat.sim.cloud.cinder.backups import KIND as BACKUP
from global_heat.sim.cloud.cinder.backups import Backups
from global_heat.sim.cloud.cinder.snapshots import Snapshots
from global_heat.sim.cloud.cinder.types import VolumeTypes
from global_heat.sim.cloud.cinder.volumes import KIND, SNAPSHOT, Volumes
from global_heat.sim.cloud.discovery import CINDER_MAX
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.microversion import microversion, text
from global_heat.sim.cloud.paging import page
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Answer, Call, Refusal, render

_OLDEST = (3, 0)
_FILTERS = ("name", "status", "bootable", "volume_type", "availability_zone", "id", "volume_id", "metadata")


class Cinder:
    def __init__(self, ground: Ground, glance: Glance) -> None:
        self._ground = ground
        self._types = VolumeTypes(ground)
        self.volumes = Volumes(ground, glance, self._types)
        self._snapshots = Snapshots(ground, self.volumes)
        self._backups = Backups(ground, self.volumes)

    def handle(self, call: Call) -> Response:
        headers = {"x-openstack-request-id": call.request_id, "vary": "OpenStack-API-Version"}
        try:
            call.version = microversion(call, "volume", _OLDEST, CINDER_MAX)
            headers["openstack-api-version"] = f"volume {text(call.version)}"
            answer = self._route(call)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body)
        return render(answer, headers)

    def _route(self, call: Call) -> Answer:
        path = call.path
        if path and path[0] == call.project_id:
            path = path[1:]
        elif path and len(path[0]) == 32:
            raise fault(400, "Malformed request url")
        match path:
            case ["volumes", *rest]:
                return self._volumes(call, rest)
            case ["snapshots", *rest]:
                return self._snapshot(call, rest)
            case ["backups", *rest]:
                return self._backup(call, rest)
            case ["types", *rest]:
                return self._types.handle(call, rest)
            case ["attachments", *rest]:
                return self._attachments(call, rest)
            case _ if call.method == "GET":
                return self._facts(call, path)
            case _:
                raise no_such_path()

    def _volumes(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", [] | ["detail"]:
                return self._list(call, KIND, "volumes", bool(rest))
            case "POST", []:
                return self.volumes.create(call)
            case "GET", [id]:
                volume = self.volumes.find(KIND, id, call.project_id, call.who.is_admin)
                return Answer(200, {"volume": volume.body})
            case "PUT", [id]:
                return self.volumes.update(call, id)
            case "DELETE", [id]:
                return self.volumes.delete(call, id)
            case "POST", [id, "action"]:
                return self.volumes.act(call, id)
            case _, [id, "metadata", *more]:
                return self.volumes.metadata(call, id, more)
            case _:
                raise no_such_path()

    def _snapshot(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", [] | ["detail"]:
                return self._list(call, SNAPSHOT, "snapshots", bool(rest))
            case "POST", []:
                return self._snapshots.create(call)
            case "GET", [id]:
                snapshot = self.volumes.find(SNAPSHOT, id, call.project_id, call.who.is_admin)
                return Answer(200, {"snapshot": snapshot.body})
            case "PUT", [id]:
                return self._snapshots.update(call, id)
            case "DELETE", [id]:
                return self._snapshots.delete(call, id)
            case _:
                raise no_such_path()

    def _backup(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", [] | ["detail"]:
                return self._list(call, BACKUP, "backups", bool(rest))
            case "POST", []:
                return self._backups.create(call)
            case "GET", [id]:
                return self._backups.show(call, id)
            case "DELETE", [id]:
                return self._backups.delete(call, id)
            case _:
                raise no_such_path()

    def _list(self, call: Call, kind: str, plural: str, detail: bool) -> Answer:
        faults = self._ground.faults
        wanted = [] if faults.drop_filters else [(k, v) for k, v in call.query if k in _FILTERS]
        everyone = call.who.is_admin and call.parameter("all_tenants") in ("1", "True", "true")
        found = [
            thing
            for thing in reversed(self._ground.listed(kind))
            if (everyone or thing.project_id == call.project_id)
            and all(_matches(thing.body, key, value) for key, value in wanted)
        ]
        cut, links = page(call, found, self._ground.settings.page_size)
        keep = None if detail else ("id", "name")
        items = [item.body if keep is None else {key: item.body[key] for key in keep} for item in cut]
        body: Body = {plural: items}
        if links:
            body[f"{plural}_links"] = links
        return Answer(200, body)

    def _attachments(self, call: Call, rest: list[str]) -> Answer:
        if call.version < (3, 27):
            raise no_such_path()
        volumes = [
            volume
            for volume in self._ground.things.of(KIND).values()
            if volume.project_id == call.project_id and "attachment" in volume.hidden
        ]
        match call.method, rest:
            case "GET", [] | ["detail"]:
                wanted = [
                    ("instance" if key == "instance_id" else key, value)
                    for key, value in call.query
                    if key in ("instance_id", "volume_id", "status")
                ]
                held = [volume.hidden["attachment"] for volume in volumes]
                return Answer(200, {"attachments": [a for a in held if all(a[k] == v for k, v in wanted)]})
            case "GET", [id]:
                return Answer(200, {"attachment": _attached(volumes, id).hidden["attachment"]})
            case "DELETE", [id]:
                self.volumes.detach(_attached(volumes, id))
                return Answer(200, {"attachments": []})
            case _:
                raise no_such_path()

    def _facts(self, call: Call, path: list[str]) -> Answer:
        match path:
            case ["os-availability-zone"]:
                zone = {"zoneName": "nova", "zoneState": {"available": True}}
                return Answer(200, {"availabilityZoneInfo": [zone]})
            case ["resource_filters"]:
                filters = ["name", "status", "metadata", "bootable"]
                resources = ("volume", "snapshot")
                return Answer(
                    200, {"resource_filters": [{"resource": r, "filters": filters} for r in resources]}
                )
            case ["limits"]:
                limits = {
                    "maxTotalVolumes": self._ground.room(KIND, call.project_id)[1],
                    "totalVolumesUsed": self._ground.things.count(KIND, call.project_id),
                }
                return Answer(200, {"limits": {"rate": [], "absolute": limits}})
            case ["extensions"]:
                return Answer(200, {"extensions": []})
            case _:
                raise no_such_path()


def _matches(body: Body, key: str, value: str) -> bool:
    if key == "metadata":
        try:
            wanted = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return False
        return isinstance(wanted, dict) and wanted.items() <= body["metadata"].items()
    return key not in body or str(body[key]) == value


def _attached(volumes: list[Thing], id: str) -> Thing:
    for volume in volumes:
        if volume.hidden["attachment"]["id"] == id:
            return volume
    raise fault(404, f"Volume attachment could not be found with filter: attachment_id = {id}.")
