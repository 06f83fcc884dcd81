"""A lab of real processes: what is done to a region is felt, and passes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from rich.console import Console

from global_heat.cli.demonstration.watching import Watching
from global_heat.cli.lab.access import connect
from global_heat.cli.lab.auditing import take_audit
from global_heat.cli.lab.network import HOST
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.lab.status import read_status
from global_heat.client import Client, collect_spec
from global_heat.model.errors import Ambiguous, Invalid, Transient
from global_heat.proto.v1 import stack_pb2
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.settings import Settings

TEMPLATE = Path(__file__).parent / "two-regions.yaml"
PATIENCE_SECONDS = 30.0


def quiet() -> Console:
    return Console(file=io.StringIO())


def spec(**regions: str) -> stack_pb2.StackSpec:
    return collect_spec(str(TEMPLATE), (), regions, ())


async def delete(client: Client, name: str) -> None:
    operation = await client.delete_stack(name)
    assert operation is not None
    ended = await client.wait_operation(operation.name, PATIENCE_SECONDS)
    assert ended.done
    assert not ended.HasField("error")


async def writes(*ports: int, seconds: float = 15.0) -> bool:
    """Whether etcd takes writes through these members' own doors, within the time of an election."""
    settings = Settings(tuple(f"{HOST}:{port}" for port in ports), development=True, call_seconds=seconds)
    async with EtcdStore(settings) as store:
        try:
            await store.get("probe")
            await store.commit(put={"probe": b""})
        except (Transient, Ambiguous):
            return False
        return True


async def meddle(lab: RunningLab, method: str, path: str, body: dict[str, Any] | None = None) -> str:
    """Do something in north's cloud behind everybody's back; the id of what was made."""
    who = {"name": "demo", "password": "demo", "domain": {"id": "default"}}
    project = {"name": "demo", "domain": {"id": "default"}}
    login = {
        "auth": {
            "identity": {"methods": ["password"], "password": {"user": who}},
            "scope": {"project": project},
        }
    }
    cloud = f"http://{HOST}:{lab.lab.region('north').cloud_gate}"
    async with aiohttp.ClientSession(raise_for_status=True) as session:
        async with session.post(f"{cloud}/identity/v3/auth/tokens", json=login) as answer:
            token = answer.headers["X-Subject-Token"]
        url = f"{cloud}/network/v2.0{path}"
        async with session.request(method, url, json=body, headers={"X-Auth-Token": token}) as answer:
            return str((await answer.json())["network"]["id"]) if method == "POST" else ""


@pytest.mark.parametrize("what", ["cut", "pause", "kill"])
async def test_a_stack_goes_on_elsewhere_and_ends_when_the_region_returns(lab: RunningLab, what: str) -> None:
    async with connect(lab) as client:
        await getattr(lab, what)("west")
        await client.create_stack(what, spec(here="north", there="west"))
        done = stack_pb2.SHARD_STATE_DONE
        async with Watching(client, what, quiet()) as watching:
            await watching.until("north is done", lambda seen: seen.state("north") == done)
            assert watching.state("west") != done
            found = await client.explain_stack(what)
            assert [wait.region for wait in found.waits] == ["regions/west"]
            await lab.restore("west")
            await watching.end()
        assert watching.state("west") == done
        audit = await take_audit(lab, PATIENCE_SECONDS)
        assert audit.clean, audit.discrepancies
        assert audit.exist == 2
        await delete(client, what)
        assert (await take_audit(lab, PATIENCE_SECONDS)).exist == 0


@pytest.mark.parametrize("what", ["cut", "pause", "kill"])
async def test_the_others_have_a_leader_and_the_broken_region_has_none(lab: RunningLab, what: str) -> None:
    north, south, west = lab.lab.regions
    assert await writes(west.etcd)
    await getattr(lab, what)("west")
    assert await writes(north.etcd, south.etcd)
    assert not await writes(west.etcd, seconds=2.0)
    await lab.restore("west")
    assert await writes(west.etcd)


async def test_status_tells_what_was_done(lab: RunningLab) -> None:
    await lab.cut("south")
    await lab.kill("west")
    await lab.pause("north-2")
    rows = {row["region"]: row for row in await read_status(lab)}
    assert [row["condition"] for row in rows.values()] == ["up", "cut", "killed"]
    assert rows["north"]["seen"] == "up"
    assert rows["west"]["etcd"] == "dead"
    states = [each.split()[:2] for row in rows.values() for each in row["replicas"]]
    assert states == [["north-1", "up"], ["north-2", "paused"], ["south-1", "up"], ["west-1", "dead"]]
    assert rows["north"]["rtt"] == "south 5 ms, west 5 ms"
    await lab.restore("south", "west", "north-2")
    assert {row["condition"] for row in await read_status(lab)} == {"up"}
    assert all(map(lab.processes.alive, ("south-1", "west-1", "west-etcd")))
    assert not lab.processes.paused("north-2")


async def test_a_replica_alone_can_be_killed_and_brought_back(lab: RunningLab) -> None:
    await lab.kill("north-1")
    assert not lab.processes.alive("north-1")
    assert lab.processes.alive("north-2")
    assert lab.processes.alive(lab.lab.region("north").member)
    await lab.restore("north-1")
    async with connect(lab, lab.lab.replicas[0].endpoint) as client:
        assert len(await client.list_regions()) == 3


async def test_a_name_that_is_none_is_refused(lab: RunningLab) -> None:
    for what in (lab.kill, lab.pause, lab.cut, lab.restore):
        with pytest.raises(Invalid, match="has no region 'nowhere'"):
            await what("nowhere")


async def test_the_audit_finds_what_is_taken_away_and_what_is_made_by_hand(lab: RunningLab) -> None:
    async with connect(lab) as client:
        operation = await client.create_stack("watched", spec(here="north", there="south"))
        await client.wait_operation(operation.name, PATIENCE_SECONDS)
        mine = next(each for each in await client.list_resources("watched") if each.path == "one")
        stray = await meddle(lab, "POST", "/networks", {"network": {"name": "stray"}})
        await meddle(lab, "DELETE", f"/networks/{mine.physical_id}")
        found = await take_audit(lab)
        assert {(each.problem, each.id) for each in found.discrepancies} == {
            ("missing", mine.physical_id),
            ("orphan", stray),
        }
        await meddle(lab, "DELETE", f"/networks/{stray}")
        await delete(client, "watched")
    assert (await take_audit(lab, PATIENCE_SECONDS)).clean
