"""OS::Neutron::SecurityGroupRule: one rule of a security group. Every change replaces it."""

from __future__ import annotations

from typing import ClassVar

from global_heat.model.values import Body, Json, Properties
from global_heat.resources.neutron.family import NeutronType, References
from global_heat.resources.neutron.rules import rule_body, rule_faults
from global_heat.resources.type import Making


class SecurityGroupRule(NeutronType):
    name = "OS::Neutron::SecurityGroupRule"
    kind = "network.security_group_rule"
    collection, plural, singular = "security-group-rules", "security_group_rules", "security_group_rule"
    supported = frozenset(
        {
            "description",
            "direction",
            "ethertype",
            "port_range_max",
            "port_range_min",
            "protocol",
            "remote_group",
            "remote_ip_prefix",
            "security_group",
        }
    )
    references: ClassVar[References] = {
        "security_group": ("security-groups", "security_groups"),
        "remote_group": ("security-groups", "security_groups"),
    }

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props) + rule_faults(props)
        if props.get("remote_group") is not None and props.get("remote_ip_prefix") is not None:
            faults.append("remote_group and remote_ip_prefix cannot be given together")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        return {
            **rule_body({"protocol": "tcp", **props, "remote_group_id": props.get("remote_group")}),
            "security_group_id": props["security_group"],
            "description": props.get("description"),
        }
