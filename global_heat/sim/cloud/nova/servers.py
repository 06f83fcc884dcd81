"""Servers: make, list, show, change, delete."""

from __future__ import annotations

import re

import msgspec

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.nova.machine import KIND, Machine
from global_heat.sim.cloud.nova.order import Desk, Order, check_metadata
from global_heat.sim.cloud.nova.view import View, links, vm_state
from global_heat.sim.cloud.paging import page
from global_heat.sim.cloud.things import Thing, zulu
from global_heat.sim.cloud.wire import Answer, Call, Refusal

_FILTERS = frozenset(("name", "status", "image", "flavor", "tags", "tags-any", "not-tags", "changes-since"))
_ADMIN_FILTERS = _FILTERS | {"metadata", "uuid", "tenant_id", "project_id"}
_NOT_FILTERS = frozenset(("limit", "marker", "sort_key", "sort_dir", "all_tenants", "deleted"))
_UNKNOWN_ROWS = (2, 69)
_STRICT_QUERY = (2, 75)


class Servers:
    def __init__(self, ground: Ground, desk: Desk, machine: Machine, cinder: Cinder, view: View) -> None:
        self._ground = ground
        self._desk = desk
        self._machine = machine
        self._cinder = cinder
        self._view = view

    def create(self, call: Call) -> Answer:
        order = self._desk.take(call)
        fits, limit = self._ground.room(KIND, call.project_id)
        if not fits:
            used = self._ground.things.count(KIND, call.project_id)
            raise fault(
                403,
                f"Quota exceeded for instances: Requested 1, but already used {used} of {limit} instances",
            )
        id = self._ground.new_id()
        self._reserve(call, order, id)
        now = self._ground.now()
        body: Body = {
            "id": id,
            **order.body,
            "status": "BUILD",
            "locked": False,
            "created": zulu(now),
            "updated": zulu(now),
            "OS-EXT-STS:task_state": "scheduling",
            "OS-SRV-USG:launched_at": None,
        }
        server = Thing(KIND, id, call.project_id, call.who.user_id, body, now)
        server.hidden = {
            "image": order.image,
            "flavor": order.flavor,
            "groups": [group.id for group in order.groups],
            "server_group": order.server_group,
            "disks": {disk.volume.id: disk for disk in order.disks if disk.volume is not None},
            "made_ports": set(),
            "actions": [],
            **order.more,
        }
        self._ground.things.add(server)
        if order.server_group is not None:
            order.server_group.body["members"].append(id)
        self.note(call, server, "create")
        self._machine.build(server, order, now)
        answer = {
            "id": id,
            "links": links(call, id),
            "adminPass": f"{self._ground.rng.getrandbits(48):012x}",
            "OS-DCF:diskConfig": body["OS-DCF:diskConfig"],
            "security_groups": [{"name": group.name} for group in order.groups],
        }
        return Answer(202, {"server": answer}, {"location": answer["links"][0]["href"]})

    def find(self, call: Call, id: str) -> Thing:
        """The project's server. Raises Refusal 404, 500 while its cell is down."""
        server = self._visible(call, self._ground.things.find(KIND, id), id)
        if self._ground.faults.hides(id):
            raise fault(500, "Cell is not responding and hence instance info is not available.")
        return server

    def _visible(self, call: Call, server: Thing | None, id: str) -> Thing:
        if server is None or (server.project_id != call.project_id and not call.who.is_admin):
            raise fault(404, f"Instance {id} could not be found.")
        return server

    def show(self, call: Call, id: str) -> Answer:
        server = self._ground.things.find(KIND, id)
        if server is not None and self._ground.faults.hides(id) and call.version >= _UNKNOWN_ROWS:
            row = self._view.unknown(call, self._visible(call, server, id))
            return Answer(200, {"server": row})
        return Answer(200, {"server": self._view.detail(call, self.find(call, id))})

    def listing(self, call: Call, detail: bool) -> Answer:
        """Newest first. Rows of a cell that is down are shown only where nothing is filtered or cut."""
        faults = self._ground.faults
        wanted = self._filters(call)
        cut = any(key in ("limit", "marker", "sort_key") for key, _ in call.query)
        rows = call.version >= _UNKNOWN_ROWS and not wanted and not cut
        everyone = call.who.is_admin and call.parameter("all_tenants") in ("1", "True", "true")
        lost: list[Thing] = []
        found: list[Thing] = []
        for server in reversed(self._ground.listed(KIND)):
            if not everyone and server.project_id != call.project_id:
                continue
            if faults.hides(server.id):
                lost.append(server)
            elif all(_matches(server, key, value) for key, value in wanted):
                found.append(server)
        kept, next_links = page(call, found, self._ground.settings.page_size)
        show = self._view.detail if detail else self._view.brief
        items = [show(call, server) for server in kept]
        if rows:
            room = self._ground.settings.page_size - len(items)
            items += [self._view.unknown(call, server) for server in lost[:room]]
        body: Body = {"servers": items}
        if next_links:
            body["servers_links"] = next_links
        return Answer(200, body)

    def update(self, call: Call, id: str) -> Answer:
        server = self.find(call, id)
        wish = call.json().get("server")
        allowed = {"name", "accessIPv4", "accessIPv6", "OS-DCF:diskConfig"}
        if call.version >= (2, 19):
            allowed.add("description")
        if not isinstance(wish, dict) or not wish or wish.keys() - allowed:
            raise fault(400, f"Invalid input for field/attribute server. Value: {wish}.")
        if "name" in wish and not (isinstance(wish["name"], str) and 0 < len(wish["name"]) <= 255):
            raise fault(400, f"Invalid input for field/attribute name. Value: {wish['name']}.")
        server.body.update(wish)
        self.touch(server)
        return Answer(200, {"server": self._view.detail(call, server)})

    def delete(self, call: Call, id: str) -> Answer:
        server = self.find(call, id)
        if server.body["locked"] and not call.who.is_admin:
            raise fault(409, f"Instance {id} is locked")
        if server.body["OS-EXT-STS:task_state"] != "deleting":
            self.note(call, server, "delete")
            self._machine.tear_down(server)
        return Answer(204)

    def metadata(self, call: Call, id: str, rest: list[str]) -> Answer:
        """/servers/{id}/metadata[/{key}]."""
        server = self.find(call, id)
        held: Body = server.body["metadata"]
        match call.method, rest:
            case "GET", []:
                return Answer(200, {"metadata": held})
            case (("POST" | "PUT"), []):
                wish = check_metadata(call.json().get("metadata"))
                server.body["metadata"] = wish if call.method == "PUT" else {**held, **wish}
                self.touch(server)
                return Answer(200, {"metadata": server.body["metadata"]})
            case "GET", [key] if key in held:
                return Answer(200, {"meta": {key: held[key]}})
            case "PUT", [key]:
                held.update(check_metadata(call.json().get("meta")))
                self.touch(server)
                return Answer(200, {"meta": {key: held.get(key)}})
            case "DELETE", [key] if key in held:
                del held[key]
                self.touch(server)
                return Answer(204)
            case _:
                raise fault(404, "Metadata item was not found")

    def tags(self, call: Call, id: str, rest: list[str]) -> Answer:
        """/servers/{id}/tags[/{tag}]."""
        server = self.find(call, id)
        tags: list[str] = server.body["tags"]
        match call.method, rest:
            case "GET", []:
                return Answer(200, {"tags": tags})
            case "PUT", []:
                server.body["tags"] = list(dict.fromkeys(call.json().get("tags") or ()))
                return Answer(200, {"tags": server.body["tags"]})
            case "DELETE", []:
                server.body["tags"] = []
                return Answer(204)
            case "PUT", [tag]:
                known = tag in tags
                server.body["tags"] = tags if known else [*tags, tag]
                return Answer(204 if known else 201)
            case "DELETE", [tag] if tag in tags:
                server.body["tags"] = [other for other in tags if other != tag]
                return Answer(204)
            case "GET", [tag] if tag in tags:
                return Answer(204)
            case _:
                raise fault(404, f"Server {id} has no such tag.")

    def note(self, call: Call, server: Thing, action: str) -> None:
        """Write it down for /servers/{id}/os-instance-actions."""
        server.hidden["actions"].insert(
            0,
            {
                "action": action,
                "instance_uuid": server.id,
                "request_id": call.request_id,
                "project_id": server.project_id,
                "user_id": call.who.user_id,
                "start_time": zulu(self._ground.now())[:-1] + ".000000",
                "message": None,
            },
        )

    def touch(self, server: Thing) -> None:
        server.body["updated"] = zulu(self._ground.now())

    def _reserve(self, call: Call, order: Order, server_id: str) -> None:
        """Reserve all volumes or none."""
        held: list[Thing] = []
        try:
            for disk in order.disks:
                if disk.volume is not None:
                    held.append(self._cinder.volumes.reserve(call.project_id, disk.volume.id, server_id))
        except Refusal as refused:
            for volume in held:
                self._cinder.volumes.detach(volume)
            raise fault(400, "Block Device Mapping is Invalid: failed to get volume.") from refused

    def _filters(self, call: Call) -> list[tuple[str, str]]:
        """What the list is filtered by. What the caller may not filter by is dropped without a word."""
        allowed = _ADMIN_FILTERS if call.who.is_admin else _FILTERS
        asked = [(key, value) for key, value in call.query if key not in _NOT_FILTERS]
        if call.version >= _STRICT_QUERY:
            for key, _ in asked:
                if key not in _ADMIN_FILTERS:
                    raise fault(400, f"Additional properties are not allowed ('{key}' was unexpected)")
        if self._ground.faults.drop_filters:
            return []
        return [(key, value) for key, value in asked if key in allowed]


