"""OS::Neutron::FloatingIPAssociation: leads a floating IP to a port. Both together are its id."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Properties
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
        # The new one takes the floating IP away from the old one's port by itself.
        return bool({"floatingip_id", "port_id"} & set(changed))

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(f"{props['floatingip_id']}:{props['port_id']}")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """The floating IP, if it leads to that port."""
        floating_ip, port = _parts(id)
        body = await super().show(cloud, floating_ip)
        return body if body is not None and body.get("port_id") == port else None

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        path = f"/floatingips/{props['floatingip_id']}"
        await cloud.put("network", path, {"floatingip": _association(props)})
        return self.natural_id(making, props)

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
            await change(cloud, f"/floatingips/{_parts(id)[0]}", {"floatingip": wished}, body)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        """Only if it still leads to that port: it may be another's by now."""
        body = await self.show(cloud, id)
        if body is not None:
            path = f"/floatingips/{_parts(id)[0]}"
            await change(cloud, path, {"floatingip": {"port_id": None}}, body)


def _association(props: Properties) -> Body:
    body: Body = {"port_id": props["port_id"]}
    if props.get("fixed_ip_address"):
        body["fixed_ip_address"] = props["fixed_ip_address"]
    return body


def _parts(id: PhysicalId) -> tuple[PhysicalId, str]:
    floating_ip, _, port = id.partition(":")
    return PhysicalId(floating_ip), port
