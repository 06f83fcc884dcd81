"""For every resource type: what it needs around it, its least and fullest properties, and its changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec

from global_heat.model.values import Body
from tests.unit.resources.bench import Bench

Around = dict[str, str]
"""Names of a case's own → ids of what was made for it."""
Props = dict[str, Any]
PUBLIC_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGm5c8l0x0p2cUQw3kZl1rJxJb1o8r3v0Xy4Gm9n2wq5 me@home"


class Change(msgspec.Struct, frozen=True):
    """A change of properties and what the thing's body says of it afterwards."""

    given: Callable[[Around], Props]
    expect: Callable[[Around, Body], bool]
    silent: bool = False
    """Whether it cannot be seen from outside, so that it is written each time it is asked for."""
    remade: bool = False
    """Whether the thing is gone half-way, so that who goes on makes it anew."""


class Case(msgspec.Struct, frozen=True):
    type: str
    minimal: Callable[[Around], Props]
    full: Callable[[Around], Props]
    around: Callable[[Bench], Awaitable[Around]]
    changes: dict[str, Change] = {}
    """By property, and others by words."""
    expect: Callable[[Around, Body], bool] = lambda around, body: True
    """Of what was made from the full properties."""


def to(expect: Any, key: str = "", **given: Any) -> Change:
    """A change of one property to a constant: `key` of the body is `expect` afterwards."""
    name = key or next(iter(given))
    return Change(lambda around: given, lambda around, body: bool(body[name] == expect))


async def nothing(bench: Bench) -> Around:
    return {}


async def a_network(bench: Bench) -> Around:
    net = await bench.make("OS::Neutron::Net", name="inside")
    subnet = await bench.make("OS::Neutron::Subnet", network=net.id, cidr="10.0.0.0/24", name="below")
    return {"net": net.id, "subnet": subnet.id}


async def a_port(bench: Bench) -> Around:
    around = await a_network(bench)
    group = await bench.make("OS::Neutron::SecurityGroup", name="web")
    other = await bench.make("OS::Neutron::Net", name="other")
    await bench.make("OS::Neutron::Subnet", network=other.id, cidr="10.1.0.0/24")
    return {**around, "group": group.id, "other": other.id}


async def a_router(bench: Bench) -> Around:
    around = await a_port(bench)
    router = await bench.make("OS::Neutron::Router", name="out", external_gateway_info={"network": "public"})
    return {**around, "router": router.id}


async def ports_behind_a_router(bench: Bench) -> Around:
    around = await a_router(bench)
    await bench.make("OS::Neutron::RouterInterface", router=around["router"], subnet=around["subnet"])
    fixed = [{"subnet": around["subnet"]}, {"subnet": around["subnet"], "ip_address": "10.0.0.77"}]
    first = await bench.make("OS::Neutron::Port", network=around["net"], fixed_ips=fixed)
    second = await bench.make("OS::Neutron::Port", network=around["net"], name="second")
    return {**around, "first": first.id, "second": second.id}


async def a_floating_ip(bench: Bench) -> Around:
    around = await ports_behind_a_router(bench)
    floating = await bench.make("OS::Neutron::FloatingIP", floating_network="public")
    return {**around, "floating": floating.id}


async def two_groups(bench: Bench) -> Around:
    group = await bench.make("OS::Neutron::SecurityGroup", name="web")
    other = await bench.make("OS::Neutron::SecurityGroup", name="db")
    return {"group": group.id, "other": other.id}


async def a_machine_room(bench: Bench) -> Around:
    around = await a_port(bench)
    port = await bench.make("OS::Neutron::Port", network=around["net"], name="plug")
    spare = await bench.make("OS::Neutron::Port", network=around["net"])
    key = await bench.make("OS::Nova::KeyPair", name="key", public_key=PUBLIC_KEY)
    servers = await bench.make("OS::Nova::ServerGroup")
    volume = await bench.make("OS::Cinder::Volume", size=1)
    image = await bench.make(
        "OS::Glance::WebImage",
        name="debian",
        location="http://images.test/debian",
        container_format="bare",
        disk_format="qcow2",
    )
    return {
        **around,
        "port": port.id,
        "spare": spare.id,
        "key": key.id,
        "servers": servers.id,
        "volume": volume.id,
        "image": image.id,
    }


