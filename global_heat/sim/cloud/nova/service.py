"""Nova's v2.1 API. Paths come without `/compute/v2.1`."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.regions.transport import Response
from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.discovery import NOVA_MAX
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.glance import Glance
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.microversion import microversion, text
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova import groups, keypairs, machine
from global_heat.sim.cloud.nova.actions import Actions
from global_heat.sim.cloud.nova.attachments import Interfaces, VolumeAttachments
from global_heat.sim.cloud.nova.flavors import Flavors
from global_heat.sim.cloud.nova.groups import ServerGroups
from global_heat.sim.cloud.nova.keypairs import Keypairs
from global_heat.sim.cloud.nova.machine import Machine
from global_heat.sim.cloud.nova.order import Desk
from global_heat.sim.cloud.nova.servers import Servers
from global_heat.sim.cloud.nova.view import View
from global_heat.sim.cloud.wire import Answer, Call, Refusal, render

_OLDEST = (2, 1)


class Nova:
    def __init__(self, ground: Ground, neutron: Neutron, cinder: Cinder, glance: Glance) -> None:
        self._ground = ground
        self._flavors = Flavors(ground)
        self._keypairs = Keypairs(ground)
        self._groups = ServerGroups(ground)
        self._view = View(ground, neutron)
        desk = Desk(neutron, cinder, glance, self._flavors, self._keypairs, self._groups)
        machine = Machine(ground, neutron, cinder)
        self._servers = Servers(ground, desk, machine, cinder, self._view)
        self._actions = Actions(self._servers, machine, desk, self._flavors, glance, neutron, self._view)
        self._volumes = VolumeAttachments(ground, self._servers, machine, cinder)
        self._interfaces = Interfaces(ground, self._servers, machine, desk, neutron)

    def handle(self, call: Call) -> Response:
        headers = {
            "x-openstack-request-id": call.request_id,
            "x-compute-request-id": call.request_id,
            "vary": "OpenStack-API-Version, X-OpenStack-Nova-API-Version",
        }
        try:
            call.version = microversion(call, "compute", _OLDEST, NOVA_MAX)
            headers["openstack-api-version"] = f"compute {text(call.version)}"
            headers["x-openstack-nova-api-version"] = text(call.version)
            answer = self._route(call)
        except Refusal as refusal:
            answer = Answer(refusal.status, refusal.body)
        return render(answer, headers)

    def _route(self, call: Call) -> Answer:
        match call.path:
            case ["servers", *rest]:
                return self._server(call, rest)
            case ["flavors", *rest]:
                return self._flavors.handle(call, rest)
            case ["os-keypairs", *rest]:
                return self._keypairs.handle(call, rest)
            case ["os-server-groups", *rest]:
                return self._groups.handle(call, rest)
            case path if call.method == "GET":
                return self._facts(call, path)
            case _:
                raise no_such_path()

    def _server(self, call: Call, rest: list[str]) -> Answer:
        match call.method, rest:
            case "GET", [] | ["detail"]:
                return self._servers.listing(call, bool(rest))
            case "POST", []:
                return self._servers.create(call)
            case "GET", [id]:
                return self._servers.show(call, id)
            case "PUT", [id]:
                return self._servers.update(call, id)
            case "DELETE", [id]:
                return self._servers.delete(call, id)
            case "POST", [id, "action"]:
                return self._actions.act(call, id)
            case _, [id, "metadata", *more]:
                return self._servers.metadata(call, id, more)
            case _, [id, "tags", *more] if call.version >= (2, 26):
                return self._servers.tags(call, id, more)
            case _, [id, "os-volume_attachments", *more]:
                return self._volumes.handle(call, id, more)
            case _, [id, "os-interface", *more]:
                return self._interfaces.handle(call, id, more)
            case _, [id, *more]:
                return self._of_server(call, id, more)
            case _:
                raise no_such_path()

    def _of_server(self, call: Call, id: str, more: list[str]) -> Answer:
        server = self._servers.find(call, id)
        match call.method, more:
            case "GET", ["ips"]:
                return Answer(200, {"addresses": self._view.addresses(server)})
            case "GET", ["os-instance-actions"]:
                return Answer(200, {"instanceActions": server.hidden["actions"]})
            case "GET", ["os-instance-actions", request_id]:
                for action in server.hidden["actions"]:
                    if action["request_id"] == request_id:
                        return Answer(200, {"instanceAction": action | {"events": []}})
                raise fault(404, f"Action {request_id} not found")
            case "POST", ["remote-consoles"] if call.version >= (2, 6):
                wish: Body = call.json().get("remote_console") or {}
                url = f"{call.base_url}/console/{wish.get('type')}?token={server.id}"
                return Answer(200, {"remote_console": {**wish, "url": url}})
            case _:
                raise no_such_path()

    def _facts(self, call: Call, path: list[str]) -> Answer:
        project_id = call.project_id
        match path:
            case ["limits"]:
                absolute = {
                    "maxTotalInstances": self._ground.room(machine.KIND, project_id)[1],
                    "totalInstancesUsed": self._ground.things.count(machine.KIND, project_id),
                    "maxTotalCores": -1,
                    "maxTotalRAMSize": -1,
                    "maxTotalKeypairs": self._ground.room(keypairs.KIND, project_id)[1],
                    "maxServerGroups": self._ground.room(groups.KIND, project_id)[1],
                    "maxServerMeta": 128,
                }
                return Answer(200, {"limits": {"rate": [], "absolute": absolute}})
            case ["os-availability-zone"]:
                zone = {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None}
                return Answer(200, {"availabilityZoneInfo": [zone]})
            case ["extensions"]:
                return Answer(200, {"extensions": []})
            case _:
                raise no_such_path()
