"""Templates by chance, and changes of them: what a simulated user asks for."""

from __future__ import annotations

import random
from collections.abc import Sequence

import msgspec

from global_heat.model.values import Json

_SERVER = {"flavor": "m1.small", "image": "cirros"}


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

    def resources(self, sites: dict[str, Site]) -> dict[str, Json]:
        """Its part of a template."""
        here = {"region": self.region}
        net, subnet = f"{self.name}_net", f"{self.name}_subnet"
        found: dict[str, Json] = {
            net: {**here, "type": "OS::Neutron::Net", "properties": {"name": f"{self.name}-{self.title}"}},
            subnet: {
                **here,
                "type": "OS::Neutron::Subnet",
                "properties": {"network": {"get_resource": net}, "cidr": f"10.{self.shape}.0.0/24"},
            },
        }
        for n in range(self.ports):
            found[f"{self.name}_port{n}"] = self._port(net, subnet)
        for n in range(min(self.servers, self.ports)):
            found[f"{self.name}_server{n}"] = {
                **here,
                "type": "OS::Nova::Server",
                "properties": _SERVER
                | {"networks": [{"port": {"get_resource": f"{self.name}_port{n}"}}]}
                | {"metadata": {"title": str(self.title)}},
            }
        for n in range(self.volumes):
            found[f"{self.name}_volume{n}"] = self._volume(n)
            if n < min(self.servers, self.ports):
                found[f"{self.name}_attachment{n}"] = self._attachment(n)
        if self.secret:
            properties = {"length": 16 + self.secret}
            found[f"{self.name}_secret"] = here | {"type": "OS::Heat::RandomString", "properties": properties}
        if self.watches in sites and sites[self.watches].ports:
            address = {"get_attr": [f"{self.watches}_port0", "fixed_ips", 0, "ip_address"]}
            found[f"{self.name}_note"] = {
                **here,
                "type": "OS::Heat::Value",
                "properties": {"type": "string", "value": address},
            }
        return found

    def _port(self, net: str, subnet: str) -> Json:
        return {
            "region": self.region,
            "type": "OS::Neutron::Port",
            "properties": {
                "network": {"get_resource": net},
                "fixed_ips": [{"subnet": {"get_resource": subnet}}],
            },
        }

    def _volume(self, n: int) -> Json:
        volume: dict[str, Json] = {
            "region": self.region,
            "type": "OS::Cinder::Volume",
            "properties": {"size": 1 + self.title % 3 if n == 0 else 1},
        }
        return volume | ({"deletion_policy": "Retain"} if self.retained else {})

    def _attachment(self, n: int) -> Json:
        return {
            "region": self.region,
            "type": "OS::Cinder::VolumeAttachment",
            "properties": {
                "instance_uuid": {"get_resource": f"{self.name}_server{n}"},
                "volume_id": {"get_resource": f"{self.name}_volume{n}"},
            },
        }


class Blueprint(msgspec.Struct, frozen=True):
    sites: tuple[Site, ...]

    def template(self) -> str:
        """A HOT template, as JSON."""
        by_name = {site.name: site for site in self.sites}
        resources: dict[str, Json] = {}
        for site in self.sites:
            resources |= site.resources(by_name)
        data = {"heat_template_version": "2018-08-31", "resources": resources}
        return msgspec.json.encode(data).decode()


def draw(chance: random.Random, regions: Sequence[str], sites_max: int, with_servers: bool) -> Blueprint:
    """A blueprint of 1 to `sites_max` sites."""
    return Blueprint(
        tuple(_site(chance, regions, n, with_servers) for n in range(chance.randint(1, sites_max)))
    )


def change(
    chance: random.Random, blueprint: Blueprint, regions: Sequence[str], with_servers: bool
) -> Blueprint:
    """The same with one or two changes: in place, replacing, adding, removing, moving."""
    sites = list(blueprint.sites)
    for _ in range(chance.randint(1, 2)):
        at = chance.randrange(len(sites))
        site = sites[at]
        match chance.choice(("title", "shape", "ports", "secret", "add", "remove", "move", "volumes")):
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
            case "add":
                n = max(int(site.name[1:]) for site in sites) + 1
                sites.append(_site(chance, regions, n, with_servers))
            case "remove" if len(sites) > 1:
                del sites[at]
            case "move":
                sites[at] = msgspec.structs.replace(site, region=chance.choice(regions))
    return Blueprint(tuple(sites))


def _site(chance: random.Random, regions: Sequence[str], n: int, with_servers: bool) -> Site:
    return Site(
        name=f"s{n}",
        region=chance.choice(regions),
        ports=chance.randint(0, 2),
        servers=chance.randint(0, 2) if with_servers else 0,
        volumes=chance.randint(0, 2) if with_servers else 0,
        secret=chance.randint(0, 2),
        watches=f"s{chance.randrange(n)}" if n else "",
    )
