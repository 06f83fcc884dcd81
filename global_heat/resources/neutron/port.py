"""OS::Neutron::Port: a place on a network that a server or a router takes."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud
from global_heat.resources.comparing import given
from global_heat.resources.neutron.family import Mutable, NeutronType, References, neutron_id
from global_heat.resources.type import Making


class Port(NeutronType):
    name = "OS::Neutron::Port"
    kind = "network.port"
    collection, plural, singular = "ports", "ports", "port"
    supported = frozenset(
        {
            "admin_state_up",
            "allowed_address_pairs",
            "binding:vnic_type",
            "device_id",
            "device_owner",
            "dns_name",
            "fixed_ips",
            "mac_address",
            "name",
            "network",
            "network_id",
            "no_fixed_ips",
            "port_security_enabled",
            "propagate_uplink_status",
            "security_groups",
            "tags",
            "value_specs",
        }
    )
    finishing = frozenset({"tags"})
    aliases: ClassVar[Mapping[str, str]] = {"network_id": "network"}
    references: ClassVar[References] = {"network": ("networks", "networks")}
    mutable: ClassVar[Mutable] = {
        "admin_state_up": ("admin_state_up", True),
        "allowed_address_pairs": ("allowed_address_pairs", []),
        "binding:vnic_type": ("binding:vnic_type", "normal"),
        "device_id": ("device_id", ""),
        "device_owner": ("device_owner", ""),
        "dns_name": ("dns_name", ""),
        "name": ("name", ""),
        "port_security_enabled": ("port_security_enabled", True),
        "propagate_uplink_status": ("propagate_uplink_status", True),
        "security_groups": ("security_groups", []),
    }
    shown = (
        "admin_state_up",
        "allowed_address_pairs",
        "device_id",
        "device_owner",
        "dns_assignment",
        "fixed_ips",
        "mac_address",
        "name",
        "network_id",
        "port_security_enabled",
        "propagate_uplink_status",
        "qos_policy_id",
        "security_groups",
        "status",
        "tenant_id",
    )

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        fixed_ips = props.get("fixed_ips")
        if props.get("no_fixed_ips") is True and fixed_ips:
            faults.append("no_fixed_ips and fixed_ips cannot be given together")
        for index, fixed_ip in enumerate(fixed_ips if isinstance(fixed_ips, list) else ()):
            if isinstance(fixed_ip, dict) and not any(v is not None for v in fixed_ip.values()):
                faults.append(f"fixed_ips[{index}] needs a subnet or an ip_address")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        vnic_type = props.get("binding:vnic_type")
        return {
            "name": props.get("name", making.name),
            "network_id": props["network"],
            "admin_state_up": props.get("admin_state_up", True),
            "fixed_ips": _fixed_ips(props),
            "security_groups": props.get("security_groups"),
            "allowed_address_pairs": given(props.get("allowed_address_pairs")) or None,
            "mac_address": props.get("mac_address"),
            "device_id": props.get("device_id") or None,
            "device_owner": props.get("device_owner") or None,
            "dns_name": props.get("dns_name"),
            "port_security_enabled": props.get("port_security_enabled"),
            "propagate_uplink_status": props.get("propagate_uplink_status"),
            "binding:vnic_type": vnic_type if vnic_type != "normal" else None,
        }

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = dict(await super().resolve(cloud, props))
        if values.get("fixed_ips"):
            values["fixed_ips"] = [await _resolve_fixed_ip(cloud, item) for item in values["fixed_ips"]]
        if values.get("security_groups"):
            values["security_groups"] = [
                await neutron_id(cloud, "security-groups", "security_groups", group)
                for group in values["security_groups"]
            ]
        return values

    async def rewrite(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        values = dict(props)
        if "security_groups" in changed and values.get("security_groups") is None:
            # As at its creation: whoever names no group has the project's default one.
            default = await neutron_id(cloud, "security-groups", "security_groups", "default")
            values["security_groups"] = [default]
        await super().rewrite(cloud, id, making, values, changed, body)

    def update_keys(self, props: Properties, changed: Collection[str]) -> dict[str, Json]:
        keys = super().update_keys(props, changed)
        # No fixed_ips any more means that the addresses it has stay.
        if {"fixed_ips", "no_fixed_ips"} & set(changed) and _fixed_ips(props) is not None:
            keys["fixed_ips"] = []
        return keys


def _fixed_ips(props: Properties) -> list[Body] | None:
    """What to say of addresses; None: nothing, which gets it one."""
    if props.get("no_fixed_ips"):
        return []
    return given(props.get("fixed_ips")) or None


async def _resolve_fixed_ip(cloud: Cloud, item: Json) -> Json:
    if isinstance(item, Unknown):
        return item
    subnet = item.get("subnet") or item.get("subnet_id")
    resolved = {"subnet_id": await neutron_id(cloud, "subnets", "subnets", subnet)}
    return given({**resolved, "ip_address": item.get("ip_address")})
