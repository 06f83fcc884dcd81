"""Templates by chance, and changes of them: what a simulated user asks for."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from global_heat.model.values import Json

_SERVER = {"flavor": "m1.small", "image": "cirros"}
_SHARED = "shared"
"""The mark of sites that may meet another stack's things of the same name."""


class Site(msgspec.Struct, frozen=True):
    """A network of one region with things on it. What is counted up changes them in an update."""

    name: str
    region: str
    title: int = 0
    """The network's name: changed in place."""
    shape: int = 0
    """The subnet's range: a change replaces it, and so the ports."""
    ports: int = 1
    servers: int = 0
    volumes: int = 0
    secret: int = 0
    """A random string of 16 + so many characters; another length is another string."""
    watches: str = ""
    """The site whose first port's address this one writes down."""
    retained: bool = False
    """Its volumes stay when they are removed."""
    routed: bool = False
    """A router leads out of it."""
    floating: int = 0
    """So many of its ports have an address outside, if it is routed."""
    unattached: bool = False
    """Its servers do without its volumes."""
    swapped: int = 0
    """Which attachments take which volume, which port has the address: a change moves them."""
    key: str = ""
    """The name of a key pair, which is the user's own choice."""
    grouped: bool = False
    """Its servers are in a server group, its ports in a security group."""
    crowd: int | None = None
    """So many ports in a group whose count is an attribute; a change changes it. None: there is no group."""
    crowd_from: str = ""
    """The region of what says how many there are; empty: its own."""

    def resources(self, sites: dict[str, Site]) -> dict[str, Json]:
        """Its part of a template."""
        found: dict[str, Json] = {}
        self._add(found, "net", "OS::Neutron::Net", name=self.network_name)
        self._add(found, "subnet", "OS::Neutron::Subnet", network=self._ref("net"), cidr=self.cidr)
        if self.grouped:
            self._add(found, "group", "OS::Neutron::SecurityGroup", rules=[{"protocol": "tcp"}])
        for n in range(self.ports):
            groups = {"security_groups": [self._ref("group")]} if self.grouped else {}
            fixed_ips = [{"subnet": self._ref("subnet")}]
            self._add(
                found,
                f"port{n}",
                "OS::Neutron::Port",
                network=self._ref("net"),
                fixed_ips=fixed_ips,
                **groups,
            )
        self._add_servers(found)
        if self.routed:
            self._add_router(found)
        if self.crowd is not None:
            self._add_crowd(found)
        if self.secret:
            self._add(found, "secret", "OS::Heat::RandomString", length=16 + self.secret)
        if self.watches in sites and sites[self.watches].ports:
            address = {"get_attr": [f"{self.watches}_port0", "fixed_ips", 0, "ip_address"]}
            self._add(found, "note", "OS::Heat::Value", type="string", value=address)
        return found

    @property
    def network_name(self) -> str:
        return f"{self.name}-{self.title}"

    @property
    def cidr(self) -> str:
        return f"10.{self.shape}.0.0/24"

    def volume_size(self, n: int) -> int:
        """In GiB. Only the first grows with the title."""
        return 1 + self.title if n == 0 else 1

    @property
    def placed(self) -> int:
        """How many servers there are: each has a port of its own."""
        return min(self.servers, self.ports)

    def _add_servers(self, found: dict[str, Json]) -> None:
        more: dict[str, Json] = {}
        if self.key:
            self._add(found, "key", "OS::Nova::KeyPair", name=self.key)
            more["key_name"] = self._ref("key")
        if self.grouped and self.placed:
            self._add(found, "rack", "OS::Nova::ServerGroup", policies=["anti-affinity"])
            more["scheduler_hints"] = {"group": self._ref("rack")}
        for n in range(self.placed):
            networks = [{"port": self._ref(f"port{n}")}]
            metadata = {"title": str(self.title)}
            self._add(
                found,
                f"server{n}",
                "OS::Nova::Server",
                networks=networks,
                metadata=metadata,
                **_SERVER,
                **more,
            )
        for n in range(self.volumes):
            self._add(found, f"volume{n}", "OS::Cinder::Volume", size=self.volume_size(n))
            if self.retained:
                found[f"{self.name}_volume{n}"]["deletion_policy"] = "Retain"
        for n in range(0 if self.unattached else min(self.placed, self.volumes)):
            volume = self._ref(f"volume{(n + self.swapped) % self.volumes}")
            server = self._ref(f"server{n}")
            self._add(
                found,
                f"attachment{n}",
                "OS::Cinder::VolumeAttachment",
                instance_uuid=server,
                volume_id=volume,
            )

    def _add_router(self, found: dict[str, Json]) -> None:
        router, door = self._ref("router"), f"{self.name}_door"
        self._add(found, "router", "OS::Neutron::Router", external_gateway_info={"network": "public"})
        self._add(found, "door", "OS::Neutron::RouterInterface", router=router, subnet=self._ref("subnet"))
        for n in range(min(self.floating, self.ports)):
            self._add(found, f"address{n}", "OS::Neutron::FloatingIP", floating_network="public")
            found[f"{self.name}_address{n}"]["depends_on"] = door
            self._add(
                found,
                f"way{n}",
                "OS::Neutron::FloatingIPAssociation",
                floatingip_id=self._ref(f"address{n}"),
                port_id=self._ref(f"port{(n + self.swapped) % self.ports}"),
            )
            found[f"{self.name}_way{n}"]["depends_on"] = door

    def _add_crowd(self, found: dict[str, Json]) -> None:
        self._add(found, "size", "OS::Heat::Value", type="number", value=self.crowd)
        found[f"{self.name}_size"]["region"] = self.crowd_from or self.region
        network = {"network": self._ref("net"), "fixed_ips": [{"subnet": self._ref("subnet")}]}
        member = {"type": "OS::Neutron::Port", "properties": network}
        count = {"get_attr": [f"{self.name}_size", "value"]}
        self._add(found, "crowd", "OS::Heat::ResourceGroup", count=count, resource_def=member)

    def _add(self, found: dict[str, Json], part: str, kind: str, /, **properties: Json) -> None:
        found[f"{self.name}_{part}"] = {"region": self.region, "type": kind, "properties": properties}

    def _ref(self, part: str) -> Json:
        return {"get_resource": f"{self.name}_{part}"}


