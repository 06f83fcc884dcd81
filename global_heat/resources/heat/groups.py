"""Groups: types that become other resources when they are compiled.

What is recorded of one is that its members are known, and only where that took a step to find out.
"""

from __future__ import annotations

from global_heat.resources.heat.software_deployment import SoftwareDeployment, StructuredDeployment
from global_heat.resources.local import LocalType


class Group(LocalType):
    """Its members are its content."""


class ResourceGroup(Group):
    name = "OS::Heat::ResourceGroup"
    kind = "heat.resource_group"
    supported = frozenset({"count", "index_var", "removal_policies", "removal_policies_mode", "resource_def"})


class ResourceChain(Group):
    name = "OS::Heat::ResourceChain"
    kind = "heat.resource_chain"
    supported = frozenset({"concurrent", "resource_properties", "resources"})


class SoftwareDeploymentGroup(Group):
    """Takes what each of its members does, but many servers."""

    name = "OS::Heat::SoftwareDeploymentGroup"
    kind = "heat.software_deployment_group"
    supported = SoftwareDeployment.supported - {"server"} | {"servers"}


class SoftwareDeployments(SoftwareDeploymentGroup):
    name = "OS::Heat::SoftwareDeployments"
    kind = "heat.software_deployments"


class StructuredDeploymentGroup(Group):
    name = "OS::Heat::StructuredDeploymentGroup"
    kind = "heat.structured_deployment_group"
    supported = StructuredDeployment.supported - {"server"} | {"servers"}


class StructuredDeployments(StructuredDeploymentGroup):
    name = "OS::Heat::StructuredDeployments"
    kind = "heat.structured_deployments"


class AutoScalingGroup(Group):
    name = "OS::Heat::AutoScalingGroup"
    kind = "heat.autoscaling_group"
    supported = frozenset(
        {"cooldown", "desired_capacity", "max_size", "min_size", "resource", "rolling_updates"}
    )


class InstanceGroup(Group):
    name = "OS::Heat::InstanceGroup"
    kind = "heat.instance_group"
    supported = frozenset({"AvailabilityZones", "LaunchConfigurationName", "Size", "Tags"})
