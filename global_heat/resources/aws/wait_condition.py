"""AWS::CloudFormation::WaitCondition and its handle: the same as Heat's own, in other words."""

from __future__ import annotations

from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json
from global_heat.resources.heat.wait_condition import WaitCondition
from global_heat.resources.heat.wait_condition_handle import Handle, place


class CfnWaitCondition(WaitCondition):
    name = "AWS::CloudFormation::WaitCondition"
    kind = "aws.wait_condition"
    supported = frozenset({"Count", "Handle", "Timeout"})
    seeks = frozenset({"AWS::CloudFormation::WaitConditionHandle", "OS::Heat::UpdateWaitConditionHandle"})
    words = ("Handle", "Timeout", "Count", "Data")


class CfnWaitConditionHandle(Handle):
    """A signal says all four; one that says nothing is no signal."""

    name = "AWS::CloudFormation::WaitConditionHandle"
    kind = "aws.wait_condition_handle"
    words = ("UniqueId", "Status", "Reason", "Data")

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return place(id, body)
