"""All resource types that can be carried out."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources

from global_heat.model.schema import Schemas
from global_heat.resources.aws.autoscaling import (
    CfnAutoScalingGroup,
    CfnScalingPolicy,
    LaunchConfiguration,
)
from global_heat.resources.aws.wait_condition import CfnWaitCondition, CfnWaitConditionHandle
from global_heat.resources.cinder.volume import Volume
from global_heat.resources.cinder.volume_attachment import VolumeAttachment
from global_heat.resources.glance.web_image import WebImage
from global_heat.resources.heat.access_policy import AccessPolicy
from global_heat.resources.heat.cloud_config import CloudConfig
from global_heat.resources.heat.delay import Delay
from global_heat.resources.heat.deployed_server import DeployedServer
from global_heat.resources.heat.groups import (
    AutoScalingGroup,
    InstanceGroup,
    ResourceChain,
    ResourceGroup,
    SoftwareDeploymentGroup,
    SoftwareDeployments,
    StructuredDeploymentGroup,
    StructuredDeployments,
)
from global_heat.resources.heat.multipart_mime import MultipartMime
from global_heat.resources.heat.none import Nothing
from global_heat.resources.heat.random_string import RandomString
from global_heat.resources.heat.scaling_policy import ScalingPolicy
from global_heat.resources.heat.software_config import SoftwareConfig
from global_heat.resources.heat.software_deployment import SoftwareDeployment, StructuredDeployment
from global_heat.resources.heat.structured_config import StructuredConfig
from global_heat.resources.heat.test_resource import TestResource
from global_heat.resources.heat.value import Value
from global_heat.resources.heat.wait_condition import WaitCondition
from global_heat.resources.heat.wait_condition_handle import UpdateWaitConditionHandle, WaitConditionHandle
from global_heat.resources.neutron.floating_ip import FloatingIP
from global_heat.resources.neutron.floating_ip_association import FloatingIPAssociation
from global_heat.resources.neutron.net import Net
from global_heat.resources.neutron.port import Port
from global_heat.resources.neutron.router import Router
from global_heat.resources.neutron.router_interface import RouterInterface
from global_heat.resources.neutron.security_group import SecurityGroup
from global_heat.resources.neutron.security_group_rule import SecurityGroupRule
from global_heat.resources.neutron.subnet import Subnet
from global_heat.resources.nova.keypair import KeyPair
from global_heat.resources.nova.server import Server
from global_heat.resources.nova.server_group import ServerGroup
from global_heat.resources.type import ResourceType

ALL: Mapping[str, ResourceType] = {
    type.name: type
    for type in (
        AccessPolicy(),
        CloudConfig(),
        Delay(),
        DeployedServer(),
        MultipartMime(),
        Nothing(),
        RandomString(),
        SoftwareConfig(),
        SoftwareDeployment(),
        StructuredConfig(),
        StructuredDeployment(),
        TestResource(),
        UpdateWaitConditionHandle(),
        Value(),
        WaitCondition(),
        WaitConditionHandle(),
        CfnWaitCondition(),
        CfnWaitConditionHandle(),
        AutoScalingGroup(),
        CfnAutoScalingGroup(),
        InstanceGroup(),
        LaunchConfiguration(),
        ScalingPolicy(),
        CfnScalingPolicy(),
        ResourceGroup(),
        ResourceChain(),
        SoftwareDeploymentGroup(),
        SoftwareDeployments(),
        StructuredDeploymentGroup(),
        StructuredDeployments(),
        Net(),
        Subnet(),
        Port(),
        Router(),
        RouterInterface(),
        FloatingIP(),
        FloatingIPAssociation(),
        SecurityGroup(),
        SecurityGroupRule(),
        Volume(),
        VolumeAttachment(),
        WebImage(),
        KeyPair(),
        ServerGroup(),
        Server(),
    )
}


KINDS: Mapping[str, ResourceType] = {
    **ALL,
    **{type.saved_as.name: type.saved_as for type in ALL.values() if type.saved_as is not None},
}
"""All that the engine makes: also the snapshots of things, which no template names."""


def supported() -> Mapping[str, frozenset[str]]:
    """The implemented properties of each implemented type."""
    return {name: type.supported for name, type in ALL.items()}


def load_schemas() -> Schemas:
    """What Heat says of all its types, with what of it is implemented."""
    data = resources.files("global_heat.resources").joinpath("resource-types.json").read_bytes()
    return Schemas.decode(data, supported(), ALL)
