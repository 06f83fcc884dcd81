"""What a lab writes for the processes that it runs: configurations, keys."""

from __future__ import annotations

import base64
import secrets
from pathlib import Path
from typing import Any

import yaml

from global_heat.cli.lab.layout import Lab, LabRegion, LabReplica
from global_heat.cli.lab.network import HOST
from global_heat.model.names import Region
from global_heat.regions.registry import RegionSpec
from global_heat.store.etcd.server import Address, Options

CLOUD = "lab"
"""The name of the one cloud that all regions belong to."""
LEASE_SECONDS = 6.0
SERVICE = ("global-heat", "global-heat", "service")
"""The service's user, password and project in the fake Keystone."""
_SWEEP_SECONDS = 3.0
_INVENTORY_SECONDS = 30.0
"""Nobody who plays with a lab waits for an hour."""
_BUSY_SECONDS_MAX = 60.0
"""The lab's clouds are quicker than real ones with what is in use, too."""
_TRUST_SECONDS = 60.0
_HEARTBEAT_MILLISECONDS = 100
KEY_FILE = "sealing.key"
"""In the lab's directory: what all replicas seal with, as base64."""


def region_record(lab: Lab, region: LabRegion) -> RegionSpec:
    """How a region is registered. Its cloud is quicker than a real one has to be."""
    return RegionSpec(
        name=Region(region.name),
        auth_url=region.auth_url,
        cloud=CLOUD,
        exec_seconds=5.0,
        lag_seconds=1.0,
        skew_seconds=1.0,
        distances={
            Region(other.name): lab.rtt_seconds(region.name, other.name)
            for other in lab.regions
            if other is not region
        },
    )


def write_replica(lab: Lab, replica: LabReplica, directory: Path) -> Path:
    """Write a replica's configuration, and the key that all share if there is none yet."""
    key = directory / KEY_FILE
    if not key.exists():
        key.touch(mode=0o600)
        key.write_text(base64.b64encode(secrets.token_bytes(32)).decode() + "\n")
    path = directory / f"{replica.name}.yaml"
    path.write_text(yaml.safe_dump(replica_settings(lab, replica), sort_keys=False))
    return path


def replica_settings(lab: Lab, replica: LabReplica) -> dict[str, Any]:
    """The configuration of `global-heat serve`."""
    user, _, project = SERVICE
    return {
        "replica": {"region": replica.region, "id": replica.name, "address": replica.endpoint},
        "etcd": {"endpoints": [_etcd_seen(region, replica.region) for region in lab.nearest(replica.region)]},
        "sealing": {"keys": [{"id": "lab", "file": KEY_FILE}]},
        "identity": {"auth_url": lab.region(replica.region).auth_url, "cloud": CLOUD},
        "service": {"user_name": user, "project_name": project},
        "listen": {"address": f"{HOST}:{replica.listen}"},
        "observe": {
            "engine": f"{HOST}:{replica.engine}",
            "front_door": f"{HOST}:{replica.front_door}",
        },
        "engine": {
            "lease_seconds": LEASE_SECONDS,
            "sweep_seconds": _SWEEP_SECONDS,
            "inventory_seconds": _INVENTORY_SECONDS,
            "orphan_seconds": _INVENTORY_SECONDS,
            "busy_seconds_max": _BUSY_SECONDS_MAX,
            "trust_seconds": _TRUST_SECONDS,
        },
    }


def member_addresses(lab: Lab) -> dict[str, Address]:
    """The etcd members: they find each other through the gates."""
    return {
        region.member: Address(
            f"{HOST}:{region.etcd}",
            f"{HOST}:{region.peer}",
            f"{HOST}:{region.etcd_gate}",
            f"{HOST}:{region.peer_gate}",
        )
        for region in lab.regions
    }


def member_options(lab: Lab) -> Options:
    """An election takes some round trips. The disk is spared: a killed process loses nothing by that."""
    heartbeat = max(_HEARTBEAT_MILLISECONDS, int(max(lab.rtts.values(), default=0.0)))
    return Options(
        heartbeat_milliseconds=heartbeat,
        election_milliseconds=10 * heartbeat,
        quota_bytes=lab.etcd_quota_bytes,
        synchronous=False,
    )


def _etcd_seen(region: LabRegion, home: str) -> str:
    """A region's own member is reached without passing its border."""
    return f"{HOST}:{region.etcd if region.name == home else region.etcd_gate}"
