"""A server's interfaces: what is wished, what Nova is told, what differs."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId
from global_heat.model.token import token_in
from global_heat.model.values import Body, Json, Properties, Unknown
from global_heat.regions.cloud import Cloud, Gone
from global_heat.resources.comparing import given
from global_heat.resources.lookup import find_id

_NOT_YET = ("floating_ip", "port_extra_properties")
_PLACES = ("network", "uuid", "port", "subnet", "allocate_network")


def interface_gaps(props: Properties) -> list[str]:
    """What is said of interfaces and cannot be carried out yet."""
    networks = props.get("networks") or []
    wishes = enumerate(networks) if isinstance(networks, list) else ()
    return [
        f"networks[{index}].{name}"
        for index, wish in wishes
        for name in _NOT_YET
        if isinstance(wish, dict) and name in given(wish)
    ]


def interface_faults(props: Properties) -> list[str]:
    networks = props.get("networks") or []
    if not isinstance(networks, list):
        return []
    faults = []
    for index, wish in enumerate(networks):
        if not isinstance(wish, dict):
            continue
        where = f"networks[{index}]"
        said = given(wish)
        if not any(name in said for name in _PLACES):
            faults.append(f"{where}: one of network, port and subnet must be given")
        if "network" in said and "uuid" in said:
            faults.append(f"{where}: network and uuid cannot be given together")
        if "port" in said and "fixed_ip" in said:
            faults.append(f"{where}: fixed_ip and port cannot be given together")
        if "allocate_network" in said and (len(networks) > 1 or len(said) > 1):
            faults.append(f"{where}: allocate_network stands alone")
    ports = any(isinstance(wish, dict) and wish.get("port") is not None for wish in networks)
    if ports and props.get("security_groups"):
        faults.append(
            "security_groups and networks with a port cannot be given together: give them to the port"
        )
    return faults


async def resolve_interfaces(cloud: Cloud, networks: Json) -> Json:
    """`auto`, `none`, or interfaces with `port` or `network` as ids. Raises `Invalid`."""
    if isinstance(networks, str | Unknown):
        return networks
    if not networks:
        return await _any_or_none(cloud)
    words = [wish["allocate_network"] for wish in networks if wish.get("allocate_network")]
    if words:
        return words[0]
    return [await _resolve(cloud, given(wish)) for wish in networks]


def networks_of(interfaces: Json) -> Json:
    """`networks` of a POST."""
    if isinstance(interfaces, str):
        return interfaces
    return [
        {"port": wish["port"], **_tag(wish)}
        if "port" in wish
        else {
            "uuid": wish["network"],
            **({"fixed_ip": wish["fixed_ip"]} if "fixed_ip" in wish else {}),
            **_tag(wish),
        }
        for wish in interfaces
    ]


async def ports_of(cloud: Cloud, id: PhysicalId) -> list[Body]:
    """The ports that the server has."""
    ports = await cloud.list("network", "/ports", "ports", {"device_id": id})
    return [port for port in ports if port.get("device_id") == id]


def differing(interfaces: Sequence[Body], ports: Sequence[Body]) -> tuple[list[Body], list[Body]]:
    """The ports to take away and the interfaces to add.

    A port that a template made serves only who names it: on a network alone, Nova's own are meant.
    """
    left = list(ports)
    missing = []
    for wish in sorted(interfaces, key=lambda one: ("port" not in one, "fixed_ip" not in one)):
        found = next((port for port in left if _serves(port, wish)), None)
        if found is None:
            missing.append(wish)
        else:
            left.remove(found)
    return left, missing


async def detach(cloud: Cloud, id: PhysicalId, port: Body) -> None:
    try:
        await cloud.delete("compute", f"/servers/{id}/os-interface/{port['id']}")
    except Gone:
        return


async def attach(cloud: Cloud, id: PhysicalId, wish: Body) -> None:
    if "port" in wish:
        attachment: Body = {"port_id": wish["port"]}
    else:
        attachment = {"net_id": wish["network"]}
        if "fixed_ip" in wish:
            attachment["fixed_ips"] = [{"ip_address": wish["fixed_ip"]}]
    path = f"/servers/{id}/os-interface"
    await cloud.post("compute", path, {"interfaceAttachment": {**attachment, **_tag(wish)}})


def _serves(port: Body, wish: Body) -> bool:
    if "port" in wish:
        return bool(port["id"] == wish["port"])
    addresses = [fixed_ip["ip_address"] for fixed_ip in port.get("fixed_ips") or ()]
    return (
        port["network_id"] == wish["network"]
        and ("fixed_ip" not in wish or wish["fixed_ip"] in addresses)
        and token_in(port.get("description")) is None
    )


def _tag(wish: Body) -> Body:
    return {"tag": wish["tag"]} if "tag" in wish else {}


async def _any_or_none(cloud: Cloud) -> str:
    """Who names no network gets the one there is, or none if there is none."""
    for network in await cloud.list("network", "/networks", "networks"):
        owner = network.get("project_id", network.get("tenant_id"))
        if (owner == cloud.project or network.get("shared")) and not network.get("router:external"):
            return "auto"
    return "none"


async def _resolve(cloud: Cloud, wish: Body) -> Body:
    extra: Body = {name: wish[name] for name in ("fixed_ip", "tag") if name in wish}
    if "port" in wish:
        return {"port": await find_id(cloud, "network", "/ports", "ports", wish["port"]), **extra}
    named = wish.get("network") or wish.get("uuid")
    network = await find_id(cloud, "network", "/networks", "networks", named)
    if "subnet" in wish:
        network = await _network_of(cloud, wish, network)
    return {"network": network, **extra}


async def _network_of(cloud: Cloud, wish: Body, network: Json) -> Json:
    """The network of the subnet. Nova cannot be told a subnet: the network must leave it no choice."""
    id = await find_id(cloud, "network", "/subnets", "subnets", wish["subnet"])
    subnet = (await cloud.get("network", f"/subnets/{id}"))["subnet"]
    owner = subnet["network_id"]
    if network and network != owner:
        raise Invalid(f"subnet {wish['subnet']} is not one of network {wish.get('network') or wish['uuid']}")
    if "fixed_ip" not in wish:
        for other in await cloud.list("network", "/subnets", "subnets", {"network_id": owner}):
            same_network = other["network_id"] == owner and other["id"] != id
            if same_network and other["ip_version"] == subnet["ip_version"]:
                raise Invalid(
                    f"the network of subnet {wish['subnet']} has other subnets, and Nova would choose among "
                    "them: make an OS::Neutron::Port with that subnet and name it under port"
                )
    return owner
