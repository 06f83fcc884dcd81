"""Microversions: which the caller asked for, and what the answer says of it."""

from __future__ import annotations

import re

from global_heat.sim.cloud.errors import fault
from global_heat.sim.cloud.wire import Call, Version

_NUMBER = re.compile(r"(\d+)\.(\d+)")


def microversion(call: Call, service: str, oldest: Version, newest: Version) -> Version:
    """Read `OpenStack-API-Version: <service> X.Y`. Raises Refusal 406 for what is not spoken."""
    wished = ""
    for part in call.headers.get("openstack-api-version", "").split(","):
        name, _, number = part.strip().partition(" ")
        if name == service:
            wished = number.strip()
    if not wished and service == "compute":
        wished = call.headers.get("x-openstack-nova-api-version", "")
    if not wished:
        return oldest
    if wished == "latest":
        return newest
    found = _NUMBER.fullmatch(wished)
    if found is None:
        raise fault(400, f"API Version String '{wished}' is of invalid format.")
    version = (int(found.group(1)), int(found.group(2)))
    if not oldest <= version <= newest:
        raise fault(
            406,
            f"Version {wished} is not supported by the API. Minimum is {text(oldest)} and maximum is "
            f"{text(newest)}.",
        )
    return version


def text(version: Version) -> str:
    return f"{version[0]}.{version[1]}"
