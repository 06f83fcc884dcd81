"""OS::Neutron::SecurityGroup: a set of rules for what ports may send and receive."""

from __future__ import annotations

from collections.abc import Collection
from typing import ClassVar

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud, Conflict, Gone
from global_heat.resources.neutron.family import Mutable, NeutronType, neutron_id
from global_heat.resources.neutron.rules import Key, rule_body, rule_faults, rule_key
from global_heat.resources.type import Making

_DEFAULT = "default"
_ALL_EGRESS = [
    {"direction": "egress", "ethertype": "IPv4"},
    {"direction": "egress", "ethertype": "IPv6"},
]
"""What Neutron gives every new group."""


class SecurityGroup(NeutronType):
    """Its inline rules die with it, so they carry no token: another attempt to make one finds it there."""

    name = "OS::Neutron::SecurityGroup"
    kind = "network.security_group"
    collection, plural, singular = "security-groups", "security_groups", "security_group"
    supported = frozenset({"description", "name", "rules", "stateful"})
    finishing = frozenset({"rules"})
    mutable: ClassVar[Mutable] = {
        "description": ("description", ""),
        "name": ("name", ""),
        "stateful": ("stateful", True),
    }

    def check(self, props: Properties) -> list[str]:
        faults = super().check(props)
        if props.get("name") == _DEFAULT:
            faults.append(f"name: {_DEFAULT} is the name of a group that every project has")
        rules = props.get("rules")
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, dict):
                faults.extend(f"rules[{index}]: {fault}" for fault in rule_faults(rule))
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        return {
            "name": props.get("name", making.name),
            "description": props.get("description"),
            "stateful": props.get("stateful"),
        }

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = self.settle(props)
        if values.get("rules"):
            values["rules"] = [await _resolve_rule(cloud, rule) for rule in values["rules"]]
        return values

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        if "rules" in changed:
            resolved = await self.resolve(cloud, props)
            await self._reconcile(cloud, id, resolved.get("rules") or [], body)
            if set(changed) == {"rules"}:
                return
            # The rules count as changes of the group: its revision is another now.
            body = await self.show(cloud, id) or body
        await super().update(cloud, id, making, props, set(changed) - {"rules"}, body)

    async def _reconcile(self, cloud: Cloud, id: PhysicalId, rules: list[Json], body: Body) -> None:
        """Give the group the rules it lacks, then take those that it shall not have."""
        wished = _wished_rules(id, rules)
        actual: dict[Key, Body] = {rule_key(rule): rule for rule in body.get("security_group_rules") or ()}
        for key, rule in wished.items():
            have = actual.get(key)
            if have is not None and (have.get("description") or "") != (rule.get("description") or ""):
                path = f"/security-group-rules/{have['id']}"
                described = {"description": rule.get("description") or ""}
                await cloud.put("network", path, {"security_group_rule": described})
            if have is None:
                await self._add_rule(cloud, id, key, rule)
        for key, rule in actual.items():
            if key not in wished:
                try:
                    await cloud.delete("network", f"/security-group-rules/{rule['id']}")
                except Gone:
                    continue

    async def _add_rule(self, cloud: Cloud, id: PhysicalId, key: Key, rule: Body) -> None:
        try:
            await cloud.post("network", "/security-group-rules", {"security_group_rule": rule})
        except Conflict:
            # It may be there since an attempt whose answer was lost; or the quota is used up.
            body = await self.show(cloud, id)
            if body is None or all(rule_key(one) != key for one in body["security_group_rules"]):
                raise


def _wished_rules(id: PhysicalId, rules: list[Json]) -> dict[Key, Body]:
    """Who wishes no egress rule keeps those that let everything out."""
    bodies = [_inline_rule(id, rule) for rule in rules]
    if not any(body["direction"] == "egress" for body in bodies):
        bodies.extend(_inline_rule(id, rule) for rule in _ALL_EGRESS)
    return {rule_key(body): body for body in bodies}


def _inline_rule(id: PhysicalId, rule: dict[str, Json]) -> Body:
    """A rule whose remote is a group that it does not name means its own."""
    body = {**rule_body(rule), "security_group_id": id}
    if rule.get("remote_mode") == "remote_group_id":
        body["remote_group_id"] = rule.get("remote_group_id") or id
        body["remote_ip_prefix"] = None
    else:
        body["remote_group_id"] = None
    if rule.get("description"):
        body["description"] = rule["description"]
    return body


async def _resolve_rule(cloud: Cloud, rule: Json) -> Json:
    if isinstance(rule, Unknown) or not rule.get("remote_group_id"):
        return rule
    remote = await neutron_id(cloud, "security-groups", "security_groups", rule["remote_group_id"])
    return {**rule, "remote_group_id": remote}
