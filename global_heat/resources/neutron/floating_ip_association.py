"""OS::Neutron::FloatingIPAssociation: leads a floating IP to a port. The floating IP's id is its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud
from global_heat.resources.neutron.family import NeutronType, References, change
from global_heat.resources.type import Handle, Making


class FloatingIPAssociation(NeutronType):
    name = "OS::Neutron::FloatingIPAssociation"
    kind = "network.floatingip_association"
    handle = Handle.NATURAL
    collection, plural, singular = "floatingips", "floatingips", "floatingip"
    supported = frozenset({"fixed_ip_address", "floatingip_id", "port_id"})
    references: ClassVar[References] = {"port_id": ("ports", "ports")}

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        return "floatingip_id" in changed

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(props["floatingip_id"])

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": body}

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """The floating IP, if it leads to any port."""
        body = await super().show(cloud, id)
        return body if body is not None and body.get("port_id") else None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        id = self.natural_id(making, props)
        await cloud.put("network", f"/floatingips/{id}", {"floatingip": _association(props)})
        return id

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        wished = _association(await self.resolve(cloud, props))
        same = all(body.get(key) == value for key, value in wished.items())
        # The address that was named may not be named any more: then the service chooses again.
        if not same or ("fixed_ip_address" in changed and "fixed_ip_address" not in wished):
            await change(cloud, f"/floatingips/{id}", {"floatingip": wished}, body)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.put("network", f"/floatingips/{id}", {"floatingip": {"port_id": None}})


def _association(props: Properties) -> Body:
    body: Body = {"port_id": props["port_id"]}
    if props.get("fixed_ip_address"):
        body["fixed_ip_address"] = props["fixed_ip_address"]
    return body