def require(server: Thing, what: str, *statuses: str) -> None:
    """Raises Refusal 409 unless the server is in one of the statuses and nothing is being done to it."""
    task = server.body["OS-EXT-STS:task_state"]
    if server.body["status"] not in statuses:
        raise fault(409, f"Cannot '{what}' instance {server.id} while it is in vm_state {vm_state(server)}")
    if task is not None:
        raise fault(409, f"Cannot '{what}' instance {server.id} while it is in task_state {task}")


def _matches(server: Thing, key: str, value: str) -> bool:
    body = server.body
    match key:
        case "name":
            return re.search(value, body["name"]) is not None
        case "status":
            return bool(body["status"] == value.upper())
        case "image":
            image: Thing | None = server.hidden["image"]
            return image is not None and image.id == value
        case "flavor":
            return bool(server.hidden["flavor"].id == value)
        case "tags":
            return set(value.split(",")) <= set(body["tags"])
        case "tags-any":
            return bool(set(value.split(",")) & set(body["tags"]))
        case "not-tags":
            return not set(value.split(",")) <= set(body["tags"])
        case "changes-since":
            return bool(body["updated"] >= value)
        case "metadata":
            return bool(_wanted_metadata(value).items() <= body["metadata"].items())
        case "uuid":
            return server.id == value
        case "tenant_id" | "project_id":
            return server.project_id == value
        case _:
            return True


def _wanted_metadata(value: str) -> Body:
    try:
        return msgspec.json.decode(value, type=Body)
    except msgspec.MsgspecError as wrong:
        raise fault(400, f"Invalid filter: metadata={value}") from wrong
