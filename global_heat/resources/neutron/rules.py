"""What a security group's rule says: as templates write it, as Neutron keeps it; when two are equal."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from global_heat.model.values import Body, Json, Unknown

Key = tuple[Json, ...]
_IPV6_ICMP = frozenset({"icmpv6", "ipv6-icmp", "58"})
_ICMP = frozenset({"icmp", "1"}) | _IPV6_ICMP
_PORTED = frozenset({"tcp", "udp", "6", "17", "dccp", "33", "sctp", "132", "udplite", "136"})
_ANY = frozenset({None, "", "any"})


def rule_body(rule: Mapping[str, Json]) -> Body:
    """What a POST says of a rule, its group left out."""
    protocol = rule.get("protocol")
    return {
        "direction": rule.get("direction") or "ingress",
        "ethertype": rule.get("ethertype") or "IPv4",
        "protocol": None if protocol in _ANY else str(protocol).lower(),
        "port_range_min": rule.get("port_range_min"),
        "port_range_max": rule.get("port_range_max"),
        "remote_ip_prefix": rule.get("remote_ip_prefix"),
        "remote_group_id": rule.get("remote_group_id"),
    }


def rule_faults(rule: Mapping[str, Json]) -> list[str]:
    """What Neutron would refuse, known before it is asked."""
    low, high, protocol = rule.get("port_range_min"), rule.get("port_range_max"), rule.get("protocol")
    if any(isinstance(value, Unknown) for value in (low, high, protocol)):
        return []
    faults = []
    if protocol in _ANY and (low is not None or high is not None):
        faults.append("a port range needs a protocol")
    if protocol is not None and str(protocol).lower() in _PORTED:
        if (low is None) != (high is None):
            faults.append("port_range_min and port_range_max go together")
        elif low is not None and low > high:
            faults.append("port_range_min must not be greater than port_range_max")
    if low is None and high is not None and str(protocol).lower() in _ICMP:
        faults.append("an ICMP code (port_range_max) needs a type (port_range_min)")
    return faults


def rule_key(rule: Body) -> Key:
    """What makes two rules of a group the same to Neutron; equal for a wish and what it became."""
    protocol = rule.get("protocol")
    protocol = None if protocol in _ANY else str(protocol).lower()
    if protocol in _IPV6_ICMP:
        protocol = "ipv6-icmp"
    return (
        rule.get("direction"),
        rule.get("ethertype"),
        protocol,
        rule.get("port_range_min"),
        rule.get("port_range_max"),
        _network(rule.get("remote_ip_prefix"), rule.get("ethertype")),
        rule.get("remote_group_id"),
    )


def _network(prefix: str | None, ethertype: Json) -> str | None:
    """A prefix as Neutron writes it; all addresses is as good as none."""
    if prefix is None:
        return None
    try:
        network = ipaddress.ip_network(prefix, strict=False)
    except ValueError:
        return prefix
    return None if network.prefixlen == 0 else str(network)
