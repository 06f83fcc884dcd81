"""OS::Neutron::Router: joins networks, and leads out of them."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud
from global_heat.resources.comparing import given
from global_heat.resources.neutron.family import Mutable, NeutronType, neutron_id
from global_heat.resources.type import Making


class Router(NeutronType):
    name = "OS::Neutron::Router"
    kind = "network.router"
    collection, plural, singular = "routers", "routers", "router"
    supported = frozenset(
        {
            "admin_state_up",
            "availability_zone_hints",
            "distributed",
            "external_gateway_info",
            "ha",
            "name",
            "tags",
            "tenant_id",
            "value_specs",
        }
    )
    finishing = frozenset({"tags"})
    mutable: ClassVar[Mutable] = {
        "admin_state_up": ("admin_state_up", True),
        "availability_zone_hints": ("availability_zone_hints", []),
        "external_gateway_info": ("external_gateway_info", {}),
        "name": ("name", ""),
    }
    shown = ("admin_state_up", "external_gateway_info", "name", "status", "tenant_id")

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        if props.get("distributed") is True and props.get("ha") is True:
            faults.append("distributed and ha cannot both be true")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        return {
            "name": props.get("name", making.name),
            "admin_state_up": props.get("admin_state_up", True),
            "availability_zone_hints": props.get("availability_zone_hints"),
            "distributed": props.get("distributed"),
            "ha": props.get("ha"),
            "external_gateway_info": props.get("external_gateway_info") or None,
            "tenant_id": props.get("tenant_id"),
        }

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = dict(await super().resolve(cloud, props))
        gateway = values.get("external_gateway_info")
        if gateway and not isinstance(gateway, Unknown):
            values["external_gateway_info"] = await _resolve_gateway(cloud, gateway)
        return values


async def _resolve_gateway(cloud: Cloud, gateway: dict[str, Json]) -> Body:
    """The gateway as Neutron says it. What is resolved already stays."""
    network = gateway.get("network") or gateway.get("network_id")
    fixed_ips = [
        {
            "ip_address": item.get("ip_address"),
            "subnet_id": await neutron_id(
                cloud, "subnets", "subnets", item.get("subnet") or item.get("subnet_id")
            ),
        }
        for item in gateway.get("external_fixed_ips") or ()
    ]
    resolved: Body = given(
        {
            "network_id": await neutron_id(cloud, "networks", "networks", network),
            "enable_snat": gateway.get("enable_snat"),
            "external_fixed_ips": fixed_ips or None,
        }
    )
    return resolved
