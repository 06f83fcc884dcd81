"""The custom constraints that look at a value alone, and the names of those that ask a service."""

from __future__ import annotations

import ipaddress
import json
import re
import zoneinfo
from collections.abc import Callable
from datetime import datetime

NAME_CHARACTERS_MAX = 255
LABEL_CHARACTERS_MAX = 63

_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAC = re.compile(
    r"([0-9A-Fa-f]{1,2}[:-]){5}[0-9A-Fa-f]{1,2}|[0-9A-Fa-f]{12}|([0-9A-Fa-f]{1,4}\.){2}[0-9A-Fa-f]{1,4}"
)
_DATE = re.compile(r"([0-9]{4})(?:$|-([0-9]{1,2})(?:$|-([0-9]{1,2})(?=$|[ T])))")
_CRON_FIELD = re.compile(r"(\*|\d+)(?:-(\d+))?(?:/(\d+))?")
_CRON_WORDS = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"}
_CRON_LAST_DAY = 2, "l"
"""The field in which a letter stands for a day, the last one of the month."""
_CRON_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7), (0, 59))
_CRON_NAMES = {
    name: str(number)
    for names, first in (
        ("jan feb mar apr may jun jul aug sep oct nov dec", 1),
        ("sun mon tue wed thu fri sat", 0),
    )
    for number, name in enumerate(names.split(), first)
}


def _ip_addr(value: str) -> str | None:
    try:
        if "%" in value:
            raise ValueError
        ipaddress.ip_address(value)
    except ValueError:
        return "is not an IP address"
    return None


def _net_cidr(value: str) -> str | None:
    try:
        if "/" in value and value.rpartition("/")[2].isdigit():
            ipaddress.ip_network(value, strict=False)
            return None
    except ValueError:
        pass
    return "is not a network in CIDR notation, such as 10.0.0.0/24"


def _ip_or_cidr(value: str) -> str | None:
    return _net_cidr(value) if "/" in value else _ip_addr(value)


def _mac_addr(value: str) -> str | None:
    return None if _MAC.fullmatch(value) else "is not a MAC address"


def _rel_dns_name(value: str) -> str | None:
    return "is not relative: it ends with a dot" if value.endswith(".") else _labels(value)


def _labels(value: str) -> str | None:
    name = value.removesuffix(".")
    if not name or len(value) > NAME_CHARACTERS_MAX:
        return f"is not a DNS name of 1 to {NAME_CHARACTERS_MAX} characters"
    if all(_LABEL.fullmatch(label) for label in name.split(".")):
        return None
    return f"is not a DNS name of labels of 1 to {LABEL_CHARACTERS_MAX} letters, digits and hyphens"


def _dns_name(value: str) -> str | None:
    fault = _labels(value)
    if fault is None and value.endswith(".") and value.removesuffix(".").rsplit(".", 1)[-1].isdigit():
        return "is not a DNS name: its last label is a number"
    return fault


def _dns_domain(value: str) -> str | None:
    if not value.endswith("."):
        return 'does not end with "."'
    return _dns_name(value)


def _cron_expression(value: str) -> str | None:
    fields = value.lower().split()
    if value.lower() in _CRON_WORDS:
        return None
    if len(fields) not in (5, 6):
        return "is not a cron expression of five or six fields"
    for place, (field, (low, high)) in enumerate(zip(fields, _CRON_RANGES, strict=False)):
        for part in field.split(","):
            if (place, part) == _CRON_LAST_DAY:
                continue
            for name, number in _CRON_NAMES.items():
                part = part.replace(name, number)
            found = _CRON_FIELD.fullmatch(part)
            if found is None or not all(low <= int(n) <= high for n in found.groups()[:2] if n and n != "*"):
                return f'is not a cron expression: "{field}" is not acceptable'
    return None


def _timezone(value: str) -> str | None:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        return "is not the name of a time zone"
    return None


def _moment(value: str) -> str | None:
    """Month and day may have one digit, and a date may end before them."""
    try:
        if "W" in value:
            raise ValueError
        if date := _DATE.match(value):
            year, month, day = date.groups(default="1")
            value = f"{year}-{month:0>2}-{day:0>2}{value[date.end() :]}"
        datetime.fromisoformat(value)
    except ValueError:
        return "is not a time in ISO 8601"
    return None


def _json_string(value: str) -> str | None:
    try:
        json.loads(value)
    except (ValueError, RecursionError):
        return "is not JSON"
    return None


def anything(value: str) -> str | None:
    """Of constraints that no value violates."""
    return None


SYNTAX: dict[str, Callable[[str], str | None]] = {
    "cron_expression": _cron_expression,
    "dns_domain": _dns_domain,
    "dns_name": _dns_name,
    "expiration": lambda value: _moment(value.strip()),
    "ip_addr": _ip_addr,
    "ip_or_cidr": _ip_or_cidr,
    "iso_8601": _moment,
    "json_string": _json_string,
    "mac_addr": _mac_addr,
    "net_cidr": _net_cidr,
    "nova.network": anything,
    "rel_dns_name": _rel_dns_name,
    "test_constr": anything,
    "timezone": _timezone,
}
"""By the constraint's name; the answer says what is wrong, None: nothing."""
ALWAYS_TEXT = frozenset({"ip_addr", "ip_or_cidr", "iso_8601", "mac_addr", "net_cidr"})
"""Those that 0 and false violate like any number; the others take whatever is empty, as in Heat."""

_LOOKED_UP = """
    barbican.container barbican.secret blazar.reservation
    cinder.backup cinder.qos_specs cinder.snapshot cinder.volume cinder.vtype
    designate.zone glance.image ironic.node ironic.portgroup
    keystone.domain keystone.group keystone.project keystone.region keystone.role keystone.service
    keystone.user magnum.cluster_template
    manila.share_network manila.share_snapshot manila.share_type mistral.workflow
    neutron.address_scope neutron.flow_classifier neutron.lbaas.listener neutron.lbaas.loadbalancer
    neutron.lbaas.pool neutron.lbaas.provider neutron.network neutron.port neutron.port_pair
    neutron.port_pair_group neutron.qos_policy neutron.router neutron.security_group neutron.segment
    neutron.subnet neutron.subnetpool neutron.taas.tap_flow neutron.taas.tap_service
    nova.flavor nova.host nova.keypair nova.server
    octavia.availabilityzone octavia.availabilityzoneprofile octavia.flavor octavia.flavorprofile
    octavia.l7policy octavia.listener octavia.loadbalancer octavia.pool trove.flavor zaqar.queue
    """
LOOKED_UP = frozenset(_LOOKED_UP.split())
"""The constraints that ask a service of the region whether a thing exists."""
