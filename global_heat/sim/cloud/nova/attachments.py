"""What is attached to a server: volumes and interfaces."""

from __future__ import annotations

from global_heat.model.values import Body
from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.cinder.volumes import KIND as VOLUME
from global_heat.sim.cloud.errors import fault, no_such_path
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.machine import Machine
from global_heat.sim.cloud.nova.order import Desk, Disk, Nic
from global_heat.sim.cloud.nova.servers import Servers, require
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Answer, Call, Refusal

_USABLE = ("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "VERIFY_RESIZE")
_LETTERS = "bcdefghijklmnopqrstuvwxyz"


class VolumeAttachments:
    """/servers/{id}/os-volume_attachments."""

    def __init__(self, ground: Ground, servers: Servers, machine: Machine, cinder: Cinder) -> None:
        self._ground = ground
        self._servers = servers
        self._machine = machine
        self._cinder = cinder

    def handle(self, call: Call, server_id: str, rest: list[str]) -> Answer:
        server = self._servers.find(call, server_id)
        match call.method, rest:
            case "GET", []:
                rows = [_attachment(call, server, disk) for disk in server.hidden["disks"].values()]
                return Answer(200, {"volumeAttachments": rows})
            case "POST", []:
                return self._attach(call, server)
            case "GET", [volume_id]:
                disk = self._disk(server, volume_id)
                return Answer(200, {"volumeAttachment": _attachment(call, server, disk)})
            case "DELETE", [volume_id]:
                return self._detach(call, server, self._disk(server, volume_id))
            case _:
                raise no_such_path()

    def _attach(self, call: Call, server: Thing) -> Answer:
        wish: Body = call.json().get("volumeAttachment") or {}
        require(server, "attach_volume", *_USABLE)
        disks: dict[str, Disk] = server.hidden["disks"]
        volume = self._cinder.volumes.reserve(call.project_id, str(wish.get("volumeId")), server.id)
        taken = {disk.device for disk in disks.values()}
        free = next(letter for letter in _LETTERS if f"/dev/vd{letter}" not in taken)
        device = wish.get("device") or f"/dev/vd{free}"
        disk = Disk(device, volume, delete_on_termination=bool(wish.get("delete_on_termination")))
        disks[volume.id] = disk
        volume.body["status"] = "attaching"
        self._servers.note(call, server, "attach_volume")

        def attached(at: float) -> None:
            if disks.get(volume.id) is disk:
                self._cinder.volumes.attach(volume, server.id, device)

        self._machine.after(self._ground.settings.attach_seconds, attached)
        return Answer(200, {"volumeAttachment": _attachment(call, server, disk)})

    def _detach(self, call: Call, server: Thing, disk: Disk) -> Answer:
        volume = disk.volume
        assert volume is not None, "an attached disk has its volume"
        if disk.boot:
            raise fault(400, "Cannot detach a root device volume")
        require(server, "detach_volume", *_USABLE)
        if volume.body["status"] != "in-use":
            raise fault(
                400,
                f"Invalid volume: Invalid input received: Invalid volume: Unable to detach volume. Volume "
                f"status must be 'in-use' and attach_status must be 'attached' to detach. Currently: status: "
                f"'{volume.body['status']}'.",
            )
        volume.body["status"] = "detaching"
        self._servers.note(call, server, "detach_volume")

        def detached(at: float) -> None:
            if server.hidden["disks"].get(volume.id) is disk:
                del server.hidden["disks"][volume.id]
                self._cinder.volumes.detach(volume)

        self._machine.after(self._ground.settings.attach_seconds, detached)
        return Answer(202)

    def _disk(self, server: Thing, volume_id: str) -> Disk:
        disk: Disk | None = server.hidden["disks"].get(volume_id)
        if disk is None:
            if self._ground.things.find(VOLUME, volume_id) is None:
                raise fault(404, f"Volume {volume_id} could not be found.")
            raise fault(404, f"volume_id not found: {volume_id}")
        return disk


class Interfaces:
    """/servers/{id}/os-interface."""

    def __init__(
        self, ground: Ground, servers: Servers, machine: Machine, desk: Desk, neutron: Neutron
    ) -> None:
        self._ground = ground
        self._servers = servers
        self._machine = machine
        self._desk = desk
        self._neutron = neutron

    def handle(self, call: Call, server_id: str, rest: list[str]) -> Answer:
        server = self._servers.find(call, server_id)
        match call.method, rest:
            case "GET", []:
                rows = [_interface(port) for port in self._neutron.plugs.on_device(server.id)]
                return Answer(200, {"interfaceAttachments": rows})
            case "POST", []:
                return self._attach(call, server)
            case "GET", [port_id]:
                return Answer(200, {"interfaceAttachment": _interface(self._port(server, port_id))})
            case "DELETE", [port_id]:
                return self._detach(call, server, self._port(server, port_id))
            case _:
                raise no_such_path()

    def _attach(self, call: Call, server: Thing) -> Answer:
        wish: Body = call.json().get("interfaceAttachment") or {}
        require(server, "attach_interface", *_USABLE)
        if wish.get("port_id") and wish.get("net_id"):
            raise fault(400, "Must not input both network_id and port_id")
        addresses = wish.get("fixed_ips") or [{}]
        try:
            if wish.get("port_id") or wish.get("net_id"):
                asked = {
                    "port": wish.get("port_id"),
                    "uuid": wish.get("net_id"),
                    "fixed_ip": addresses[0].get("ip_address"),
                }
                nic = self._desk.nic(call, asked)
            else:
                nic = Nic(network=self._desk.only_network(call))
            port = self._machine.plug(server, nic)
        except Refusal as refusal:
            missing = isinstance(refusal.body, dict) and "could not be found" in str(refusal.body)
            if missing:
                raise fault(404, f"Port or network {wish} could not be found.") from refusal
            if "NeutronError" in refusal.body:
                raise fault(400, "No fixed IP addresses available for the network.") from refusal
            raise
        self._servers.note(call, server, "attach_interface")
        return Answer(200, {"interfaceAttachment": _interface(port)})

    def _detach(self, call: Call, server: Thing, port: Thing) -> Answer:
        require(server, "detach_interface", *_USABLE)
        self._servers.note(call, server, "detach_interface")

        def detached(at: float) -> None:
            if port.deleted_at is None and port.body["device_id"] == server.id:
                self._machine.unplug(server, port)

        self._machine.after(self._ground.settings.attach_seconds, detached)
        return Answer(202)

    def _port(self, server: Thing, port_id: str) -> Thing:
        for port in self._neutron.plugs.on_device(server.id):
            if port.id == port_id:
                return port
        raise fault(404, f"Instance {server.id} does not have a port with id {port_id}")


def _attachment(call: Call, server: Thing, disk: Disk) -> Body:
    assert disk.volume is not None, "an attached disk has its volume"
    body: Body = {"serverId": server.id, "volumeId": disk.volume.id, "device": disk.device}
    if call.version < (2, 89):
        body["id"] = disk.volume.id
    if call.version >= (2, 70):
        body["tag"] = None
    if call.version >= (2, 79):
        body["delete_on_termination"] = disk.delete_on_termination
    if call.version >= (2, 89):
        body["attachment_id"] = disk.volume.hidden.get("attachment", {}).get("id")
        body["bdm_uuid"] = disk.volume.id
    return body


def _interface(port: Thing) -> Body:
    return {
        "port_id": port.id,
        "net_id": port.body["network_id"],
        "mac_addr": port.body["mac_address"],
        "port_state": port.body["status"],
        "fixed_ips": port.body["fixed_ips"],
    }
