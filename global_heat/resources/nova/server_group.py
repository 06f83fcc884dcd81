"""OS::Nova::ServerGroup: servers that shall run together, or apart."""

from __future__ import annotations

from global_heat.model.names import PhysicalId, Token
from global_heat.model.token import mark, strip_mark, token_in
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud
from global_heat.resources.type import Making, ResourceType, show_or_none

_NAME_LENGTH_MAX = 208


class ServerGroup(ResourceType):
    """It has nothing but a name to carry its token in."""

    name = "OS::Nova::ServerGroup"
    service = "compute"
    kind = "compute.server_group"
    supported = frozenset({"name", "policies", "rules"})

    def check(self, props: Properties) -> list[str]:
        faults = []
        name, policies = props.get("name"), props.get("policies")
        if isinstance(name, str) and len(name) > _NAME_LENGTH_MAX:
            faults.append(f"name is longer than {_NAME_LENGTH_MAX} characters")
        if isinstance(policies, list) and len(policies) != 1:
            faults.append("policies: Nova takes one policy for a group")
        known = isinstance(policies, list) and not any(isinstance(policy, Unknown) for policy in policies)
        if props.get("rules") and known and policies != ["anti-affinity"]:
            faults.append("rules go with the policy anti-affinity alone")
        return faults

    def token_of(self, body: Body) -> Token | None:
        return token_in(body.get("name"))

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": {**body, "name": strip_mark(body["name"])} if "name" in body else body}

    async def observe(self, cloud: Cloud) -> list[Body]:
        return await cloud.list(self.service, "/os-server-groups", "server_groups")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        return await show_or_none(cloud, self.service, f"/os-server-groups/{id}", "server_group")

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        policies = props.get("policies") or ["anti-affinity"]
        group: Body = {
            "name": mark(props.get("name") or making.name[:_NAME_LENGTH_MAX], making.token),
            "policy": policies[0],
        }
        if props.get("rules"):
            group["rules"] = {key: int(value) for key, value in props["rules"].items() if value is not None}
        answer = await cloud.post(self.service, "/os-server-groups", {"server_group": group})
        return PhysicalId(answer["server_group"]["id"])

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/os-server-groups/{id}")
