"""References that cannot cross from one region to another, found before anything is created.

What crosses is a value. An id means something only to the service that gave it; an address, a name or
a URL is data and may go anywhere.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from global_heat.model.names import Path
from global_heat.model.schema import PropertySchema, TypeSchema
from global_heat.model.values import Json
from global_heat.template.location import At, Faults
from global_heat.template.node import Leaf
from global_heat.template.property import Keys
from global_heat.template.values import Origin

GLOBAL_SERVICES = frozenset({"keystone"})
"""One for all regions of a cloud."""

_TITLES = {
    "barbican": "Barbican",
    "cinder": "Cinder",
    "designate": "Designate",
    "glance": "Glance",
    "manila": "Manila",
    "neutron": "Neutron",
    "nova": "Nova",
    "octavia": "Octavia",
}
_UNMARKED: Mapping[str, Mapping[str, str]] = {
    "OS::Barbican::Order": {"ca_id": "barbican"},
    "OS::Cinder::QoSAssociation": {"volume_types.*": "cinder"},
    "OS::Cinder::Volume": {"imageRef": "glance", "scheduler_hints.*": "cinder"},
    "OS::Cinder::VolumeAttachment": {"instance_uuid": "nova"},
    "OS::Glance::WebImage": {"kernel_id": "glance", "ramdisk_id": "glance"},
    "OS::Manila::ShareNetwork": {"security_services.*": "manila"},
    "OS::Neutron::Firewall": {"firewall_policy_id": "neutron"},
    "OS::Neutron::FirewallPolicy": {"firewall_rules.*": "neutron"},
    "OS::Neutron::FloatingIPAssociation": {"floatingip_id": "neutron"},
    "OS::Neutron::FloatingIPPortForward": {"floating_ip": "neutron"},
    "OS::Neutron::IPsecSiteConnection": {
        "vpnservice_id": "neutron",
        "ikepolicy_id": "neutron",
        "ipsecpolicy_id": "neutron",
    },
    "OS::Neutron::L2GatewayConnection": {"l2_gateway_id": "neutron"},
    "OS::Neutron::MeteringRule": {"metering_label_id": "neutron"},
    "OS::Neutron::Port": {"device_id": "nova", "security_groups.*": "neutron"},
    "OS::Neutron::PortChain": {"port_pair_groups.*": "neutron", "flow_classifiers.*": "neutron"},
    "OS::Neutron::PortPairGroup": {"port_pairs.*": "neutron"},
    "OS::Neutron::ProviderNet": {"qos_policy": "neutron"},
    "OS::Neutron::RBACPolicy": {"object_id": "neutron"},
    "OS::Neutron::Router": {
        "external_gateway_info.network": "neutron",
        "external_gateway_info.external_fixed_ips.*.subnet": "neutron",
    },
    "OS::Nova::Server": {
        "networks.*.floating_ip": "neutron",
        "networks.*.subnet": "neutron",
        "scheduler_hints.group": "nova",
        "security_groups.*": "neutron",
    },
    "OS::Octavia::Listener": {"default_tls_container_ref": "barbican", "sni_container_refs.*": "barbican"},
    "OS::Zun::Container": {"image": "glance", "security_groups.*": "neutron"},
}
"""References that Heat's schemas do not mark as such: type → property → service."""

_ID_ATTRIBUTES = frozenset({"subnets", "security_groups", "show", "id", "ids"})
_VALUE_TYPE = "OS::Heat::Value"
_FIXES = {
    "glance": "import the image in {here} as well and use that one",
    "cinder": "make the volume in {here}; bring the data by backup and restore",
    "nova": "put both into one region, or make one of its own in {here}",
    "neutron": "make its twin in {here}; to reach the other region pass an address (get_attr), not an id",
}


class Crossable:
    """The leaves and their properties as far as they are known."""

    def __init__(self, leaves: Mapping[Path, Leaf], properties: Mapping[Path, Mapping[str, Json]]) -> None:
        self.leaves = leaves
        self.properties = properties


def find_crossings(leaf: Leaf, properties: Mapping[str, Json], tree: Crossable, faults: Faults) -> None:
    """Note each id of another region that lands in a reference of this leaf."""
    if leaf.schema.client == "":
        return
    for keys, at, origin in _origins(properties, (), leaf.given.at):
        service = reference_service(leaf.type, leaf.schema, keys)
        if service is None or service in GLOBAL_SERVICES:
            continue
        for source, chain in _sources(origin, tree, ()):
            there = tree.leaves[source.path]
            if there.region != leaf.region:
                faults.add(at, _explain(leaf, there, service, (*chain, source.of)))


def reference_service(type: str, schema: TypeSchema, keys: Keys) -> str | None:
    """The service whose id a property takes; None: it takes none."""
    unmarked = _UNMARKED.get(type, {}).get(".".join(keys))
    if unmarked is not None:
        return unmarked
    properties: Mapping[str, PropertySchema] | None = schema.properties
    property: PropertySchema | None = None
    for key in keys:
        property = properties.get(key) if properties else None
        if property is None:
            return None
        properties = property.schema
    for constraint in property.constraints if property else ():
        service, dot, _ = str(constraint.get("custom_constraint", "")).partition(".")
        if dot:
            return service
    return None


def _origins(value: Json, keys: Keys, at: At) -> Iterator[tuple[Keys, At, Origin]]:
    match value:
        case Origin():
            yield keys, at, value
        case list():
            for index, item in enumerate(value):
                yield from _origins(item, (*keys, "*"), (at, index))
        case dict():
            for key, item in value.items():
                yield from _origins(item, (*keys, key), (at, key))


def _sources(
    origin: Origin, tree: Crossable, chain: tuple[str, ...]
) -> Iterator[tuple[Origin, tuple[str, ...]]]:
    """The ids that a value is; a Value resource hands on what it is given."""
    leaf = tree.leaves.get(origin.path)
    if leaf is None:
        return
    if leaf.type == _VALUE_TYPE and origin.attribute == "value" and origin.of not in chain:
        for _, _, inner in _origins(tree.properties.get(origin.path, {}).get("value"), (), None):
            yield from _sources(inner.beyond(list(origin.keys)), tree, (*chain, origin.of))
    elif leaf.schema.client and _is_id(origin):
        yield origin, chain


def _is_id(origin: Origin) -> bool:
    if not origin.attribute:
        return True
    names = [origin.attribute, *(key for key in origin.keys if isinstance(key, str))]
    return names[-1] in _ID_ATTRIBUTES or names[-1].endswith(("_id", "_ids"))


def _explain(leaf: Leaf, there: Leaf, service: str, chain: tuple[str, ...]) -> str:
    title = _TITLES.get(service, service)
    way = f" (through {', '.join(chain[:-1])})" if len(chain) > 1 else ""
    fix = _FIXES.get(service, "put both into one region").format(here=leaf.region)
    return (
        f"takes an id of {there.path} ({there.type}) in {there.region}{way}, but {leaf.path} ({leaf.type})"
        f" is in {leaf.region}: the {title} of {leaf.region} does not know the ids of that of"
        f" {there.region}; {fix}, or place both in one region"
    )
