"""Instances of a group: they are given what the launch configuration says that the group names."""

from __future__ import annotations

from collections.abc import Mapping

from global_heat.model.values import Json
from global_heat.template.evaluation import Run
from global_heat.template.given import Given, Written
from global_heat.template.instance import Instance, Title
from global_heat.template.location import At
from global_heat.template.node import Leaf
from global_heat.template.values import FAULTY, OMITTED

LAUNCH_TYPE = "AWS::AutoScaling::LaunchConfiguration"
INSTANCE_TYPE = "AWS::EC2::Instance"
"""Of the members; an environment may map it to another."""
_CONFIGURATION, _TAGS, _SUBNETS = "LaunchConfigurationName", "Tags", "VPCZoneIdentifier"
_METERED = "metering."


def launched_metadata(scope: Instance, group: Given) -> dict[str, Json]:
    """The metadata, as written, of the launch configuration that a group refers to: its instances' too."""
    reference = group.written(_CONFIGURATION) if isinstance(group, Written) else None
    if not isinstance(reference, dict) or len(reference) != 1:
        return {}
    [name] = reference.values()
    text = scope.template.resources.get(name) if isinstance(name, str) else None
    return text.metadata if text is not None and text.type == LAUNCH_TYPE else {}


class Launched:
    """The properties of one instance."""

    def __init__(self, scope: Instance, group: Given, title: Title, type: str) -> None:
        self.at: At = (group.at, _CONFIGURATION)
        self._scope = scope
        self._group = group
        self._title = title
        self._marks = ["metering.groupname"]
        if type.startswith("AWS::"):
            self._marks.append("metering.AutoScalingGroupName")

    def names(self, run: Run) -> list[str]:
        configuration = self._configuration(run)
        names = configuration.names(run) if configuration is not None else []
        subnets = ["SubnetId"] if self._group.value(_SUBNETS, run) not in (OMITTED, None, []) else []
        return [*(name for name in names if name not in (_TAGS, "InstanceId", *subnets)), _TAGS, *subnets]

    def value(self, name: str, run: Run) -> Json:
        match name:
            case "Tags":
                return self._tagged(run)
            case "SubnetId" if self._group.value(_SUBNETS, run) not in (OMITTED, None, []):
                subnets = self._group.value(_SUBNETS, run)
                return subnets[0] if isinstance(subnets, list) else subnets
            case "InstanceId":
                return OMITTED
        configuration = self._configuration(run)
        return FAULTY if configuration is None else configuration.value(name, run)

    def _tagged(self, run: Run) -> Json:
        """The group's tags, and those by which instances are told to belong to it."""
        tags = self._group.value(_TAGS, run)
        if tags is OMITTED or tags is None:
            tags = []
        if not isinstance(tags, list):
            return tags
        keys = [str(tag.get("Key")) for tag in tags if isinstance(tag, Mapping)]
        marks = self._marks[1:] if any(key.startswith(_METERED) for key in keys) else self._marks
        return [*tags, *({"Key": mark, "Value": self._title.name} for mark in marks)]

    def _configuration(self, run: Run) -> Given | None:
        """What the launch configuration is given, which a reference to it names."""
        wanted = self._group.value(_CONFIGURATION, run)
        for node in self._scope.nodes.values():
            if isinstance(node, Leaf) and node.type == LAUNCH_TYPE and node.reference(run) == wanted:
                return node.given
        if wanted != FAULTY:
            message = f"expected a reference to an {LAUNCH_TYPE} of the same template"
            run.faults.add(self.at, message, value=True)
        return None
