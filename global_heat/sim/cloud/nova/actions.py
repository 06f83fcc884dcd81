"""POST /servers/{id}/action."""

from __future__ import annotations

from typing import Any

from global_heat.model.values import Body
from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.flavors import Flavors
from global_heat.sim.cloud.nova.machine import Machine
from global_heat.sim.cloud.nova.order import Desk, check_metadata
from global_heat.sim.cloud.nova.servers import Servers, require
from global_heat.sim.cloud.nova.view import View
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Answer, Call

_SIMPLE = {
    # action: (statuses it is allowed in, task, status meanwhile, status at the end)
    "reboot": (("ACTIVE", "SHUTOFF", "PAUSED", "ERROR"), "rebooting", "REBOOT", "ACTIVE"),
    "os-stop": (("ACTIVE", "ERROR"), "powering-off", "ACTIVE", "SHUTOFF"),
    "os-start": (("SHUTOFF",), "powering-on", "SHUTOFF", "ACTIVE"),
    "pause": (("ACTIVE",), "pausing", "ACTIVE", "PAUSED"),
    "unpause": (("PAUSED",), "unpausing", "PAUSED", "ACTIVE"),
    "suspend": (("ACTIVE",), "suspending", "ACTIVE", "SUSPENDED"),
    "resume": (("SUSPENDED",), "resuming", "SUSPENDED", "ACTIVE"),
    "shelve": (("ACTIVE", "SHUTOFF", "PAUSED"), "shelving", "ACTIVE", "SHELVED_OFFLOADED"),
    "unshelve": (("SHELVED_OFFLOADED",), "unshelving", "SHELVED_OFFLOADED", "ACTIVE"),
    "rescue": (("ACTIVE", "SHUTOFF"), "rescuing", "ACTIVE", "RESCUE"),
    "unrescue": (("RESCUE",), "unrescuing", "RESCUE", "ACTIVE"),
}


class Actions:
    def __init__(
        self,
        servers: Servers,
        machine: Machine,
        desk: Desk,
        flavors: Flavors,
        glance: Glance,
        neutron: Neutron,
        view: View,
    ) -> None:
        self._servers = servers
        self._machine = machine
        self._desk = desk
        self._flavors = flavors
        self._glance = glance
        self._neutron = neutron
        self._view = view

    def act(self, call: Call, id: str) -> Answer:
        server = self._servers.find(call, id)
        body = call.json()
        if len(body) != 1:
            raise fault(400, "Malformed request body")
        name, wish = next(iter(body.items()))
        if server.body["locked"] and name not in ("lock", "unlock") and not call.who.is_admin:
            raise fault(409, f"Instance {id} is locked")
        answer = self._act(call, server, name, wish)
        self._servers.note(call, server, name.removeprefix("os-"))
        return answer

    def _act(self, call: Call, server: Thing, name: str, wish: Any) -> Answer:
        if name in _SIMPLE:
            statuses, task, meanwhile, end = _SIMPLE[name]
            require(server, name, *statuses)
            self._machine.change(server, task, meanwhile, end)
            return Answer(202)
        wish = wish if isinstance(wish, dict) else {}
        match name:
            case "lock" | "unlock":
                server.body["locked"] = name == "lock"
            case "resize":
                self._resize(server, wish)
            case "confirmResize":
                require(server, name, "VERIFY_RESIZE")
                del server.hidden["old_flavor"]
                self._machine.settle(server, "ACTIVE", call.now)
                return Answer(204)
            case "revertResize":
                require(server, name, "VERIFY_RESIZE")
                old = server.hidden.pop("old_flavor")
                self._machine.change(
                    server,
                    "resize_reverting",
                    "REVERT_RESIZE",
                    "ACTIVE",
                    lambda: server.hidden.update(flavor=old),
                )
            case "rebuild":
                return self._rebuild(call, server, wish)
            case "createImage":
                return self._image(call, server, wish)
            case "addSecurityGroup" | "removeSecurityGroup":
                self._security_group(call, server, str(wish.get("name")), name.startswith("add"))
            case "changePassword":
                require(server, name, "ACTIVE")
            case "os-getConsoleOutput":
                return Answer(200, {"output": f"{server.name} login:"})
            case "forceDelete":
                self._machine.tear_down(server)
            case "os-resetState" if call.who.is_admin:
                status = "ACTIVE" if wish.get("state") == "active" else "ERROR"
                self._machine.settle(server, status, call.now)
            case "os-resetState":
                raise fault(403, "Policy doesn't allow os_compute_api:os-admin-actions:reset_state.")
            case _:
                raise fault(400, f"There is no such action: {name}")
        return Answer(202)

    def _resize(self, server: Thing, wish: Body) -> None:
        require(server, "resize", "ACTIVE", "SHUTOFF")
        flavor = self._flavors.find(str(wish.get("flavorRef", "")).rpartition("/")[2])
        if flavor is None:
            raise fault(400, f"Flavor {wish.get('flavorRef')} could not be found.")
        if flavor is server.hidden["flavor"]:
            raise fault(400, "When resizing, instances must change flavor!")
        server.hidden["old_flavor"] = server.hidden["flavor"]
        self._machine.change(
            server,
            "resize_migrating",
            "RESIZE",
            "VERIFY_RESIZE",
            lambda: server.hidden.update(flavor=flavor),
        )

    def _rebuild(self, call: Call, server: Thing, wish: Body) -> Answer:
        require(server, "rebuild", "ACTIVE", "SHUTOFF", "ERROR", "PAUSED", "SUSPENDED")
        ref = str(wish.get("imageRef") or "").rpartition("/")[2]
        image = self._glance.usable(ref, call.project_id)
        if image is None:
            raise fault(400, f"Image {ref} could not be found.")
        if "metadata" in wish:
            server.body["metadata"] = check_metadata(wish["metadata"])
        server.body.update({key: wish[key] for key in ("name", "description") if key in wish})
        server.hidden["image"] = image
        server.body.pop("fault", None)
        self._machine.change(server, "rebuilding", "REBUILD", "ACTIVE")
        return Answer(202, {"server": self._view.detail(call, server)})

    def _image(self, call: Call, server: Thing, wish: Body) -> Answer:
        require(server, "createImage", "ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED")
        task = "image_snapshot"
        server.body["OS-EXT-STS:task_state"] = task

        def ended(at: float) -> None:
            if server.body["OS-EXT-STS:task_state"] == task:
                server.body["OS-EXT-STS:task_state"] = None

        metadata = check_metadata(wish.get("metadata") or {})
        image = self._glance.snapshot(call, str(wish.get("name")), metadata, server, ended)
        location = {"location": f"{call.base_url}/image/v2/images/{image.id}"}
        return Answer(202, {"image_id": image.id} if call.version >= (2, 45) else None, location)

    def _security_group(self, call: Call, server: Thing, name: str, add: bool) -> None:
        group = self._desk.security_group(call, name)
        for port in self._neutron.plugs.on_device(server.id):
            held = [id for id in port.body["security_groups"] if id != group.id]
            self._neutron.ports.set_groups(port, [*held, group.id] if add else held)
