"""OS::Neutron::Subnet: a range of addresses of a network."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import ClassVar

from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.resources.comparing import given
from global_heat.resources.neutron.family import Mutable, NeutronType, References
from global_heat.resources.type import Making


class Subnet(NeutronType):
    name = "OS::Neutron::Subnet"
    kind = "network.subnet"
    collection, plural, singular = "subnets", "subnets", "subnet"
    supported = frozenset(
        {
            "allocation_pools",
            "cidr",
            "dns_nameservers",
            "enable_dhcp",
            "gateway_ip",
            "host_routes",
            "ip_version",
            "ipv6_address_mode",
            "ipv6_ra_mode",
            "name",
            "network",
            "network_id",
            "prefixlen",
            "subnetpool",
            "tags",
            "tenant_id",
            "value_specs",
        }
    )
    finishing = frozenset({"tags"})
    aliases: ClassVar[Mapping[str, str]] = {"network_id": "network"}
    references: ClassVar[References] = {
        "network": ("networks", "networks"),
        "subnetpool": ("subnetpools", "subnetpools"),
    }
    mutable: ClassVar[Mutable] = {
        "allocation_pools": ("allocation_pools", []),
        "dns_nameservers": ("dns_nameservers", []),
        "enable_dhcp": ("enable_dhcp", True),
        "gateway_ip": ("gateway_ip", None),
        "host_routes": ("host_routes", []),
        "name": ("name", ""),
    }
    shown = (
        "allocation_pools",
        "cidr",
        "dns_nameservers",
        "enable_dhcp",
        "gateway_ip",
        "host_routes",
        "ip_version",
        "name",
        "network_id",
        "tenant_id",
    )

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        cidr, pool = props.get("cidr"), props.get("subnetpool")
        prefixlen, modes = props.get("prefixlen"), (props.get("ipv6_ra_mode"), props.get("ipv6_address_mode"))
        if cidr is None and pool is None:
            faults.append("either cidr or subnetpool must be given")
        if cidr is not None and pool is not None:
            faults.append("cidr and subnetpool cannot be given together")
        if prefixlen is not None and cidr is not None:
            faults.append("prefixlen goes with subnetpool, not with cidr")
        if any(mode is not None for mode in modes) and props.get("ip_version") == 4:
            faults.append("ipv6_ra_mode and ipv6_address_mode need ip_version 6")
        if all(isinstance(mode, str) for mode in modes) and modes[0] != modes[1]:
            faults.append("ipv6_ra_mode and ipv6_address_mode must be equal when both are given")
        gateway = props.get("gateway_ip")
        if gateway and not isinstance(gateway, Unknown) and gateway != "~" and not _is_address(gateway):
            faults.append(f"gateway_ip is no address: {gateway}")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        body: Body = {
            "name": props.get("name", making.name),
            "network_id": props["network"],
            "ip_version": props.get("ip_version", 4),
            "cidr": props.get("cidr"),
            "subnetpool_id": props.get("subnetpool"),
            "prefixlen": props.get("prefixlen"),
            "enable_dhcp": props.get("enable_dhcp", True),
            "dns_nameservers": props.get("dns_nameservers") or None,
            "allocation_pools": given(props.get("allocation_pools")) or None,
            "host_routes": given(props.get("host_routes")) or None,
            "ipv6_ra_mode": props.get("ipv6_ra_mode"),
            "ipv6_address_mode": props.get("ipv6_address_mode"),
            "tenant_id": props.get("tenant_id"),
        }
        return body

    def full(self, making: Making, props: Properties) -> Body:
        body = super().full(making, props)
        gateway = props.get("gateway_ip")
        if gateway is not None and "gateway_ip" not in body:
            # Empty and "~" say that there shall be no gateway; not given leaves the choice to the service.
            body["gateway_ip"] = None if gateway in ("", "~") else gateway
        return body


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
