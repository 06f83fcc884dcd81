"""How a lab does, in rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from global_heat.cli.lab.layout import Lab, LabRegion
from global_heat.cli.lab.network import HOST, Condition
from global_heat.cli.lab.processes import Processes
from global_heat.cli.lab.readiness import ask
from global_heat.cli.lab.running import RunningLab
from global_heat.model.errors import Transient
from global_heat.regions.health import State
from global_heat.store.etcd.endpoint import STATUS, Endpoint
from global_heat.store.etcd.settings import Settings
from global_heat.store.etcd.verdict import CallFailed
from global_heat.store.etcd.wire import rpc_pb2 as wire

_ANSWER_SECONDS = 1.0


async def read_status(running: RunningLab) -> list[dict[str, Any]]:
    """A row for each region."""
    try:
        conditions: dict[str, Condition] = await running.conditions()
    except Transient:
        conditions = {}
    lab, processes = running.lab, running.processes
    seen = await _seen(lab, processes, conditions)
    return [
        {
            "region": region.name,
            "condition": str(conditions.get(region.name, "down")),
            "seen": seen.get(region.name, ""),
            "etcd": await _member(region, processes),
            "replicas": [
                f"{replica.name} {_state(processes, replica.name)} {replica.endpoint}"
                for replica in lab.replicas_of(region.name)
            ],
            "keystone": region.auth_url,
            "rtt": _distances(lab, region),
        }
        for region in lab.regions
    ]


async def _seen(lab: Lab, processes: Processes, conditions: Mapping[str, Condition]) -> Mapping[str, State]:
    """How the replicas see each region: those where nothing was broken, and of what they say the worst."""
    seen: dict[str, State] = {}
    for replica in lab.replicas:
        if conditions.get(replica.region) != Condition.UP or _state(processes, replica.name) != "up":
            continue
        try:
            told = await ask("GET", f"http://{HOST}:{replica.engine}/regions")
        except Transient:
            continue
        for region, found in msgspec.json.decode(told, type=dict[str, dict[str, str]]).items():
            seen[region] = max(seen.get(region, State.UP), State(found["state"]), key=list(State).index)
    return seen


async def _member(region: LabRegion, processes: Processes) -> str:
    """Its state, and whether it leads."""
    state = _state(processes, region.member)
    if state != "up":
        return state
    address = f"{HOST}:{region.etcd}"
    endpoint = Endpoint(address, Settings((address,)))
    try:
        answer = await endpoint.call(STATUS, wire.StatusRequest(), _ANSWER_SECONDS, ())
    except CallFailed:
        return "silent"
    finally:
        await endpoint.close()
    if not answer.leader:
        return "without a leader"
    return "leader" if answer.leader == answer.header.member_id else "follower"


def _state(processes: Processes, name: str) -> str:
    if not processes.alive(name):
        return "dead"
    return "paused" if processes.paused(name) else "up"


def _distances(lab: Lab, region: LabRegion) -> str:
    others = (other.name for other in lab.regions if other is not region)
    return ", ".join(f"{name} {1000 * lab.rtt_seconds(region.name, name):g} ms" for name in others)
