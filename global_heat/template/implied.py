"""Orders that no template states and Neutron needs, each inside one region.

A port gets no address before its network has a subnet; a floating IP cannot be associated before the
router of the port's subnet has its gateway and its interface. Heat infers most of them, inside one stack;
what it does not see, because it lies in another stack of the same tree, is waited for here as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping

from global_heat.model.names import Path
from global_heat.model.values import Json, Unknown
from global_heat.template.node import Leaf
from global_heat.template.values import Origin

Known = Mapping[Path, Mapping[str, Json]]
_UNKNOWN = Origin("an attribute", Path(""), "unknown")
"""Stands for whatever only an attribute will tell: Heat takes any two of these for the same."""
_ANY_NETWORK = Origin("any network", Path(""), "any")
Place = tuple[str, str]
"""Region and stack."""
Index = dict[tuple[str, object], list[Path]]
"""By region and what is referred to."""


class Implied:
    """Which leaves must be done before which, besides those that the template names."""

    def __init__(self, leaves: Mapping[Path, Leaf], properties: Known) -> None:
        self._leaves = leaves
        self._properties = properties
        self._near: dict[str, dict[tuple[Place, object], list[Path]]] = defaultdict(lambda: defaultdict(list))
        """By what they are and share: their place, and the network, router, subnet or VPC."""
        self._far: dict[str, Index] = defaultdict(lambda: defaultdict(list))
        for path, leaf in leaves.items():
            for kind, thing in _offers(leaf.type, properties[path]):
                thing = _key(thing)
                if thing is not None:
                    self._near[kind][_place(leaf), thing].append(path)
                    self._far[kind][leaf.region, thing].append(path)

    def needs(self, path: Path) -> set[Path]:
        """What a leaf has to wait for."""
        leaf = self._leaves[path]
        found = self.shown(path, exact=True)
        for kind, thing in self._wants(leaf, exact=True):
            key = _key(thing)
            if key is not None and key is not _UNKNOWN:
                found |= set(self._far[kind].get((leaf.region, key), ()))
        return (found | set(self._routed(leaf))) - {path}

    def shown(self, path: Path, *, exact: bool = False) -> set[Path]:
        """What Heat infers, to which a server with a port may be in any network; not so if `exact`."""
        leaf = self._leaves[path]
        place = _place(leaf)
        found: set[Path] = set()
        for kind, thing in self._wants(leaf, exact=exact):
            key = _key(thing)
            if key is _ANY_NETWORK:
                found.update(*self._at(kind, place))
            elif key is not None:
                found |= set(self._near[kind].get((place, key), ()))
                if _is_server(leaf):
                    found |= set(self._near[kind].get((place, _UNKNOWN), ()))
        return found - {path}

    def _at(self, kind: str, place: Place) -> Iterator[list[Path]]:
        return (paths for (there, _), paths in self._near[kind].items() if there == place)

    def _wants(self, leaf: Leaf, *, exact: bool) -> Iterator[tuple[str, Json]]:
        """The kinds of things that it waits for, and what they must share with it."""
        given = self._properties[leaf.path]
        match leaf.type:
            case "OS::Neutron::Port":
                yield "subnet of", _either(given, "network")
            case "OS::Nova::Server":
                for network in given.get("networks") or []:
                    yield "subnet of", self._exactly(network) if exact else _network_of(network)
            case "OS::Neutron::Router":
                yield "subnet of", _external_network(given)
            case "OS::Neutron::RouterGateway":
                yield "subnet of", _either(given, "network")
                yield "interface of", given.get("router_id")
            case "OS::Neutron::FloatingIP":
                yield "gateway to", _either(given, "floating_network")
                yield from self._port_subnets(given.get("port_id"))
            case "OS::Neutron::FloatingIPAssociation" | "OS::Neutron::FloatingIPPortForward":
                yield from self._port_subnets(given.get("port_id") or given.get("internal_port"))
            case "OS::Neutron::ExtraRouteSet":
                yield "interface of", given.get("router")
            case "OS::Neutron::ExtraRoute":
                yield "interface of", given.get("router_id")
                yield "gateway of", given.get("router_id")
            case "AWS::EC2::VPCGatewayAttachment":
                yield "routes of", given.get("VpcId")

    def _exactly(self, network: Json) -> Json:
        """The network of an entry of a server's networks: by its port where that is of this tree."""
        named = _network_of(network)
        if named is not _ANY_NETWORK:
            return named
        port = network.get("port") if isinstance(network, dict) else None
        known = self._port(port)
        if known is not None:
            return _either(known, "network")
        return _ANY_NETWORK if isinstance(port, Unknown) else None

    def _port_subnets(self, reference: Json) -> Iterator[tuple[str, Json]]:
        port = self._port(reference)
        for ip in (port or {}).get("fixed_ips") or []:
            if isinstance(ip, dict):
                yield "interface on", _either(ip, "subnet")

    def _port(self, reference: Json) -> Mapping[str, Json] | None:
        """The properties of a port of this tree."""
        leaf = self._leaves.get(reference.path) if isinstance(reference, Origin) else None
        return self._properties[leaf.path] if leaf and leaf.type == "OS::Neutron::Port" else None

    def _routed(self, leaf: Leaf) -> Iterator[Path]:
        """The router interfaces of a port that takes its addresses from any subnet of its network."""
        if leaf.type not in ("OS::Neutron::FloatingIP", "OS::Neutron::FloatingIPAssociation"):
            return
        port = self._port(self._properties[leaf.path].get("port_id"))
        if port is None or port.get("fixed_ips"):
            return
        network = _key(_either(port, "network"))
        if network is None or network is _UNKNOWN:
            return
        for subnet in self._far["subnet of"].get((leaf.region, network), ()):
            yield from self._far["interface on"].get((leaf.region, Origin(subnet, subnet)), ())


