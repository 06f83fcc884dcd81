"""AWS::AutoScaling: groups of instances, what their instances are like, and what changes their size."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.scaling import Adjustment, Change
from global_heat.model.values import Body, Json, Properties, has_unknown
from global_heat.resources.heat.groups import Group
from global_heat.resources.heat.scaling_policy import Policy
from global_heat.resources.local import LocalType

_CHANGES = {
    "ChangeInCapacity": Change.BY,
    "ExactCapacity": Change.TO,
    "PercentChangeInCapacity": Change.BY_PERCENT,
}


class CfnAutoScalingGroup(Group):
    name = "AWS::AutoScaling::AutoScalingGroup"
    kind = "aws.autoscaling_group"
    supported = frozenset(
        {
            "AvailabilityZones",
            "Cooldown",
            "DesiredCapacity",
            "LaunchConfigurationName",
            "MaxSize",
            "MinSize",
            "Tags",
            "VPCZoneIdentifier",
        }
    )


class LaunchConfiguration(LocalType):
    """Its properties are read by the groups that name it, as they are written."""

    name = "AWS::AutoScaling::LaunchConfiguration"
    kind = "aws.launch_configuration"
    supported = frozenset(
        {
            "BlockDeviceMappings",
            "ImageId",
            "InstanceType",
            "KeyName",
            "NovaSchedulerHints",
            "SecurityGroups",
            "UserData",
        }
    )

    def check(self, props: Properties) -> list[str]:
        faults = []
        for index, mapping in enumerate(_known(props.get("BlockDeviceMappings"))):
            disk = mapping.get("Ebs") if isinstance(mapping, dict) else None
            if isinstance(mapping, dict) and not disk:
                faults.append(f"BlockDeviceMappings[{index}] has no Ebs; add it with the SnapshotId")
            elif isinstance(disk, dict) and not disk.get("SnapshotId"):
                faults.append(f"BlockDeviceMappings[{index}].Ebs has no SnapshotId; add it")
        if not (props.get("InstanceId") or (props.get("ImageId") and props.get("InstanceType"))):
            faults.append("expected ImageId and InstanceType, as there is no InstanceId")
        return faults


def _known(mappings: Json) -> list[Json]:
    return mappings if isinstance(mappings, list) else []


class CfnScalingPolicy(Policy):
    name = "AWS::AutoScaling::ScalingPolicy"
    kind = "aws.scaling_policy"
    supported = frozenset(
        {"AdjustmentType", "AutoScalingGroupName", "Cooldown", "MinAdjustmentStep", "ScalingAdjustment"}
    )

    def check(self, props: Properties) -> list[str]:
        type, step = props.get("AdjustmentType"), props.get("MinAdjustmentStep")
        if step is None or has_unknown(type) or type == "PercentChangeInCapacity":
            return []
        return ["MinAdjustmentStep is only for the AdjustmentType PercentChangeInCapacity"]

    def adjustment(self, props: Properties) -> Adjustment:
        return Adjustment(
            group=props["AutoScalingGroupName"],
            change=_CHANGES[props["AdjustmentType"]],
            amount=props["ScalingAdjustment"],
            step_min=props.get("MinAdjustmentStep") or 0,
            cooldown_seconds=max(0.0, props.get("Cooldown") or 0.0),
        )

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        return {"show": None, "AlarmUrl": made.get("address")}
