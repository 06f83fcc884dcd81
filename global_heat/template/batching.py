"""How many members of a group are made or changed at once, and how long it waits in between."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from global_heat.model.values import Json
from global_heat.template.evaluation import Run
from global_heat.template.location import Faults
from global_heat.template.node import Group
from global_heat.template.property import Coercion
from global_heat.template.scaling import ASG_TYPE
from global_heat.template.values import OMITTED
from global_heat.template.view import NothingYet

PAUSE_SECONDS_MAX = 3600.0
_DURATION = re.compile(r"^PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?$")
_OF_INSTANCES = {"OS::Heat::InstanceGroup": "RollingUpdate"}
_OF_AWS = "AutoScalingRollingUpdate"


class Batching(msgspec.Struct, frozen=True):
    size_max: int
    """Members in a batch."""
    in_service_min: int = 0
    """Members that are left as they are meanwhile."""
    pause_seconds: float = 0.0
    """From the end of one batch to the begin of the next."""


def rolling_of(group: Group) -> Batching | None:
    """How changes of its members are carried out; None: all at once."""
    if group.type == ASG_TYPE:
        schema = group.schema.properties["rolling_updates"]
        written = group.given.value("rolling_updates", Run(NothingYet()))
        return _batching(Coercion(Faults()).value(schema, None if written is OMITTED else written, (), None))
    policy = policy_of(group)
    if "rolling_update" in policy:
        return _batching(policy["rolling_update"])
    said = policy.get(_OF_INSTANCES.get(group.type, _OF_AWS))
    if not isinstance(said, dict):
        return None
    return Batching(
        size_max=max(1, said.get("MaxBatchSize") or 1),
        in_service_min=max(0, said.get("MinInstancesInService") or 0),
        pause_seconds=seconds_of(str(said.get("PauseTime") or "PT0S")) or 0.0,
    )


def batch_create_of(group: Group) -> Batching | None:
    """How its first members are made; None: all at once."""
    return _batching(policy_of(group).get("batch_create"))


def policy_of(group: Group) -> Mapping[str, Json]:
    """Its update policy as its type has it."""
    policy = group.place.update_policy(Run(NothingYet()))
    if not isinstance(policy, dict):
        return {}
    return Coercion(Faults()).children(group.schema.update_policy, policy, (), None)


def seconds_of(duration: str) -> float | None:
    """A duration as ISO 8601 writes it, `PT1M30S`; None: it is none."""
    found = _DURATION.match(duration)
    if found is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return hours * 3600.0 + minutes * 60.0 + seconds


def faults_of(said: Mapping[str, Json]) -> list[str]:
    """What is wrong with pauses of instances, which the schema does not tell."""
    found = []
    for policy in said.values():
        pause = policy.get("PauseTime") if isinstance(policy, dict) else None
        seconds = seconds_of(pause) if isinstance(pause, str) else None
        if pause is not None and seconds is None:
            found.append(f"PauseTime is a duration such as PT1M30S, not {pause!r}")
        elif seconds is not None and seconds > PAUSE_SECONDS_MAX:
            found.append("PauseTime is at most an hour")
    return found


def _batching(said: Json) -> Batching | None:
    if not isinstance(said, dict):
        return None
    return Batching(
        size_max=max(1, said.get("max_batch_size") or 1),
        in_service_min=max(0, said.get("min_in_service") or 0),
        pause_seconds=max(0.0, said.get("pause_time") or 0.0),
    )
