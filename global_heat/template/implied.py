"""Orders that no template states and Neutron needs, as Heat infers them; each inside one region.

A port gets no address before its network has a subnet; a floating IP cannot be associated before the
router of the port's subnet has its gateway and its interface.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.node import Leaf
from global_heat.template.values import Origin

Known = Mapping[Path, Mapping[str, Json]]


class _Networks:
    """What of the tree's networking stands where; a network is known by what refers to it."""

    def __init__(self, leaves: Mapping[Path, Leaf], properties: Known) -> None:
        self.leaves = leaves
        self.properties = properties
        self.subnets: dict[tuple[str, object], list[Path]] = defaultdict(list)
        """By region and network."""
        self.gateways: dict[tuple[str, object], list[Path]] = defaultdict(list)
        """Routers, and older gateways, by region and external network."""
        self.interfaces: dict[tuple[str, object], list[Path]] = defaultdict(list)
        """By region and subnet."""
        for path, leaf in leaves.items():
            given = properties[path]
            match leaf.type:
                case "OS::Neutron::Subnet":
                    self._note(self.subnets, leaf, _either(given, "network"))
                case "OS::Neutron::Router":
                    self._note(self.gateways, leaf, _external_network(given))
                case "OS::Neutron::RouterGateway":
                    self._note(self.gateways, leaf, _either(given, "network"))
                case "OS::Neutron::RouterInterface":
                    self._note(self.interfaces, leaf, _either(given, "subnet"))

    def _note(self, index: dict[tuple[str, object], list[Path]], leaf: Leaf, thing: Json) -> None:
        if isinstance(thing, str | Origin) and thing != "":
            index[leaf.region, thing].append(leaf.path)

    def needs(self, leaf: Leaf) -> Iterator[Path]:
        given, region = self.properties[leaf.path], leaf.region
        match leaf.type:
            case "OS::Neutron::Port":
                yield from self._of(self.subnets, region, _either(given, "network"))
            case "OS::Nova::Server":
                for network in given.get("networks") or []:
                    yield from self._of(self.subnets, region, self._network_of(network))
            case "OS::Neutron::Router":
                yield from self._of(self.subnets, region, _external_network(given))
            case "OS::Neutron::FloatingIP":
                yield from self._of(self.gateways, region, _either(given, "floating_network"))
                yield from self._routed(region, given.get("port_id"))
            case "OS::Neutron::FloatingIPAssociation":
                yield from self._routed(region, given.get("port_id"))

    def _of(self, index: Mapping[tuple[str, object], list[Path]], region: str, thing: Json) -> list[Path]:
        return index.get((region, thing), []) if isinstance(thing, str | Origin) else []

    def _network_of(self, network: Json) -> Json:
        """The network that an entry of a server's networks names, itself or by its port."""
        if not isinstance(network, dict):
            return None
        port = self._port(network.get("port"))
        return _either(port, "network") if port else network.get("network") or network.get("uuid")

    def _port(self, reference: Json) -> Mapping[str, Json] | None:
        """The properties of a port of this tree."""
        if isinstance(reference, Origin) and self.leaves[reference.path].type == "OS::Neutron::Port":
            return self.properties[reference.path]
        return None

    def _routed(self, region: str, reference: Json) -> Iterator[Path]:
        """The router interfaces on the subnets of a port."""
        port = self._port(reference)
        if port is None:
            return
        fixed = [_either(ip, "subnet") for ip in port.get("fixed_ips") or [] if isinstance(ip, dict)]
        if not fixed:
            subnets = self._of(self.subnets, region, _either(port, "network"))
            fixed = [Origin(path, path) for path in subnets]
        for subnet in fixed:
            yield from self._of(self.interfaces, region, subnet)


def implied_needs(leaves: Mapping[Path, Leaf], properties: Known) -> dict[Path, set[Path]]:
    """Which leaves must be done before which, besides those that the template names."""
    networks = _Networks(leaves, properties)
    return {path: set(networks.needs(leaf)) - {path} for path, leaf in leaves.items()}


def _external_network(router: Mapping[str, Json]) -> Json:
    gateway = router.get("external_gateway_info")
    return gateway.get("network") if isinstance(gateway, dict) else None


def _either(given: Mapping[str, Json], name: str) -> Json:
    """A property, or the same under its former name."""
    return given.get(name) or given.get(f"{name}_id")
