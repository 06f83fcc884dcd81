"""OS::Neutron::Net: a network."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body, Json
from global_heat.resources.neutron.family import Mutable, NeutronType
from global_heat.resources.type import Making


class Net(NeutronType):
    name = "OS::Neutron::Net"
    kind = "network.network"
    collection, plural, singular = "networks", "networks", "network"
    supported = frozenset(
        {
            "admin_state_up",
            "availability_zone_hints",
            "dns_domain",
            "name",
            "port_security_enabled",
            "shared",
            "tags",
            "tenant_id",
            "value_specs",
        }
    )
    finishing = frozenset({"tags"})
    mutable: ClassVar[Mutable] = {
        "admin_state_up": ("admin_state_up", True),
        "dns_domain": ("dns_domain", ""),
        "name": ("name", ""),
        "port_security_enabled": ("port_security_enabled", True),
        "shared": ("shared", False),
    }
    shown = (
        "admin_state_up",
        "l2_adjacency",
        "mtu",
        "name",
        "port_security_enabled",
        "qos_policy_id",
        "status",
        "subnets",
        "tenant_id",
    )

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        return {
            "name": props.get("name", making.name),
            "admin_state_up": props.get("admin_state_up", True),
            # Only an administrator may say "shared", even to say no.
            "shared": props.get("shared") or None,
            "dns_domain": props.get("dns_domain"),
            "port_security_enabled": props.get("port_security_enabled"),
            "availability_zone_hints": props.get("availability_zone_hints"),
            "tenant_id": props.get("tenant_id"),
        }
