"""Networks."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.neutron.errors import neutron_error
from global_heat.sim.cloud.neutron.family import Family
from global_heat.sim.cloud.neutron.plugs import Plugs
from global_heat.sim.cloud.neutron.security import SecurityGroups
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.wire import Call

_ADMIN_ONLY = (
    "shared",
    "router:external",
    "provider:network_type",
    "provider:physical_network",
    "provider:segmentation_id",
)


class Networks(Family):
    collection = plural = "networks"
    singular = "network"
    title = "Network"
    defaults: ClassVar[Body] = {
        "admin_state_up": True,
        "shared": False,
        "router:external": False,
        "port_security_enabled": True,
        "mtu": 1450,
        "availability_zone_hints": [],
        "dns_domain": "",
        "qos_policy_id": None,
        "provider:network_type": None,
        "provider:physical_network": None,
        "provider:segmentation_id": None,
        "is_default": False,
    }
    mutable = frozenset(
        ("admin_state_up", "shared", "port_security_enabled", "mtu", "dns_domain", "qos_policy_id")
    )

    def __init__(self, ground: Ground, plugs: Plugs, groups: SecurityGroups) -> None:
        super().__init__(ground)
        self._plugs = plugs
        self._groups = groups

    def make(self, call: Call, wish: Body) -> Thing:
        _check_admin_only(call, wish)
        self._groups.default(wish["project_id"])
        body = {
            **wish,
            "status": "ACTIVE",
            "subnets": [],
            "availability_zones": ["nova"],
            "ipv4_address_scope": None,
            "ipv6_address_scope": None,
            "l2_adjacency": True,
        }
        if not call.who.is_admin:
            for key in _ADMIN_ONLY[2:]:
                del body[key]
        return self.add(wish["project_id"], call, body)

    def change(self, call: Call, thing: Thing, wish: Body) -> None:
        _check_admin_only(call, wish)
        super().change(call, thing, wish)

    def unmake(self, call: Call, thing: Thing) -> None:
        users = [port.id for port in self._plugs.on_network(thing.id)]
        if users:
            raise neutron_error(
                409,
                "NetworkInUse",
                f"Unable to complete operation on network {thing.id}. There are one or more ports still in "
                f"use on the network, id for these ports is: {','.join(users)}.",
            )
        things = self.ground.things
        for id in thing.body["subnets"]:
            things.remove(things.of("network.subnet")[id], self.ground.now())

    def visible(self, call: Call, thing: Thing) -> bool:
        body = thing.body
        return super().visible(call, thing) or body["shared"] or body["router:external"]


def _check_admin_only(call: Call, wish: Body) -> None:
    if call.who.is_admin:
        return
    for key in _ADMIN_ONLY:
        if wish.get(key):
            raise neutron_error(403, "PolicyNotAuthorized", f"rule:network:{key} is disallowed by policy")
