"""Subnets."""

from __future__ import annotations

from typing import Any, ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.addressing import Addresses, Net, parse_address, parse_network, pools_of
from global_heat.sim.cloud.neutron.errors import bad_request, invalid, neutron_error
from global_heat.sim.cloud.neutron.family import REQUIRED, UNSET, Family
from global_heat.sim.cloud.neutron.networks import Networks
from global_heat.sim.cloud.neutron.plugs import Plugs
from global_heat.sim.cloud.things import Origin, Thing
from global_heat.sim.cloud.wire import Call


class Subnets(Family):
    collection = plural = "subnets"
    singular = "subnet"
    title = "Subnet"
    defaults: ClassVar[Body] = {
        "network_id": REQUIRED,
        "cidr": REQUIRED,
        "ip_version": REQUIRED,
        "gateway_ip": UNSET,
        "allocation_pools": None,
        "dns_nameservers": [],
        "host_routes": [],
        "enable_dhcp": True,
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
        "service_types": [],
        "segment_id": None,
        "subnetpool_id": None,
    }
    mutable = frozenset(
        (
            "gateway_ip",
            "allocation_pools",
            "dns_nameservers",
            "host_routes",
            "enable_dhcp",
            "service_types",
            "segment_id",
        )
    )

    def __init__(self, ground: Ground, plugs: Plugs, networks: Networks) -> None:
        super().__init__(ground)
        self._plugs = plugs
        self._networks = networks

    def make(self, call: Call, wish: Body) -> Thing:
        network = self._networks.find(call, wish["network_id"])
        cidr = parse_network(wish["cidr"])
        if cidr.version != int(wish["ip_version"]):
            raise invalid(f"cidr '{cidr}' does not match the ip_version '{wish['ip_version']}'")
        if wish["subnetpool_id"] is not None:
            raise bad_request(f"SubnetPool {wish['subnetpool_id']} could not be found.")
        return self.place(network, cidr, wish, wish["project_id"], call)

    def place(
        self,
        network: Thing,
        cidr: Net,
        wish: Body,
        project_id: str,
        call: Call | None,
        origin: Origin = Origin.USER,
    ) -> Thing:
        for other in network.body["subnets"]:
            if addresses(self._get(other)).network.overlaps(cidr):
                raise invalid(
                    f"Requested subnet with cidr: {cidr} for network: {network.id} overlaps with another "
                    "subnet"
                )
        gateway = _gateway(cidr, wish["gateway_ip"])
        pools = pools_of(cidr, gateway, wish["allocation_pools"])
        body = {
            **wish,
            "cidr": str(cidr),
            "ip_version": cidr.version,
            "gateway_ip": gateway,
            "allocation_pools": _pools(cidr, pools),
        }
        subnet = self.add(project_id, call, body, origin)
        subnet.hidden["addresses"] = Addresses(cidr, pools)
        network.body["subnets"].append(subnet.id)
        self._networks.touch(network)
        return subnet

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        held = addresses(thing)
        if "gateway_ip" in wish:
            old = thing.body["gateway_ip"]
            if old is not None and old != wish["gateway_ip"] and held.is_taken(old):
                raise neutron_error(
                    409, "GatewayIpInUse", f"Current gateway ip {old} already in use. Unable to update."
                )
            if wish["gateway_ip"] is not None:
                parse_address(wish["gateway_ip"])
        if "allocation_pools" in wish:
            held.pools = pools_of(held.network, None, wish["allocation_pools"])
            wish["allocation_pools"] = _pools(held.network, held.pools)
        super().change(call, thing, wish)

    def unmake(self, call: Call, thing: Thing) -> None:
        for port in self._plugs.on_network(thing.body["network_id"]):
            if any(ip["subnet_id"] == thing.id for ip in port.body["fixed_ips"]):
                raise neutron_error(
                    409,
                    "SubnetInUse",
                    f"Unable to complete operation on subnet {thing.id}: One or more ports have an IP "
                    "allocation from this subnet.",
                )
        network = self.ground.things.find(self._networks.kind, thing.body["network_id"])
        if network is not None:
            network.body["subnets"].remove(thing.id)
            self._networks.touch(network)

    def visible(self, call: Call, thing: Thing) -> bool:
        if super().visible(call, thing):
            return True
        network = self.ground.things.find(self._networks.kind, thing.body["network_id"])
        return network is not None and self._networks.visible(call, network)

    def _get(self, id: str) -> Thing:
        subnet = self.ground.things.find(self.kind, id)
        assert subnet is not None, f"subnet {id} of a network is there"
        return subnet


def addresses(subnet: Thing) -> Addresses:
    held: Addresses = subnet.hidden["addresses"]
    return held


def _gateway(cidr: Net, wished: Any) -> str | None:
    if wished is None or wished == "":
        return None
    if wished is UNSET:
        return str(cidr.network_address + 1)
    return str(parse_address(wished))


def _pools(cidr: Net, pools: list[tuple[int, int]]) -> list[Body]:
    kind = type(cidr.network_address)
    return [{"start": str(kind(low)), "end": str(kind(high))} for low, high in pools]
