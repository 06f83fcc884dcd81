"""Ports, by request and by the services that need one."""

from __future__ import annotations

from typing import Any, ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.errors import bad_request, neutron_error
from global_heat.sim.cloud.neutron.family import REQUIRED, UNSET, Family
from global_heat.sim.cloud.neutron.networks import Networks
from global_heat.sim.cloud.neutron.plugs import Plugs
from global_heat.sim.cloud.neutron.security import SecurityGroups
from global_heat.sim.cloud.neutron.subnets import Subnets, addresses
from global_heat.sim.cloud.things import Origin, Thing
from global_heat.sim.cloud.wire import Call

ROUTER_INTERFACE = "network:router_interface"
ROUTER_GATEWAY = "network:router_gateway"
FLOATING = "network:floatingip"


class Ports(Family):
    collection = plural = "ports"
    singular = "port"
    title = "Port"
    defaults: ClassVar[Body] = {
        "network_id": REQUIRED,
        "admin_state_up": True,
        "mac_address": UNSET,
        "fixed_ips": UNSET,
        "device_id": "",
        "device_owner": "",
        "security_groups": UNSET,
        "allowed_address_pairs": [],
        "extra_dhcp_opts": [],
        "port_security_enabled": UNSET,
        "binding:vnic_type": "normal",
        "binding:host_id": "",
        "binding:profile": {},
        "qos_policy_id": None,
        "dns_name": "",
        "dns_domain": "",
        "propagate_uplink_status": True,
        "numa_affinity_policy": None,
    }
    mutable = frozenset(defaults) - {"network_id", "propagate_uplink_status"}

    def __init__(
        self, ground: Ground, plugs: Plugs, networks: Networks, subnets: Subnets, groups: SecurityGroups
    ) -> None:
        super().__init__(ground)
        self.plugs = plugs
        self._networks = networks
        self._subnets = subnets
        self._groups = groups

    def make(self, call: Call, wish: Body) -> Thing:
        network = self._networks.find(call, wish["network_id"])
        if wish["port_security_enabled"] is UNSET:
            wish["port_security_enabled"] = network.body["port_security_enabled"]
        if wish["security_groups"] is UNSET:
            secure = wish["port_security_enabled"]
            wish["security_groups"] = [self._groups.default(wish["project_id"]).id] if secure else []
        self._check_groups(call, wish)
        return self.place(network, wish, wish["project_id"], call)

    def place(
        self,
        network: Thing,
        wish: Body,
        project_id: str,
        call: Call | None,
        origin: Origin = Origin.USER,
    ) -> Thing:
        """Make a port from a whole wish."""
        mac = self._mac(network, wish["mac_address"])
        fixed_ips = self._allocate(network, wish["fixed_ips"])
        body = {
            **wish,
            "mac_address": mac,
            "fixed_ips": fixed_ips,
            "status": "DOWN",
            "binding:vif_type": "unbound",
            "binding:vif_details": {},
            "dns_assignment": [],
            "ip_allocation": "immediate",
            "resource_request": None,
        }
        port = self.add(project_id, call, body, origin)
        self._show_binding(port)
        self.plugs.add(port)
        return port

    def place_for(
        self,
        network: Thing,
        project_id: str,
        device_id: str,
        owner: str,
        *,
        fixed_ips: Any = UNSET,
        groups: list[str] | None = None,
    ) -> Thing:
        """Make a port for a service's own use. `project_id` is empty where no project shall see it."""
        wish = {
            "name": "",
            "description": "",
            **self.defaults,
            "network_id": network.id,
            "mac_address": UNSET,
            "fixed_ips": fixed_ips,
            "device_id": device_id,
            "device_owner": owner,
            "security_groups": groups or [],
            "port_security_enabled": bool(groups),
        }
        return self.place(network, wish, project_id, None, Origin.SERVICE)

    def bind(self, port: Thing, device_id: str, owner: str, host: str = "") -> None:
        """The port is the device's now; an empty id sets it free."""
        port.body.update({"device_id": device_id, "device_owner": owner, "binding:host_id": host})
        self.plugs.plug(port, device_id)
        self._show_binding(port)
        self.touch(port)

    def set_groups(self, port: Thing, ids: list[str]) -> None:
        port.body["security_groups"] = ids
        self.plugs.join(port, ids)
        self.touch(port)

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        self._check_groups(call, wish)
        network = self.ground.things.of(self._networks.kind)[thing.body["network_id"]]
        if wish.get("mac_address", thing.body["mac_address"]) != thing.body["mac_address"]:
            wish["mac_address"] = self._mac(network, wish["mac_address"])
        if "fixed_ips" in wish:
            wished = wish["fixed_ips"]
            wish["fixed_ips"] = self._reallocate(network, thing, wished if isinstance(wished, list) else [])
        super().change(call, thing, wish)
        if "device_id" in wish:
            self.plugs.plug(thing, wish["device_id"])
        if "security_groups" in wish:
            self.plugs.join(thing, wish["security_groups"])
        self._show_binding(thing)

    def unmake(self, call: Call, thing: Thing) -> None:
        owner = thing.body["device_owner"]
        if owner in (ROUTER_INTERFACE, ROUTER_GATEWAY, FLOATING):
            raise neutron_error(
                409,
                "ServicePortInUse",
                f"Port {thing.id} cannot be deleted directly via the port API: has device owner {owner}.",
            )
        self._let_go(thing)

    def drop(self, port: Thing) -> None:
        """Delete a port of a service."""
        self._let_go(port)
        self.ground.things.remove(port, self.ground.now())

    def visible(self, call: Call, thing: Thing) -> bool:
        if super().visible(call, thing):
            return True
        network = self.ground.things.find(self._networks.kind, thing.body["network_id"])
        return network is not None and network.project_id == call.project_id

    def _let_go(self, port: Thing) -> None:
        self._free(port.body["fixed_ips"])
        self.plugs.remove(port)
        for floating in list(self.plugs.floating(port.id)):
            self.plugs.associate(floating, None)
            floating.body.update(port_id=None, fixed_ip_address=None, router_id=None, status="DOWN")

    def _check_groups(self, call: Call, wish: Body) -> None:
        if "security_groups" in wish and wish["security_groups"] is None:
            wish["security_groups"] = []
        for id in wish.get("security_groups", ()):
            self._groups.find(call, id)
        if wish.get("security_groups") and wish.get("port_security_enabled") is False:
            raise neutron_error(
                409,
                "PortSecurityAndIPRequiredForSecurityGroups",
                "Port security must be enabled and port must have an IP address in order to use security "
                "groups.",
            )

    def _mac(self, network: Thing, wished: Any) -> str:
        if wished is UNSET or wished is None:
            number = self.ground.rng.getrandbits(24)
            return f"fa:16:3e:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
        if self.plugs.mac_on(network.id, str(wished)):
            raise neutron_error(
                409,
                "MacAddressInUse",
                f"Unable to complete operation for network {network.id}. The mac address {wished} is in use.",
            )
        return str(wished)

    def _allocate(self, network: Thing, wished: Any) -> list[Body]:
        if wished is UNSET:
            return self._allocate_any(network)
        taken: list[Body] = []
        try:
            for ip in wished or ():
                if not isinstance(ip, dict):
                    raise bad_request(f"Invalid input for fixed_ips. Reason: '{ip}' is not a dictionary.")
                taken.append(self._allocate_one(network, ip))
        except Exception:
            self._free(taken)
            raise
        return taken

    def _allocate_any(self, network: Thing) -> list[Body]:
        """One address of each version, from the first subnet that has one."""
        found: dict[int, Body] = {}
        for id in network.body["subnets"]:
            subnet = self.ground.things.of(self._subnets.kind)[id]
            version = subnet.body["ip_version"]
            if version not in found and (address := addresses(subnet).draw()):
                found[version] = {"subnet_id": id, "ip_address": address}
        if network.body["subnets"] and not found:
            raise _exhausted(network.id)
        return list(found.values())

    def _allocate_one(self, network: Thing, wish: Body) -> Body:
        address, id = wish.get("ip_address"), wish.get("subnet_id")
        if id is None:
            id = self._subnet_with(network, address)
        elif id not in network.body["subnets"]:
            raise bad_request(
                f"Failed to create port on network {network.id}, because fixed_ips included "
                f"invalid subnet {id}"
            )
        subnet = self.ground.things.of(self._subnets.kind)[id]
        held = addresses(subnet)
        if address is None:
            address = held.draw()
            if address is None:
                raise _exhausted(network.id)
        else:
            if not held.holds(address):
                raise neutron_error(
                    400,
                    "InvalidIpForSubnet",
                    f"IP address {address} is not a valid IP for the specified subnet.",
                )
            if held.is_taken(address):
                raise neutron_error(
                    409,
                    "IpAddressAlreadyAllocated",
                    f"IP address {address} already allocated in subnet {id}",
                )
            held.take(address)
        return {"subnet_id": id, "ip_address": address}

    def _subnet_with(self, network: Thing, address: Any) -> str:
        for id in network.body["subnets"]:
            if addresses(self.ground.things.of(self._subnets.kind)[id]).holds(address):
                return str(id)
        raise neutron_error(
            400,
            "InvalidIpForNetwork",
            f"IP address {address} is not a valid IP for any of the subnets on the specified network.",
        )

    def _reallocate(self, network: Thing, port: Thing, wished: list[Body]) -> list[Body]:
        """Keep the addresses that are wished again; take the new ones before the old ones go."""
        old: list[Body] = list(port.body["fixed_ips"])
        kept: list[Body] = []
        new: list[Body] = []
        for wish in wished:
            same = next((ip for ip in old if all(ip[key] == value for key, value in wish.items())), None)
            if same is None:
                new.append(wish)
            else:
                old.remove(same)
                kept.append(same)
        added = self._allocate(network, new)
        self._free(old)
        return kept + added

    def _free(self, fixed_ips: list[Body]) -> None:
        for ip in fixed_ips:
            subnet = self.ground.things.find(self._subnets.kind, ip["subnet_id"])
            if subnet is not None:
                addresses(subnet).free(ip["ip_address"])

    def _show_binding(self, port: Thing) -> None:
        bound = bool(port.body["binding:host_id"]) or port.body["device_owner"].startswith("network:")
        port.body["status"] = "ACTIVE" if bound and port.body["admin_state_up"] else "DOWN"
        port.body["binding:vif_type"] = "ovs" if bound else "unbound"


def _exhausted(network_id: str) -> Exception:
    return neutron_error(
        409, "IpAddressGenerationFailure", f"No more IP addresses available on network {network_id}."
    )
