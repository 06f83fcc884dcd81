"""Groups of deployments: one for each server of a map, called as the map calls the server."""

from __future__ import annotations

from collections.abc import Mapping

from global_heat.model.values import Json
from global_heat.template.evaluation import Run
from global_heat.template.given import Given
from global_heat.template.location import At
from global_heat.template.node import Group
from global_heat.template.values import OMITTED, walk

DEPLOYMENTS: Mapping[str, str] = {
    "OS::Heat::SoftwareDeploymentGroup": "OS::Heat::SoftwareDeployment",
    "OS::Heat::SoftwareDeployments": "OS::Heat::SoftwareDeployment",
    "OS::Heat::StructuredDeploymentGroup": "OS::Heat::StructuredDeployment",
    "OS::Heat::StructuredDeployments": "OS::Heat::StructuredDeployment",
}
"""The type of a group's members."""
SERVERS = "servers"
_SERVER = "server"
_ATTRIBUTES = {
    "deploy_stdouts": "deploy_stdout",
    "deploy_stderrs": "deploy_stderr",
    "deploy_status_codes": "deploy_status_code",
}


class ForServer:
    """The properties of one member: those of the group, with its own server."""

    def __init__(self, group: Given, name: str) -> None:
        self.at: At = group.at
        self._group = group
        self._name = name

    def names(self, run: Run) -> list[str]:
        return [*(name for name in self._group.names(run) if name != SERVERS), _SERVER]

    def value(self, name: str, run: Run) -> Json:
        if name != _SERVER:
            return OMITTED if name == SERVERS else self._group.value(name, run)
        servers = self._group.value(SERVERS, run)
        return servers.get(self._name) if isinstance(servers, dict) else servers


class DeploymentGroup(Group):
    """Its attributes are maps from the members' names to what each of them has, whatever that is called."""

    def answer(self, name: str, path: list[Json], run: Run) -> Json:
        wanted = [_ATTRIBUTES.get(name, name)]
        found = walk(
            {member: self.of(node, wanted, run) for member, node in self.nodes.items()},
            path,
            text_indexes=False,
        )
        return None if found is OMITTED else found

    def attributes(self, run: Run) -> Json:
        return {name: self.attribute([name], run) for name in _ATTRIBUTES}
