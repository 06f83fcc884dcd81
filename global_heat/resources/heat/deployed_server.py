"""OS::Heat::DeployedServer: a server that somebody else has made, for deployments to name."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.heat.config import new_id
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

_ELSEWHERE = {"POLL_TEMP_URL": "Swift", "ZAQAR_MESSAGE": "Zaqar"}


class DeployedServer(LocalType):
    """`metadata` does nothing, in Heat neither."""

    name = "OS::Heat::DeployedServer"
    kind = "heat.deployed_server"
    supported = frozenset({"deployment_swift_data", "metadata", "name", "software_config_transport"})

    def gaps(self, props: Properties) -> list[str]:
        service = _ELSEWHERE.get(str(props.get("software_config_transport")))
        if service is None:
            return []
        return [f"software_config_transport {props['software_config_transport']} (it needs {service})"]

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        return {
            "id": new_id(making, random_bytes),
            "name": props.get("name") or making.name,
            "collector": "heat" if props.get("software_config_transport") == "POLL_SERVER_HEAT" else "cfn",
            "told": _told(making, props.get("software_config_transport")),
        }

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.made["id"])

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        """What the server's agent is told has no address and no key in it until there is an HTTP endpoint."""
        collector = body.get("collector", "cfn")
        told = {"collectors": [collector, "local"], collector: body.get("told", {})}
        return {"show": {"os_collect_config": told}, "name": body.get("name"), "os_collect_config": told}


def _told(making: Making, transport: Json) -> Body:
    """Where its metadata is, as far as that can be said."""
    name = making.path.rpartition("/")[2]
    if transport == "POLL_SERVER_HEAT":
        stack = making.address.split("/")[3] if making.address else ""
        return {"stack_id": f"{making.stack}/{stack}", "resource_name": name}
    return {"stack_name": making.stack, "path": f"{name}.Metadata"}