def _offers(type: str, given: Mapping[str, Json]) -> Iterator[tuple[str, Json]]:
    """What a leaf is to others: a kind, and what they share with it."""
    match type:
        case "OS::Neutron::Subnet":
            yield "subnet of", _either(given, "network")
        case "OS::Neutron::Router":
            yield "gateway to", _external_network(given)
        case "OS::Neutron::RouterGateway":
            yield "gateway to", _either(given, "network")
            yield "gateway of", given.get("router_id")
        case "OS::Neutron::RouterInterface":
            yield "interface on", _either(given, "subnet")
            yield "interface of", _either(given, "router")
        case "AWS::EC2::RouteTable":
            yield "routes of", given.get("VpcId")


def _is_server(leaf: Leaf) -> bool:
    return leaf.type == "OS::Nova::Server"


def _place(leaf: Leaf) -> Place:
    return leaf.region, leaf.place.parent.path if leaf.place.parent else ""


def _key(thing: Json) -> str | Origin | None:
    """What two leaves share: a name, a reference, or something unknown; None: nothing is said."""
    match thing:
        case str():
            return thing or None
        case Origin() if thing is _ANY_NETWORK or not thing.attribute:
            return thing
        case Unknown():
            return _UNKNOWN
    return None


def _network_of(network: Json) -> Json:
    """The network that an entry of a server's networks names itself; any of them where it names none."""
    named = network.get("network") or network.get("uuid") if isinstance(network, dict) else None
    is_reference = isinstance(named, Origin) and not named.attribute
    return named if isinstance(named, str) or is_reference else _ANY_NETWORK


def _external_network(router: Mapping[str, Json]) -> Json:
    gateway = router.get("external_gateway_info")
    return gateway.get("network") if isinstance(gateway, dict) else None


def _either(given: Mapping[str, Json], name: str) -> Json:
    """A property, or the same under its former name."""
    return given.get(name) or given.get(f"{name}_id")