async def a_server_and_volumes(bench: Bench) -> Around:
    await a_network(bench)
    server = await bench.make("OS::Nova::Server", flavor="m1.tiny", image="cirros")
    volume = await bench.make("OS::Cinder::Volume", size=1)
    return {"server": server.id, "volume": volume.id}


def rule(**said: Any) -> Props:
    """An inline rule as the template layer hands it over."""
    empty = dict.fromkeys(
        ("description", "port_range_max", "port_range_min", "protocol", "remote_group_id", "remote_ip_prefix")
    )
    return {
        **empty,
        "direction": "ingress",
        "ethertype": "IPv4",
        "remote_mode": "remote_ip_prefix",
        **said,
    }


def rules_of(body: Body) -> set[tuple[Any, ...]]:
    return {
        (r["direction"], r["ethertype"], r["protocol"], r["port_range_min"], r["remote_ip_prefix"])
        for r in body["security_group_rules"]
    }


_OUT = {("egress", "IPv4", None, None, None), ("egress", "IPv6", None, None, None)}
_SSH = ("ingress", "IPv4", "tcp", 22, None)
_DNS = ("ingress", "IPv4", "udp", 53, "10.0.0.0/8")


NET = Case(
    "OS::Neutron::Net",
    around=nothing,
    minimal=lambda around: {},
    full=lambda around: {
        "name": "inside",
        "admin_state_up": False,
        "availability_zone_hints": ["nova"],
        "dns_domain": "inside.example.",
        "port_security_enabled": False,
        "tags": ["a", "b"],
        "value_specs": {"mtu": 1400},
    },
    expect=lambda around, body: (
        body["name"] == "inside"
        and body["admin_state_up"] is False
        and body["availability_zone_hints"] == ["nova"]
        and body["dns_domain"] == "inside.example."
        and body["port_security_enabled"] is False
        and set(body["tags"]) == {"a", "b"}
        and body["mtu"] == 1400
    ),
    changes={
        "admin_state_up": to(True, admin_state_up=True),
        "dns_domain": to("other.example.", dns_domain="other.example."),
        "dns_domain taken away": to("", dns_domain=None),
        "name": to("else", name="else"),
        "port_security_enabled": to(True, port_security_enabled=True),
        "tags": to(["c"], tags=["c"]),
        "tags taken away": to([], tags=None),
        "value_specs": Change(
            lambda around: {"value_specs": {"mtu": 1300}}, lambda around, body: body["mtu"] == 1300
        ),
    },
)
SUBNET = Case(
    "OS::Neutron::Subnet",
    around=a_network,
    minimal=lambda around: {"network": "inside", "cidr": "10.9.0.0/24"},
    full=lambda around: {
        "network_id": around["net"],
        "name": "low",
        "cidr": "10.9.0.0/24",
        "ip_version": 4,
        "gateway_ip": "10.9.0.254",
        "enable_dhcp": False,
        "dns_nameservers": ["9.9.9.9", "1.1.1.1"],
        "allocation_pools": [{"start": "10.9.0.10", "end": "10.9.0.99"}],
        "host_routes": [{"destination": "10.7.0.0/16", "nexthop": "10.9.0.2"}],
        "tags": ["t"],
        "value_specs": {},
    },
    expect=lambda around, body: (
        body["network_id"] == around["net"]
        and body["gateway_ip"] == "10.9.0.254"
        and body["enable_dhcp"] is False
        and body["dns_nameservers"] == ["9.9.9.9", "1.1.1.1"]
        and body["allocation_pools"] == [{"start": "10.9.0.10", "end": "10.9.0.99"}]
        and body["host_routes"] == [{"destination": "10.7.0.0/16", "nexthop": "10.9.0.2"}]
        and body["tags"] == ["t"]
    ),
    changes={
        "allocation_pools": to(
            [{"start": "10.9.0.20", "end": "10.9.0.30"}],
            allocation_pools=[{"start": "10.9.0.20", "end": "10.9.0.30"}],
        ),
        "dns_nameservers": to(["1.1.1.1", "9.9.9.9"], dns_nameservers=["1.1.1.1", "9.9.9.9"]),
        "enable_dhcp": to(True, enable_dhcp=True),
        "gateway_ip": to("10.9.0.253", gateway_ip="10.9.0.253"),
        "gateway_ip that shall be none": to(None, gateway_ip=""),
        "host_routes": to([], host_routes=[]),
        "name": to("high", name="high"),
        "tags": to([], tags=[]),
        "value_specs": to([], "service_types", value_specs={"service_types": []}),
    },
)
PORT = Case(
    "OS::Neutron::Port",
    around=a_port,
    minimal=lambda around: {"network_id": "inside"},
    full=lambda around: {
        "network": around["net"],
        "name": "plug",
        "admin_state_up": False,
        "fixed_ips": [{"subnet": "below", "ip_address": "10.0.0.50"}],
        "security_groups": ["web"],
        "allowed_address_pairs": [{"ip_address": "10.0.0.200"}],
        "mac_address": "fa:16:3e:00:00:01",
        "device_owner": "us",
        "dns_name": "plug",
        "binding:vnic_type": "direct",
        "propagate_uplink_status": False,
        "tags": ["t"],
    },
    expect=lambda around, body: (
        [ip["ip_address"] for ip in body["fixed_ips"]] == ["10.0.0.50"]
        and body["security_groups"] == [around["group"]]
        and body["allowed_address_pairs"][0]["ip_address"] == "10.0.0.200"
        and body["mac_address"] == "fa:16:3e:00:00:01"
        and body["device_owner"] == "us"
        and body["dns_name"] == "plug"
        and body["binding:vnic_type"] == "direct"
        and body["propagate_uplink_status"] is False
    ),
    changes={
        "admin_state_up": to(True, admin_state_up=True),
        "allowed_address_pairs": to([], allowed_address_pairs=None),
        "binding:vnic_type": to("normal", **{"binding:vnic_type": "normal"}),
        "device_id": to("device", device_id="device"),
        "device_owner": to("them", device_owner="them"),
        "dns_name": to("plug2", dns_name="plug2"),
        "fixed_ips": Change(
            lambda around: {"fixed_ips": [{"subnet": around["subnet"], "ip_address": "10.0.0.51"}]},
            lambda around, body: [ip["ip_address"] for ip in body["fixed_ips"]] == ["10.0.0.51"],
        ),
        "fixed_ips not given any more": Change(
            lambda around: {"fixed_ips": None},
            lambda around, body: [ip["ip_address"] for ip in body["fixed_ips"]] == ["10.0.0.50"],
        ),
        "name": to("socket", name="socket"),
        "no_fixed_ips": Change(
            lambda around: {"no_fixed_ips": True, "fixed_ips": None},
            lambda around, body: body["fixed_ips"] == [],
        ),
        "port_security_enabled": Change(
            lambda around: {"port_security_enabled": False, "security_groups": []},
            lambda around, body: body["port_security_enabled"] is False,
        ),
        "security_groups": Change(
            lambda around: {"security_groups": None},
            lambda around, body: (
                len(body["security_groups"]) == 1 and around["group"] not in body["security_groups"]
            ),
        ),
        "security_groups to none": to([], security_groups=[]),
        "tags": to(["u"], tags=["u"]),
        "value_specs": to("numa", "numa_affinity_policy", value_specs={"numa_affinity_policy": "numa"}),
    },
)
ROUTER = Case(
    "OS::Neutron::Router",
    around=nothing,
    minimal=lambda around: {},
    full=lambda around: {
        "name": "out",
        "admin_state_up": False,
        "availability_zone_hints": ["nova"],
        "external_gateway_info": {"network": "public", "enable_snat": None, "external_fixed_ips": None},
        "ha": False,
        "distributed": False,
        "tags": ["t"],
    },
    expect=lambda around, body: (
        body["external_gateway_info"]["network_id"] != "public"
        and body["external_gateway_info"]["external_fixed_ips"] != []
        and body["tags"] == ["t"]
    ),
    changes={
        "admin_state_up": to(True, admin_state_up=True),
        "external_gateway_info": to(None, external_gateway_info=None),
        "name": to("other", name="other"),
        "tags": to(["u"], tags=["u"]),
        "value_specs": Change(
            lambda around: {"value_specs": {"description": "mine"}},
            lambda around, body: body["description"].startswith("mine gh1-"),
        ),
    },
)
ROUTER_INTERFACE = Case(
    "OS::Neutron::RouterInterface",
    around=a_router,
    minimal=lambda around: {"router_id": around["router"], "subnet_id": around["subnet"]},
    full=lambda around: {"router": "out", "subnet": "below"},
    expect=lambda around, body: body["device_id"] == around["router"],
)
FLOATING_IP = Case(
    "OS::Neutron::FloatingIP",
    around=ports_behind_a_router,
    minimal=lambda around: {"floating_network": "public"},
    full=lambda around: {
        "floating_network_id": "public",
        "floating_subnet": "public-subnet",
        "floating_ip_address": "172.24.3.3",
        "port_id": around["first"],
        "fixed_ip_address": "10.0.0.77",
        "value_specs": {"description": "mine"},
    },
    expect=lambda around, body: (
        body["port_id"] == around["first"]
        and body["fixed_ip_address"] == "10.0.0.77"
        and body["floating_ip_address"] == "172.24.3.3"
    ),
    changes={
        "port_id": Change(
            lambda around: {"port_id": "second", "fixed_ip_address": None},
            lambda around, body: body["port_id"] == around["second"],
        ),
        "port_id taken away": to(None, "port_id", port_id=None, fixed_ip_address=None),
        "fixed_ip_address": Change(
            lambda around: {"fixed_ip_address": "10.0.0.77"},
            lambda around, body: (
                (body["port_id"], body["fixed_ip_address"]) == (around["first"], "10.0.0.77")
            ),
        ),
    },
)
FLOATING_IP_ASSOCIATION = Case(
    "OS::Neutron::FloatingIPAssociation",
    around=a_floating_ip,
    minimal=lambda around: {"floatingip_id": around["floating"], "port_id": around["first"]},
    full=lambda around: {
        "floatingip_id": around["floating"],
        "port_id": around["first"],
        "fixed_ip_address": "10.0.0.77",
    },
    expect=lambda around, body: body["fixed_ip_address"] == "10.0.0.77",
    changes={
        "fixed_ip_address": Change(
            lambda around: {"fixed_ip_address": None},
            lambda around, body: body["fixed_ip_address"] != "10.0.0.77",
            silent=True,
        ),
    },
)
SECURITY_GROUP = Case(
    "OS::Neutron::SecurityGroup",
    around=nothing,
    minimal=lambda around: {},
    full=lambda around: {
        "name": "web",
        "description": "what may come in",
        "stateful": False,
        "rules": [
            rule(protocol="tcp", port_range_min=22, port_range_max=22, description="ssh"),
            rule(protocol="UDP", port_range_min=53, port_range_max=53, remote_ip_prefix="10.1.2.3/8"),
        ],
    },
    expect=lambda around, body: (
        rules_of(body) == _OUT | {_SSH, ("ingress", "IPv4", "udp", 53, "10.1.2.3/8")}
        and body["description"].startswith("what may come in gh1-")
        and body["stateful"] is False
    ),
    changes={
        "description": Change(
            lambda around: {"description": None}, lambda around, body: body["description"].startswith("gh1-")
        ),
        "name": to("www", name="www"),
        "rules": Change(
            lambda around: {"rules": [rule(protocol="tcp", port_range_min=22, port_range_max=22)]},
            lambda around, body: rules_of(body) == _OUT | {_SSH},
        ),
        "rules for what goes out": Change(
            lambda around: {"rules": [rule(direction="egress", protocol="tcp")], "name": "out"},
            lambda around, body: (
                rules_of(body) == {("egress", "IPv4", "tcp", None, None)} and body["name"] == "out"
            ),
        ),
        "rules for the group itself": Change(
            lambda around: {"rules": [rule(remote_mode="remote_group_id")]},
            lambda around, body: (
                [r["remote_group_id"] for r in body["security_group_rules"] if r["direction"] == "ingress"]
                == [body["id"]]
            ),
        ),
        "stateful": to(True, stateful=True),
    },
)
SECURITY_GROUP_RULE = Case(
    "OS::Neutron::SecurityGroupRule",
    around=two_groups,
    minimal=lambda around: {"security_group": "web"},
    full=lambda around: {
        "security_group": around["group"],
        "description": "from the database",
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": "tcp",
        "port_range_min": 80,
        "port_range_max": 81,
        "remote_group": "db",
    },
    expect=lambda around, body: (
        (body["port_range_min"], body["port_range_max"], body["remote_group_id"]) == (80, 81, around["other"])
    ),
)
VOLUME = Case(
    "OS::Cinder::Volume",
    around=nothing,
    minimal=lambda around: {"size": 1},
    full=lambda around: {
        "size": 2,
        "name": "disk",
        "description": "a disk",
        "availability_zone": "nova",
        "volume_type": "standard",
        "image": "cirros",
        "metadata": {"a": "b", "n": 1},
        "read_only": True,
        "scheduler_hints": {"same_host": []},
    },
    expect=lambda around, body: (
        (body["size"], body["name"], body["description"], body["volume_type"])
        == (2, "disk", "a disk", "standard")
        and body["bootable"] == "true"
        and body["metadata"]["a"] == "b"
        and body["metadata"]["n"] == "1"
        and body["metadata"]["readonly"] == "True"
    ),
    changes={
        "description": to("", description=None),
        "metadata": Change(
            lambda around: {"metadata": {"c": "d"}},
            lambda around, body: body["metadata"].keys() == {"c", "gh_token"},
        ),
        "name": to("drive", name="drive"),
        "read_only": Change(
            lambda around: {"read_only": False},
            lambda around, body: body["metadata"]["readonly"] == "False",
        ),
        "size": to(3, size=3),
        "volume_type": to("fast", volume_type="fast"),
    },
)
VOLUME_ATTACHMENT = Case(
    "OS::Cinder::VolumeAttachment",
    around=a_server_and_volumes,
    minimal=lambda around: {"instance_uuid": around["server"], "volume_id": around["volume"]},
    full=lambda around: {
        "instance_uuid": around["server"],
        "volume_id": around["volume"],
        "mountpoint": "/dev/vdx",
    },
    expect=lambda around, body: body["device"] == "/dev/vdx" and body["status"] == "in-use",
    changes={
        "mountpoint": Change(
            lambda around: {"mountpoint": "/dev/vdy"},
            lambda around, body: body["device"] == "/dev/vdy",
            remade=True,
        )
    },
)
WEB_IMAGE = Case(
    "OS::Glance::WebImage",
    around=nothing,
    minimal=lambda around: {
        "location": "http://images.test/cirros",
        "container_format": "bare",
        "disk_format": "qcow2",
    },
    full=lambda around: {
        "id": "11111111-2222-4333-8444-555555555555",
        "name": "debian",
        "location": "http://images.test/debian",
        "container_format": "bare",
        "disk_format": "qcow2",
        "min_disk": 1,
        "min_ram": 64,
        "tags": ["a", "b"],
    },
    expect=lambda around, body: (
        (body["name"], body["min_disk"], body["min_ram"], body["status"]) == ("debian", 1, 64, "active")
        and body["id"] == "11111111-2222-4333-8444-555555555555"
        and set(body["tags"]) == {"a", "b"}
    ),
    changes={
        "tags": Change(
            lambda around: {"tags": ["b", "c"]}, lambda around, body: set(body["tags"]) == {"b", "c"}
        )
    },
)
KEY_PAIR = Case(
    "OS::Nova::KeyPair",
    around=nothing,
    minimal=lambda around: {"name": "a key/pair"},
    full=lambda around: {"name": "mine", "public_key": PUBLIC_KEY, "type": "ssh", "save_private_key": False},
    expect=lambda around, body: body["public_key"] == PUBLIC_KEY,
)
SERVER_GROUP = Case(
    "OS::Nova::ServerGroup",
    around=nothing,
    minimal=lambda around: {},
    full=lambda around: {
        "name": "apart",
        "policies": ["anti-affinity"],
        "rules": {"max_server_per_host": 3.0},
    },
    expect=lambda around, body: (
        body["name"].startswith("apart gh1-")
        and (body["policy"], body["rules"]) == ("anti-affinity", {"max_server_per_host": 3})
    ),
)
SERVER = Case(
    "OS::Nova::Server",
    around=a_machine_room,
    minimal=lambda around: {"flavor": "m1.tiny", "image": "cirros", "networks": [{"network": "inside"}]},
    full=lambda around: {
        "name": "www",
        "flavor": "m1.small",
        "image": "cirros",
        "key_name": "key",
        "availability_zone": "nova",
        "config_drive": True,
        "diskConfig": "MANUAL",
        "admin_pass": "secret",
        "metadata": {"role": "web", "n": 1},
        "tags": ["t"],
        "networks": [{"port": "plug"}, {"subnet": "below"}],
        "scheduler_hints": {"group": around["servers"]},
        "user_data": "#!/bin/sh\necho hello\n",
        "user_data_format": "RAW",
        "block_device_mapping_v2": [{"volume_id": around["volume"], "boot_index": -1}],
    },
    expect=lambda around, body: (
        (body["name"], body["key_name"], body["tags"], body["config_drive"]) == ("www", "key", ["t"], "True")
        and body["metadata"]["role"] == "web"
        and body["metadata"]["n"] == "1"
        and len(body["interfaces"]) == 2
        and body["interfaces"][0]["port_id"] == around["port"]
        and body["server_groups"] == [around["servers"]]
        and body["flavor"]["original_name"] == "m1.small"
        and [v["id"] for v in body["os-extended-volumes:volumes_attached"]] == [around["volume"]]
    ),
    changes={
        "admin_pass": Change(lambda around: {"admin_pass": "other"}, lambda around, body: True, silent=True),
        "flavor": Change(
            lambda around: {"flavor": "m1.medium"},
            lambda around, body: (
                body["flavor"]["original_name"] == "m1.medium" and body["status"] == "ACTIVE"
            ),
        ),
        "image": Change(
            lambda around: {"image": "debian"}, lambda around, body: body["image"]["id"] == around["image"]
        ),
        "metadata": Change(
            lambda around: {"metadata": {"role": "db"}},
            lambda around, body: body["metadata"].keys() == {"role", "gh_token"},
        ),
        "name": to("www2", name="www2"),
        "networks": Change(
            lambda around: {"networks": [{"network": around["net"]}, {"port": around["spare"]}]},
            lambda around, body: (
                len(body["interfaces"]) == 2
                and around["port"] not in {i["port_id"] for i in body["interfaces"]}
                and around["spare"] in {i["port_id"] for i in body["interfaces"]}
            ),
        ),
        "tags": to([], tags=None),
        "user_data": Change(
            lambda around: {"user_data": "#!/bin/sh\n", "user_data_update_policy": "REBUILD"},
            lambda around, body: body["status"] == "ACTIVE",
            silent=True,
        ),
    },
)
CASES = [
    NET,
    SUBNET,
    PORT,
    ROUTER,
    ROUTER_INTERFACE,
    FLOATING_IP,
    FLOATING_IP_ASSOCIATION,
    SECURITY_GROUP,
    SECURITY_GROUP_RULE,
    VOLUME,
    VOLUME_ATTACHMENT,
    WEB_IMAGE,
    KEY_PAIR,
    SERVER_GROUP,
    SERVER,
]
