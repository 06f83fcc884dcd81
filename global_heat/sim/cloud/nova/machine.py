"""What happens to a server by itself: it is built, changed, torn down, some time after it was promised."""

from __future__ import annotations

from collections.abc import Callable

from global_heat.sim.cloud.cinder.service import Cinder
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.family import UNSET
from global_heat.sim.cloud.neutron.service import Neutron
from global_heat.sim.cloud.nova.order import Disk, Nic, Order
from global_heat.sim.cloud.settings import Span
from global_heat.sim.cloud.things import Origin, Thing, zulu
from global_heat.sim.cloud.wire import Refusal

KIND = "compute.server"
OWNER = "compute:nova"
_PLUG_AT = 0.3
"""When the ports are bound, as a part of the time that building takes."""


class Machine:
    def __init__(self, ground: Ground, neutron: Neutron, cinder: Cinder) -> None:
        self._ground = ground
        self._neutron = neutron
        self._cinder = cinder
        self.host = f"compute-{ground.region}"

    def build(self, server: Thing, order: Order, now: float) -> None:
        """Have it plugged and then running, or in ERROR."""
        seconds = self._ground.rng.uniform(*self._ground.settings.server_seconds)
        fails = self._ground.faults.fails(KIND)

        def plug(at: float) -> None:
            if server.body["status"] == "BUILD" and server.deleted_at is None:
                try:
                    self._plug_all(server, order)
                except Refusal as refusal:
                    self.fail(server, f"Build of instance {server.id} aborted: {refusal.body}", at)

        def run(at: float) -> None:
            if server.body["status"] != "BUILD" or server.deleted_at is not None:
                return
            if fails:
                self.fail(server, "No valid host was found. There are not enough hosts available.", at)
                return
            for disk in order.disks:
                if disk.volume is not None:
                    self._cinder.volumes.attach(disk.volume, server.id, disk.device)
            self.settle(server, "ACTIVE", at)
            server.body["OS-SRV-USG:launched_at"] = zulu(at)[:-1] + ".000000"

        self._ground.later((seconds * _PLUG_AT, seconds * _PLUG_AT), plug)
        self._ground.later((seconds, seconds), run)

    def fail(self, server: Thing, message: str, at: float) -> None:
        """It ends in ERROR and lets go of what it held."""
        self.settle(server, "ERROR", at)
        server.body["fault"] = {"code": 500, "created": zulu(at), "message": message}
        self._release(server)

    def settle(self, server: Thing, status: str, at: float) -> None:
        server.body.update({"status": status, "OS-EXT-STS:task_state": None, "updated": zulu(at)})

    def change(
        self,
        server: Thing,
        task: str,
        meanwhile: str,
        status: str,
        then: Callable[[], None] = lambda: None,
    ) -> None:
        """Show `meanwhile` for the time of an action, then `status`."""
        now = self._ground.now()
        self.settle(server, meanwhile, now)
        server.body["OS-EXT-STS:task_state"] = task

        def done(at: float) -> None:
            if server.deleted_at is None and server.body["OS-EXT-STS:task_state"] == task:
                then()
                self.settle(server, status, at)

        self.after(self._ground.settings.action_seconds, done)

    def after(self, span: Span, due: Callable[[float], None]) -> None:
        self._ground.later(span, due)

    def tear_down(self, server: Thing) -> None:
        """Delete it: it shows `deleting` until it is gone, with the ports that were made for it."""
        server.body["OS-EXT-STS:task_state"] = "deleting"

        def gone(at: float) -> None:
            if server.deleted_at is None:
                self._release(server)
                for group in self._ground.things.of("compute.server_group").values():
                    if server.id in group.body["members"]:
                        group.body["members"].remove(server.id)
                self._ground.things.remove(server, at)

        self.after(self._ground.settings.server_delete_seconds, gone)

    def plug(self, server: Thing, nic: Nic) -> Thing:
        """Give it an interface now: bind the port, or make one. Raises Refusal."""
        port = nic.port
        if port is None:
            assert nic.network is not None, "an interface has a port or a network"
            port = self._neutron.ports.place_for(
                nic.network,
                server.project_id,
                server.id,
                OWNER,
                fixed_ips=[{"ip_address": nic.fixed_ip}] if nic.fixed_ip else UNSET,
                groups=server.hidden["groups"],
            )
            server.hidden["made_ports"].add(port.id)
        elif port.deleted_at is not None:
            raise Refusal(404, f"Port id {port.id} could not be found.")
        elif port.body["device_id"]:
            raise Refusal(409, f"Port {port.id} is still in use.")
        self._neutron.ports.bind(port, server.id, OWNER, self.host)
        return port

    def unplug(self, server: Thing, port: Thing) -> None:
        """Take an interface away: a port that was made for it goes, another is free again."""
        if port.id in server.hidden["made_ports"]:
            server.hidden["made_ports"].discard(port.id)
            self._neutron.ports.drop(port)
        else:
            self._neutron.ports.bind(port, "", "")

    def _plug_all(self, server: Thing, order: Order) -> None:
        for nic in order.nics:
            self.plug(server, nic)
        for disk in order.disks:
            if disk.volume is None:
                disk.volume = self._make(server, disk)
                server.hidden["disks"][disk.volume.id] = disk

    def _make(self, server: Thing, disk: Disk) -> Thing:
        return self._cinder.volumes.place(
            server.project_id,
            server.user_id,
            name="",
            size=disk.size,
            image_id=disk.image_id,
            snapshot_id=disk.snapshot_id,
            volume_type=disk.volume_type,
            origin=Origin.SERVICE,
        )

    def _release(self, server: Thing) -> None:
        for port in self._neutron.plugs.on_device(server.id):
            self.unplug(server, port)
        for disk in server.hidden["disks"].values():
            if disk.volume is not None and disk.volume.deleted_at is None:
                self._cinder.volumes.detach(disk.volume)
                if disk.delete_on_termination:
                    self._cinder.volumes.drop(disk.volume)
        server.hidden["disks"].clear()
