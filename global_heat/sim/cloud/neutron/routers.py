"""Routers, their interfaces and their way out."""

from __future__ import annotations

from typing import Any, ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.errors import bad_request, neutron_error
from global_heat.sim.cloud.neutron.family import UNSET, Family
from global_heat.sim.cloud.neutron.networks import Networks
from global_heat.sim.cloud.neutron.ports import ROUTER_GATEWAY, ROUTER_INTERFACE, Ports
from global_heat.sim.cloud.neutron.subnets import Subnets, addresses
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Answer, Call


class Routers(Family):
    collection = plural = "routers"
    singular = "router"
    title = "Router"
    defaults: ClassVar[Body] = {
        "admin_state_up": True,
        "external_gateway_info": None,
        "distributed": False,
        "ha": False,
        "availability_zone_hints": [],
        "flavor_id": None,
    }
    mutable = frozenset(("admin_state_up", "external_gateway_info", "routes", "distributed", "ha"))

    def __init__(self, ground: Ground, networks: Networks, subnets: Subnets, ports: Ports) -> None:
        super().__init__(ground)
        self._networks = networks
        self._subnets = subnets
        self._ports = ports

    def make(self, call: Call, wish: Body) -> Thing:
        gateway = wish["external_gateway_info"]
        network = self._external(call, gateway) if gateway else None
        body = {
            **wish,
            "external_gateway_info": None,
            "status": "ACTIVE",
            "routes": [],
            "availability_zones": ["nova"],
        }
        router = self.add(wish["project_id"], call, body)
        if network is not None:
            self._set_gateway(router, network, gateway)
        return router

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        if "external_gateway_info" in wish:
            gateway = wish.pop("external_gateway_info")
            current = thing.body["external_gateway_info"]
            network = self._external(call, gateway) if gateway else None
            if network is not None and current and current["network_id"] == network.id:
                current["enable_snat"] = gateway.get("enable_snat", current["enable_snat"])
            else:
                self._clear_gateway(thing)
                if network is not None:
                    self._set_gateway(thing, network, gateway)
        super().change(call, thing, wish)

    def unmake(self, call: Call, thing: Thing) -> None:
        if self.interfaces(thing):
            raise neutron_error(409, "RouterInUse", f"Router {thing.id} still has ports")
        self._clear_gateway(thing)

    def interfaces(self, router: Thing) -> list[Thing]:
        """Its ports inside, without the gateway's."""
        return [
            port
            for port in self._ports.plugs.on_device(router.id)
            if port.body["device_owner"] == ROUTER_INTERFACE
        ]

    def add_interface(self, call: Call, id: str) -> Answer:
        router, wish = self._owned(call, id), call.json()
        if ("port_id" in wish) == ("subnet_id" in wish):
            raise bad_request("Either subnet_id or port_id must be specified")
        if "port_id" in wish:
            port = self._add_by_port(call, router, wish["port_id"])
        else:
            port = self._add_by_subnet(call, router, wish["subnet_id"])
        self.touch(router)
        return self._interface(router, port)

    def remove_interface(self, call: Call, id: str) -> Answer:
        router, wish = self._owned(call, id), call.json()
        port = self._find_interface(router, wish)
        self._check_floating(router, port)
        self._ports.drop(port)
        self.touch(router)
        return self._interface(router, port)

    def reaches(self, router: Thing, network_id: str) -> bool:
        """Whether its way out is that network."""
        gateway = router.body["external_gateway_info"]
        return gateway is not None and gateway["network_id"] == network_id

    def _external(self, call: Call, gateway: Any) -> Thing:
        if not isinstance(gateway, dict):
            raise bad_request(
                f"Invalid input for external_gateway_info. Reason: '{gateway}' is no dictionary."
            )
        network = self._networks.find(call, str(gateway.get("network_id")))
        if not network.body["router:external"]:
            raise bad_request(f"Bad router request: Network {network.id} is not an external network.")
        return network

    def _set_gateway(self, router: Thing, network: Thing, wish: Body) -> None:
        fixed_ips = wish.get("external_fixed_ips") or UNSET
        port = self._ports.place_for(network, "", router.id, ROUTER_GATEWAY, fixed_ips=fixed_ips)
        router.body["external_gateway_info"] = {
            "network_id": network.id,
            "enable_snat": wish.get("enable_snat", True),
            "external_fixed_ips": port.body["fixed_ips"],
        }

    def _clear_gateway(self, router: Thing) -> None:
        for floating in self.ground.things.of("network.floatingip").values():
            if floating.body["router_id"] == router.id:
                raise neutron_error(
                    409,
                    "RouterExternalGatewayInUseByFloatingIp",
                    f"Gateway cannot be updated for router {router.id}, since a gateway to external network "
                    "is required by one or more floating IPs.",
                )
        for port in self._ports.plugs.on_device(router.id):
            if port.body["device_owner"] == ROUTER_GATEWAY:
                self._ports.drop(port)
        router.body["external_gateway_info"] = None

    def _add_by_port(self, call: Call, router: Thing, port_id: str) -> Thing:
        port = self._ports.find(call, port_id)
        if port.body["device_id"]:
            raise neutron_error(
                409,
                "PortInUse",
                f"Unable to complete operation on port {port.id} for network {port.body['network_id']}. "
                f"Port already has an attached device {port.body['device_id']}.",
            )
        if not port.body["fixed_ips"]:
            raise bad_request("Bad router request: Router port must have at least one fixed IP.")
        for ip in port.body["fixed_ips"]:
            self._check_overlap(router, self.ground.things.of(self._subnets.kind)[ip["subnet_id"]])
        self._ports.bind(port, router.id, ROUTER_INTERFACE)
        return port

    def _add_by_subnet(self, call: Call, router: Thing, subnet_id: str) -> Thing:
        subnet = self._subnets.find(call, subnet_id)
        gateway = subnet.body["gateway_ip"]
        if gateway is None:
            raise bad_request("Bad router request: Subnet for router interface must have a gateway IP.")
        self._check_overlap(router, subnet)
        if addresses(subnet).is_taken(gateway):
            raise neutron_error(
                409,
                "IpAddressAlreadyAllocated",
                f"IP address {gateway} already allocated in subnet {subnet.id}",
            )
        network = self.ground.things.of(self._networks.kind)[subnet.body["network_id"]]
        return self._ports.place_for(
            network,
            router.project_id,
            router.id,
            ROUTER_INTERFACE,
            fixed_ips=[{"subnet_id": subnet.id, "ip_address": gateway}],
        )

    def _check_overlap(self, router: Thing, subnet: Thing) -> None:
        for port in self.interfaces(router):
            for ip in port.body["fixed_ips"]:
                if ip["subnet_id"] == subnet.id:
                    raise bad_request(f"Bad router request: Router already has a port on subnet {subnet.id}.")
                other = self.ground.things.of(self._subnets.kind)[ip["subnet_id"]]
                if addresses(other).network.overlaps(addresses(subnet).network):
                    raise bad_request(
                        f"Bad router request: Cidr {subnet.body['cidr']} of subnet {subnet.id} overlaps with "
                        f"cidr {other.body['cidr']} of subnet {other.id}."
                    )

    def _find_interface(self, router: Thing, wish: Body) -> Thing:
        port_id, subnet_id = wish.get("port_id"), wish.get("subnet_id")
        if not port_id and not subnet_id:
            raise bad_request("Either subnet_id or port_id must be specified")
        for port in self.interfaces(router):
            on = {ip["subnet_id"] for ip in port.body["fixed_ips"]}
            if port.id == port_id and subnet_id and subnet_id not in on:
                raise neutron_error(
                    409,
                    "SubnetMismatchForPort",
                    f"Subnet on port {port.id} does not match the requested subnet {subnet_id}.",
                )
            if port.id == port_id or (not port_id and subnet_id in on):
                return port
        if port_id:
            raise neutron_error(
                404,
                "RouterInterfaceNotFound",
                f"Router {router.id} does not have an interface with id {port_id}",
            )
        raise neutron_error(
            404,
            "RouterInterfaceNotFoundForSubnet",
            f"Router {router.id} has no interface on subnet {subnet_id}",
        )

    def _check_floating(self, router: Thing, interface: Thing) -> None:
        subnets = {ip["subnet_id"] for ip in interface.body["fixed_ips"]}
        for floating in self.ground.things.of("network.floatingip").values():
            if floating.body["router_id"] == router.id and floating.hidden["subnet"] in subnets:
                raise neutron_error(
                    409,
                    "RouterInterfaceInUseByFloatingIP",
                    f"Router interface for subnet {floating.hidden['subnet']} on router {router.id} cannot "
                    "be deleted, as it is required by one or more floating IPs.",
                )

    def _interface(self, router: Thing, port: Thing) -> Answer:
        subnets = [ip["subnet_id"] for ip in port.body["fixed_ips"]]
        body = {
            "id": router.id,
            "project_id": router.project_id,
            "tenant_id": router.project_id,
            "port_id": port.id,
            "network_id": port.body["network_id"],
            "subnet_id": subnets[0],
            "subnet_ids": subnets,
            "tags": router.body["tags"],
        }
        return Answer(200, body)
