"""A server's addresses as Heat's attributes give them."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.model.values import Body, Json


def networks(body: Body) -> dict[str, list[str]]:
    """Addresses by the name of their network, in the order of the names."""
    found = body.get("addresses") or {}
    return {name: [row["addr"] for row in found[name]] for name in sorted(found)}


def first(networks: dict[str, list[str]]) -> str:
    """The first address of the network whose name comes last, as Heat chooses; empty when there is none."""
    return next((networks[name][0] for name in sorted(networks, reverse=True) if networks[name]), "")


def with_ids(networks: dict[str, list[str]], interfaces: Sequence[Body]) -> dict[str, list[str]]:
    """The same lists also under the ids of their networks."""
    ids = {}
    for interface in interfaces:
        for row in interface.get("fixed_ips") or ():
            for listed in networks.values():
                if row["ip_address"] in listed:
                    ids[interface["net_id"]] = listed
    return {**networks, **ids}


def with_ports(body: Body, interfaces: Sequence[Body]) -> dict[str, Json]:
    """Nova's addresses with the port of each, also under the ids of their networks."""
    ports = {
        (row["ip_address"], interface["mac_addr"]): interface
        for interface in interfaces
        for row in interface.get("fixed_ips") or ()
    }
    found: dict[str, Json] = {}
    for name, rows in (body.get("addresses") or {}).items():
        holders = [ports.get((row["addr"], row.get("OS-EXT-IPS-MAC:mac_addr"))) for row in rows]
        extended = [
            {**row, "port": holder["port_id"] if holder else None}
            for row, holder in zip(rows, holders, strict=True)
        ]
        found[name] = extended
        for holder in holders:
            if holder is not None:
                found[holder["net_id"]] = extended
    return found