class Blueprint(msgspec.Struct, frozen=True):
    sites: tuple[Site, ...]

    def paths(self) -> dict[str, str]:
        """The region of each resource that is recorded, members of groups too, by path."""
        found = {name: resource["region"] for name, resource in self.resources().items()}
        for site in self.sites:
            for n in range(site.crowd or 0):
                found[f"{site.name}_crowd/{n}"] = site.region
        return found

    def resources(self) -> dict[str, Json]:
        """All resources of the template by name."""
        by_name = {site.name: site for site in self.sites}
        found: dict[str, Json] = {}
        for site in self.sites:
            found |= site.resources(by_name)
        return found

    def template(self) -> str:
        """A HOT template, as JSON."""
        data = {"heat_template_version": "2018-08-31", "resources": self.resources()}
        return msgspec.json.encode(data).decode()


def draw(chance: random.Random, regions: Sequence[str], sites_max: int, with_servers: bool) -> Blueprint:
    """A blueprint of 1 to `sites_max` sites."""
    mark = _SHARED if chance.random() < 0.1 else f"{chance.getrandbits(24):06x}"
    count = chance.randint(1, sites_max)
    return Blueprint(tuple(_site(chance, regions, n, with_servers, mark) for n in range(count)))


def change(
    chance: random.Random, blueprint: Blueprint, regions: Sequence[str], with_servers: bool
) -> Blueprint:
    """The same with one or two changes: in place, replacing, adding, removing, moving."""
    sites = list(blueprint.sites)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(sites))
        site = sites[at]
        match chance.choice(
            (
                "title",
                "shape",
                "ports",
                "secret",
                "add",
                "remove",
                "move",
                "volumes",
                "door",
                "swap",
                "attach",
                "group",
                "crowd",
            )
        ):
            case "title":
                sites[at] = msgspec.structs.replace(site, title=site.title + 1)
            case "shape":
                sites[at] = msgspec.structs.replace(site, shape=site.shape + 1)
            case "ports":
                sites[at] = msgspec.structs.replace(site, ports=chance.randint(0, 3))
            case "volumes" if with_servers:
                sites[at] = msgspec.structs.replace(site, volumes=chance.randint(0, 2))
            case "secret":
                sites[at] = msgspec.structs.replace(site, secret=chance.randint(0, 3))
            case "door":
                sites[at] = msgspec.structs.replace(
                    site, routed=not site.routed, floating=chance.randint(0, 2)
                )
            case "attach":
                sites[at] = msgspec.structs.replace(site, unattached=not site.unattached)
            case "swap":
                sites[at] = msgspec.structs.replace(site, swapped=site.swapped + 1)
            case "crowd":
                sites[at] = msgspec.structs.replace(site, crowd=chance.choice((None, 0, 1, 3)))
            case "group":
                sites[at] = msgspec.structs.replace(site, grouped=not site.grouped)
            case "add":
                n = max(int(site.name[1:]) for site in sites) + 1
                sites.append(_site(chance, regions, n, with_servers, f"{chance.getrandbits(24):06x}"))
            case "remove" if len(sites) > 1:
                del sites[at]
            case "move":
                sites[at] = msgspec.structs.replace(site, region=chance.choice(regions))
    return Blueprint(tuple(sites))


def _site(chance: random.Random, regions: Sequence[str], n: int, with_servers: bool, mark: str) -> Site:
    return Site(
        name=f"s{n}",
        region=chance.choice(regions),
        ports=chance.randint(0, 2),
        servers=chance.randint(0, 2) if with_servers else 0,
        volumes=chance.randint(0, 2) if with_servers else 0,
        secret=chance.randint(0, 2),
        watches=f"s{chance.randrange(n)}" if n else "",
        retained=chance.random() < 0.1,
        routed=chance.random() < 0.3,
        floating=chance.randint(0, 2),
        key=f"key-{n}-{mark}" if chance.random() < 0.3 else "",
        grouped=chance.random() < 0.2,
        crowd=chance.randint(0, 3) if chance.random() < 0.25 else None,
        crowd_from=chance.choice(("", *regions)),
    )
