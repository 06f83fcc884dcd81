"""OS::Neutron::RouterInterface: a router's place on a subnet. Router and subnet, or port, are its id."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud
from global_heat.resources.neutron.family import NeutronType, References
from global_heat.resources.type import Handle, Making, show_or_none

_INTERFACE_OWNERS = frozenset(
    {
        "network:router_interface",
        "network:router_interface_distributed",
        "network:ha_router_replicated_interface",
    }
)


class RouterInterface(NeutronType):
    name = "OS::Neutron::RouterInterface"
    kind = "network.router_interface"
    handle = Handle.NATURAL
    collection, plural, singular = "ports", "ports", "port"
    supported = frozenset({"port", "port_id", "router", "router_id", "subnet", "subnet_id"})
    aliases: ClassVar[Mapping[str, str]] = {"router_id": "router", "subnet_id": "subnet", "port_id": "port"}
    references: ClassVar[References] = {
        "router": ("routers", "routers"),
        "subnet": ("subnets", "subnets"),
        "port": ("ports", "ports"),
    }

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        values = self.settle(props)
        if ("subnet" in values) == ("port" in values):
            faults.append("one of subnet and port must be given, not both")
        return faults

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        key, value = _joined(self.settle(props))
        return PhysicalId(f"{self.settle(props)['router']}:{key}={value}")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """The router's port there."""
        router, key, value = _parts(id)
        if key == "port_id":
            port = await show_or_none(cloud, "network", f"/ports/{value}", "port")
            return port if port is not None and port.get("device_id") == router else None
        for port in await cloud.list("network", "/ports", "ports", {"device_id": router}):
            if port.get("device_id") != router or port.get("device_owner") not in _INTERFACE_OWNERS:
                continue
            if any(fixed_ip["subnet_id"] == value for fixed_ip in port["fixed_ips"]):
                return port
        return None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        values = self.settle(props)
        key, value = _joined(values)
        await cloud.put("network", f"/routers/{values['router']}/add_router_interface", {key: value})
        return self.natural_id(making, props)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        router, key, value = _parts(id)
        await cloud.put("network", f"/routers/{router}/remove_router_interface", {key: value})


def _joined(values: dict[str, Json]) -> tuple[str, str]:
    return ("port_id", values["port"]) if values.get("port") else ("subnet_id", values["subnet"])


def _parts(id: PhysicalId) -> tuple[str, str, str]:
    router, _, rest = id.partition(":")
    key, _, value = rest.partition("=")
    return router, key, value
