"""A server as a caller sees it: what depends on the microversion and on the networks."""

from __future__ import annotations

import hashlib

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.flavors import embedded
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Call

_VM_STATES = {
    "ACTIVE": "active",
    "BUILD": "building",
    "ERROR": "error",
    "SHUTOFF": "stopped",
    "VERIFY_RESIZE": "resized",
    "PAUSED": "paused",
    "SUSPENDED": "suspended",
    "RESCUE": "rescued",
    "SHELVED_OFFLOADED": "shelved_offloaded",
}
_POWER = {"ACTIVE": 1, "PAUSED": 3, "SHUTOFF": 4, "SUSPENDED": 4, "VERIFY_RESIZE": 1}
_SINCE = (
    # member of the body, the first microversion that has it
    ("locked", (2, 9)),
    ("description", (2, 19)),
    ("tags", (2, 26)),
)


def vm_state(server: Thing) -> str:
    return _VM_STATES.get(server.body["status"], "active")


class View:
    def __init__(self, ground: Ground, neutron: Neutron) -> None:
        self._ground = ground
        self._neutron = neutron

    def brief(self, call: Call, server: Thing) -> Body:
        return {"id": server.id, "name": server.name, "links": links(call, server.id)}

    def detail(self, call: Call, server: Thing) -> Body:
        held, version = server.body, call.version
        image: Thing | None = server.hidden["image"]
        ports = self._neutron.plugs.on_device(server.id)
        body: Body = {
            "id": server.id,
            "name": held["name"],
            "status": held["status"],
            "tenant_id": server.project_id,
            "user_id": server.user_id,
            "metadata": held["metadata"],
            "hostId": hashlib.sha224(server.project_id.encode()).hexdigest(),
            "image": {"id": image.id, "links": []} if image is not None else "",
            "flavor": embedded(call, server.hidden["flavor"], version),
            "created": held["created"],
            "updated": held["updated"],
            "addresses": self._addresses(ports),
            "accessIPv4": held["accessIPv4"],
            "accessIPv6": held["accessIPv6"],
            "links": links(call, server.id),
            "progress": 100 if held["status"] == "ACTIVE" else 0,
            "key_name": held["key_name"],
            "config_drive": held["config_drive"],
            "OS-DCF:diskConfig": held["OS-DCF:diskConfig"],
            "OS-EXT-AZ:availability_zone": held["OS-EXT-AZ:availability_zone"],
            "OS-EXT-STS:task_state": held["OS-EXT-STS:task_state"],
            "OS-EXT-STS:vm_state": vm_state(server),
            "OS-EXT-STS:power_state": _POWER.get(held["status"], 0),
            "OS-SRV-USG:launched_at": held["OS-SRV-USG:launched_at"],
            "OS-SRV-USG:terminated_at": None,
            "os-extended-volumes:volumes_attached": self._volumes(call, server),
        }
        if ports:
            body["security_groups"] = self._groups(ports)
        if "fault" in held and held["status"] == "ERROR":
            body["fault"] = held["fault"]
        for key, since in _SINCE:
            if version >= since:
                body[key] = held[key]
        if version >= (2, 63):
            body["trusted_image_certificates"] = None
        if version >= (2, 71):
            group: Thing | None = server.hidden["server_group"]
            body["server_groups"] = [group.id] if group is not None else []
        return body

    def unknown(self, call: Call, server: Thing) -> Body:
        """All that is known of a server in a cell that is down."""
        return {
            "id": server.id,
            "status": "UNKNOWN",
            "tenant_id": server.project_id,
            "created": server.body["created"],
            "links": links(call, server.id),
        }

    def addresses(self, server: Thing) -> Body:
        return self._addresses(self._neutron.plugs.on_device(server.id))

    def _addresses(self, ports: list[Thing]) -> Body:
        addresses: dict[str, list[Body]] = {}
        for port in ports:
            network = self._ground.things.of("network.network")[port.body["network_id"]]
            rows = addresses.setdefault(network.name, [])
            mac = port.body["mac_address"]
            for ip in port.body["fixed_ips"]:
                rows.append(_row(ip["ip_address"], mac, "fixed"))
            for floating in self._neutron.plugs.floating(port.id):
                rows.append(_row(floating.body["floating_ip_address"], mac, "floating"))
        return addresses

    def _groups(self, ports: list[Thing]) -> list[Body]:
        groups = self._ground.things.of("network.security_group")
        ids = dict.fromkeys(id for port in ports for id in port.body["security_groups"])
        return [{"name": groups[id].name} for id in ids]

    def _volumes(self, call: Call, server: Thing) -> list[Body]:
        return [
            {"id": id, "delete_on_termination": disk.delete_on_termination}
            if call.version >= (2, 3)
            else {"id": id}
            for id, disk in server.hidden["disks"].items()
        ]


def links(call: Call, id: str) -> list[Body]:
    return [
        {"rel": "self", "href": f"{call.base_url}/compute/v2.1/servers/{id}"},
        {"rel": "bookmark", "href": f"{call.base_url}/compute/servers/{id}"},
    ]


def _row(address: str, mac: str, kind: str) -> Body:
    return {
        "addr": address,
        "version": 6 if ":" in address else 4,
        "OS-EXT-IPS:type": kind,
        "OS-EXT-IPS-MAC:mac_addr": mac,
    }
