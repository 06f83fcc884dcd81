"""OS::Neutron::FloatingIP: an address of an external network, led to a port or not yet."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from global_heat.model.values import Body, Json, Properties
from global_heat.resources.neutron.family import Mutable, NeutronType, References
from global_heat.resources.type import Making


class FloatingIP(NeutronType):
    name = "OS::Neutron::FloatingIP"
    kind = "network.floatingip"
    collection, plural, singular = "floatingips", "floatingips", "floatingip"
    supported = frozenset(
        {
            "fixed_ip_address",
            "floating_ip_address",
            "floating_network",
            "floating_network_id",
            "floating_subnet",
            "port_id",
            "value_specs",
        }
    )
    aliases: ClassVar[Mapping[str, str]] = {"floating_network_id": "floating_network"}
    references: ClassVar[References] = {
        "floating_network": ("networks", "networks"),
        "floating_subnet": ("subnets", "subnets"),
        "port_id": ("ports", "ports"),
    }
    mutable: ClassVar[Mutable] = {
        "port_id": ("port_id", None),
        "fixed_ip_address": ("fixed_ip_address", None),
    }
    shown = (
        "fixed_ip_address",
        "floating_ip_address",
        "floating_network_id",
        "port_id",
        "router_id",
        "tenant_id",
    )

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        if props.get("fixed_ip_address") is not None and props.get("port_id") is None:
            faults.append("fixed_ip_address needs a port_id")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        return {
            "floating_network_id": props["floating_network"],
            "subnet_id": props.get("floating_subnet"),
            "floating_ip_address": props.get("floating_ip_address"),
            "port_id": props.get("port_id"),
            "fixed_ip_address": props.get("fixed_ip_address"),
        }

    def update_keys(self, props: Properties, changed: Collection[str]) -> dict[str, Json]:
        keys = super().update_keys(props, changed)
        # Which of the port's addresses it is, only the service may choose where the user does not.
        if "fixed_ip_address" in keys and props.get("fixed_ip_address") is None:
            del keys["fixed_ip_address"]
        return keys

    def complete(self, write: Body, full: Body) -> Body:
        # An address is one of a port's: Neutron wants them together.
        if {"port_id", "fixed_ip_address"} & write.keys() and full.get("port_id"):
            write = {**write, "port_id": full["port_id"]}
            if full.get("fixed_ip_address"):
                write["fixed_ip_address"] = full["fixed_ip_address"]
        return write
