"""Floating IPs."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.errors import bad_request, neutron_error
from global_heat.sim.cloud.neutron.family import REQUIRED, UNSET, Family
from global_heat.sim.cloud.neutron.networks import Networks
from global_heat.sim.cloud.neutron.ports import FLOATING, Ports
from global_heat.sim.cloud.neutron.routers import Routers
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Call


class FloatingIps(Family):
    collection = plural = "floatingips"
    singular = "floatingip"
    title = "FloatingIP"
    texts = ("description",)
    defaults: ClassVar[Body] = {
        "floating_network_id": REQUIRED,
        "port_id": None,
        "fixed_ip_address": None,
        "floating_ip_address": None,
        "subnet_id": None,
        "dns_name": "",
        "dns_domain": "",
        "qos_policy_id": None,
    }
    mutable = frozenset(("port_id", "fixed_ip_address", "qos_policy_id"))

    def __init__(self, ground: Ground, networks: Networks, ports: Ports, routers: Routers) -> None:
        super().__init__(ground)
        self._networks = networks
        self._ports = ports
        self._routers = routers

    def make(self, call: Call, wish: Body) -> Thing:
        network = self._networks.find(call, wish["floating_network_id"])
        if not network.body["router:external"]:
            raise bad_request(
                f"Bad floatingip request: Network {network.id} is not a valid external network."
            )
        association = self._association(call, wish, network.id)
        wish.pop("subnet_id")
        outside = self._outside(network, wish)
        body = {
            **wish,
            **association,
            "floating_ip_address": outside.body["fixed_ips"][0]["ip_address"],
            "port_details": None,
            "port_forwardings": [],
        }
        subnet_id = body.pop("subnet", None)
        floating = self.add(wish["project_id"], call, body)
        floating.hidden.update(port=outside, subnet=subnet_id)
        outside.body["device_id"] = floating.id
        self._ports.plugs.plug(outside, floating.id)
        self._ports.plugs.associate(floating, floating.body["port_id"])
        return floating

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        if "port_id" in wish or "fixed_ip_address" in wish:
            full = {"port_id": wish.get("port_id", thing.body["port_id"]), **wish}
            association = self._association(call, full, thing.body["floating_network_id"], thing)
            thing.hidden["subnet"] = association.pop("subnet", None)
            wish |= association
        super().change(call, thing, wish)
        self._ports.plugs.associate(thing, thing.body["port_id"])

    def unmake(self, call: Call, thing: Thing) -> None:
        self._ports.plugs.associate(thing, None)
        self._ports.drop(thing.hidden["port"])

    def _outside(self, network: Thing, wish: Body) -> Thing:
        address = wish["floating_ip_address"]
        return self._ports.place_for(
            network, "", "", FLOATING, fixed_ips=UNSET if address is None else [{"ip_address": address}]
        )

    def _association(self, call: Call, wish: Body, network_id: str, current: Thing | None = None) -> Body:
        """What being associated with the wished port says in the body."""
        if not wish.get("port_id"):
            return {"port_id": None, "fixed_ip_address": None, "router_id": None, "status": "DOWN"}
        port = self._ports.find(call, wish["port_id"])
        address = wish.get("fixed_ip_address")
        inside = next(
            (
                ip
                for ip in port.body["fixed_ips"]
                if address in (None, ip["ip_address"]) and "." in ip["ip_address"]
            ),
            None,
        )
        if inside is None:
            raise bad_request(
                f"Bad floatingip request: Port {port.id} does not have fixed ip {address}."
                if address
                else f"Bad floatingip request: Cannot add floating IP to port {port.id} that has no fixed "
                "IPv4 addresses."
            )
        for other in self._ports.plugs.floating(port.id):
            if (
                other is not current
                and other.body["fixed_ip_address"] == inside["ip_address"]
                and other.body["floating_network_id"] == network_id
            ):
                raise neutron_error(
                    409,
                    "FloatingIPPortAlreadyAssociated",
                    f"Cannot associate floating IP with port {port.id} using fixed IP "
                    f"{inside['ip_address']}, as that fixed IP already has a floating IP on external network "
                    f"{network_id}.",
                )
        return {
            "port_id": port.id,
            "fixed_ip_address": inside["ip_address"],
            "router_id": self._router(inside["subnet_id"], port.id, network_id),
            "status": "ACTIVE",
            "subnet": inside["subnet_id"],
        }

    def _router(self, subnet_id: str, port_id: str, network_id: str) -> str:
        for router in self.ground.things.of(self._routers.kind).values():
            if self._routers.reaches(router, network_id):
                for interface in self._routers.interfaces(router):
                    if any(ip["subnet_id"] == subnet_id for ip in interface.body["fixed_ips"]):
                        return router.id
        raise neutron_error(
            404,
            "ExternalGatewayForFloatingIPNotFound",
            f"External network {network_id} is not reachable from subnet {subnet_id}. Therefore, cannot "
            f"associate Port {port_id} with a Floating IP.",
        )
