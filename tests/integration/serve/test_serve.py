"""A replica as processes: a stack's whole life, and what happens when a part of it dies."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess

import pytest
import yaml

from global_heat.client import ApiError, Client
from global_heat.proto.v1 import operation_pb2, region_pb2, stack_pb2
from global_heat.store import keys
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.server import Servers
from global_heat.store.etcd.settings import Settings
from tests.integration.serve.replica import (
    ENVIRONMENT,
    PATIENCE_SECONDS,
    RUN,
    CloudProcess,
    ReplicaProcess,
    User,
    is_alive,
    is_pending,
)

pytestmark = pytest.mark.integration

TEMPLATE = """
heat_template_version: 2018-08-31
resources:
  net_east:
    type: OS::Neutron::Net
    region: east
    properties: {name: NAME}
  subnet_east:
    type: OS::Neutron::Subnet
    region: east
    properties: {network: {get_resource: net_east}, cidr: 10.1.0.0/24}
  port_east:
    type: OS::Neutron::Port
    region: east
    properties: {network: {get_resource: net_east}}
    depends_on: subnet_east
  net_west:
    type: OS::Neutron::Net
    region: west
    properties: {name: {get_attr: [port_east, mac_address]}}
outputs:
  west: {value: {get_attr: [net_west, name]}}
"""
CHAIN = json.dumps(
    {
        "heat_template_version": "2018-08-31",
        "resources": {
            f"net{n}": {
                "type": "OS::Neutron::Net",
                "region": "east",
                "properties": {"name": f"chain{n}"},
                "depends_on": [f"net{n - 1}"] if n else [],
            }
            for n in range(8)
        },
    }
)


def spec(template: str = TEMPLATE, name: str = "one") -> stack_pb2.StackSpec:
    return stack_pb2.StackSpec(template=template.replace("NAME", name))


def succeeded(operation: operation_pb2.Operation) -> bool:
    return operation.metadata.phase == operation_pb2.OPERATION_PHASE_SUCCEEDED


async def finished(client: Client, operation: operation_pb2.Operation | None) -> None:
    assert operation is not None
    done = await client.wait_operation(operation.name, 60)
    assert succeeded(done), done


def networks(cloud: CloudProcess) -> list[str]:
    """The names of all networks that users made."""
    return sorted(each["name"] for each in cloud.truth("network.network") if each["origin"] == "user")


def trusts(cloud: CloudProcess) -> int:
    return len(cloud.truth("identity.trust"))


async def test_a_stack_is_created_updated_and_deleted(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    async with replica.client(User(cloud)) as client:
        await finished(client, await client.create_stack("first", spec()))
        (port,) = cloud.truth("network.port")
        (output,) = await client.get_outputs("first")
        west = next(each["name"] for each in cloud.truth("network.network") if each["region"] == "west")
        assert output.value.string_value == west
        assert networks(cloud) == sorted(["one", west])
        assert trusts(cloud) == 1

        update = stack_pb2.Stack(name="first", spec=spec(name="two"))
        await finished(client, await client.update_stack(update))
        assert networks(cloud) == sorted(["two", west])
        assert cloud.truth("network.port") == [port], "what has not changed is not touched"
        assert trusts(cloud) == 1

        await finished(client, await client.delete_stack("first"))
        assert networks(cloud) == [] and cloud.truth("network.port") == []
    # Kept while anything might still have to be swept, and no longer.
    replica.until(lambda: trusts(cloud) == 0, "rid of the trust")


async def test_it_shows_what_it_does(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    async with replica.client(User(cloud)) as client:
        await finished(client, await client.create_stack("first", spec()))
    calls = 'global_heat_call_seconds_count{outcome="2xx",region="%s",service="network"}'
    # Three to make, three to see that they are there; and the lists of who looks for leavings.
    assert replica.metric(calls % "east") >= 6
    assert replica.metric(calls % "west") >= 2
    assert replica.metric('global_heat_commit_seconds_count{outcome="committed"}') >= 4
    assert 0 < replica.metric("global_heat_lease_margin_seconds") <= 3
    for name in ("global_heat_claims", "global_heat_queue_depth", "global_heat_parked_shards"):
        assert replica.metric(name) >= 0
    assert "global_heat_commit_seconds_count" in replica.text("front_door", "/metrics")
    assert replica.text("engine", "/healthz") == replica.text("front_door", "/healthz") == "alive\n"
    assert json.loads(replica.text("engine", "/readyz")) == {"store": True, "lease": True}
    assert json.loads(replica.text("engine", "/regions"))["west"]["state"] == "up"
    made = [line for line in replica.lines("called") if line["method"] == "POST" and line.get("attempt")]
    assert len(made) == 4
    tokens = {each["token"] for each in cloud.truth("network.network", "network.subnet", "network.port")}
    assert {line["attempt"] for line in made} == tokens - {None}
    assert all(line["stack"] and line["request_id"].startswith("req-") for line in made)
    assert "gAAAAA" not in replica.log.read_text(), "a token stands in the log"


async def test_a_region_that_is_cut_off_is_waited_for(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    cloud.cut("west")
    async with replica.client(User(cloud)) as client:
        operation = await client.create_stack("first", spec())
        replica.until(lambda: replica.metric("global_heat_parked_shards") == 1, "parked")
        assert json.loads(replica.text("engine", "/regions"))["west"]["state"] == "down"
        replica.until(lambda: "down" in replica.text("front_door", "/regions"), "told of it")
        assert (await client.get_region("west")).state == region_pb2.REGION_STATE_DOWN
        assert (await client.get_region("east")).state == region_pb2.REGION_STATE_UP
        assert "one" in networks(cloud)
        cloud.restore("west")
        await finished(client, operation)
        replica.until(lambda: replica.metric("global_heat_parked_shards") == 0, "done with it")


async def test_a_template_that_names_what_is_not_there_is_refused(
    replica: ReplicaProcess, cloud: CloudProcess
) -> None:
    template = TEMPLATE.replace("{get_resource: net_east}, cidr", "no-such-network, cidr")
    async with replica.client(User(cloud)) as client:
        with pytest.raises(ApiError) as refused:
            await client.create_stack("first", spec(template))
        assert "no-such-network" in str(refused.value.violations)
        assert await client.list_stacks() == []
    assert trusts(cloud) == 0


async def test_a_region_without_a_service_works_but_for_what_needs_it(
    replica: ReplicaProcess, cloud: CloudProcess
) -> None:
    cloud.withdraw("volume", "west")
    volume = "resources:\n  volume: {type: 'OS::Cinder::Volume', region: west, properties: {size: 1}}\n"
    async with replica.client(User(cloud)) as client:
        with pytest.raises(ApiError) as refused:
            await client.create_stack("first", spec(TEMPLATE.replace("resources:\n", volume)))
        assert refused.value.code == "FAILED_PRECONDITION"
        told = [(each.path, each.message) for each in refused.value.violations]
        message = "region west has no volume service, which OS::Cinder::Volume needs"
        assert told == [("resources.volume", message)]
        assert await client.list_stacks() == [] and trusts(cloud) == 0
        await finished(client, await client.create_stack("first", spec()))


async def test_sigterm_lets_calls_end_and_gives_everything_back(
    replica: ReplicaProcess, cloud: CloudProcess, cluster_of_1: Servers, prefix: str
) -> None:
    cloud.disturb("east", latency_seconds=[0.5, 0.5])
    async with replica.client(User(cloud)) as client:
        operation = await client.create_stack("chain", spec(CHAIN))
        replica.until(lambda: len(networks(cloud)) >= 2, "in the middle")
        parts = [replica.pid("engine"), replica.pid("front-door")]
        assert replica.terminate() == 0
    assert not any(is_alive(pid) for pid in parts)
    assert {line["part"] for line in replica.lines("drained")} == {"engine", "front-door"}
    assert not replica.lines("died")
    cut_off = [line for line in replica.lines("called") if line["outcome"] in ("cut", "abandoned")]
    assert not [line for line in cut_off if line["method"] == "POST"]
    async with EtcdStore(Settings(cluster_of_1.endpoints, prefix)) as store:
        for held in (keys.CLAIMS, keys.REPLICAS):
            assert (await store.scan(held)).entries == []
        assert (await store.scan(keys.WORK)).entries, "there was nothing left to do"
    cloud.disturb("east", latency_seconds=[0, 0])

    replica.start()
    replica.until_ready()
    async with replica.client(User(cloud)) as client:
        await finished(client, operation)
    assert networks(cloud) == [f"chain{n}" for n in range(8)]


async def test_the_engine_may_be_killed(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    cloud.disturb("east", latency_seconds=[0.15, 0.15])
    async with replica.client(User(cloud)) as client:
        operation = await client.create_stack("chain", spec(CHAIN))
        replica.until(lambda: len(networks(cloud)) >= 2, "in the middle")
        before, front_door = replica.pid("engine"), replica.pid("front-door")
        os.kill(before, signal.SIGKILL)
        assert not (await client.get_operation(operation.name)).done, "the front door goes on"
        await finished(client, operation)
    assert replica.pid("engine") != before and not is_alive(before)
    assert replica.pid("front-door") == front_door and is_alive(front_door)
    assert [line["status"] for line in replica.lines("died")] == ["SIGKILL"]
    replica.until(lambda: networks(cloud) == [f"chain{n}" for n in range(8)], "rid of what was left behind")


def test_the_parts_die_with_the_supervisor(replica: ReplicaProcess) -> None:
    parts = [replica.pid("engine"), replica.pid("front-door")]
    assert all(is_alive(pid) for pid in parts)
    pidfds = [os.pidfd_open(pid) for pid in parts]
    replica.process.kill()
    replica.process.wait()
    for pidfd in pidfds:
        select.select([pidfd], [], [], PATIENCE_SECONDS)
        os.close(pidfd)
    assert not any(is_alive(pid) for pid in parts)


async def test_an_outage_of_etcd_kills_nothing(
    replica: ReplicaProcess, cloud: CloudProcess, cluster_of_1: Servers
) -> None:
    (member,) = cluster_of_1.members
    parts = [replica.pid("engine"), replica.pid("front-door")]
    member.pause()
    try:
        replica.until(lambda: replica.metric("global_heat_lease_margin_seconds") < -4, "past its deadlines")
        assert not replica.ready("engine") and not replica.ready("front_door")
        assert replica.text("engine", "/healthz") == "alive\n"
    finally:
        member.resume()
    replica.until_ready()
    assert all(is_alive(pid) for pid in parts) and not replica.lines("died")
    async with replica.client(User(cloud)) as client:
        await finished(client, await client.create_stack("after", spec()))


def test_an_engine_that_was_stopped_past_its_lease_dies(replica: ReplicaProcess) -> None:
    before = replica.pid("engine")
    os.kill(before, signal.SIGSTOP)
    replica.until(lambda: is_pending(before, signal.SIGALRM), "told of the alarm")
    os.kill(before, signal.SIGCONT)
    replica.until(lambda: bool(replica.lines("died")), "noticed")
    assert replica.lines("died")[0]["status"] == "SIGALRM"
    replica.until(lambda: replica.pid("engine") != before and replica.ready("engine"), "back")


def test_what_cannot_work_is_said_and_not_tried_again(replica: ReplicaProcess) -> None:
    """Another one on the same ports: whichever part finds that first says so, and the other is ended."""
    run = subprocess.run([*RUN, str(replica.config)], env=ENVIRONMENT, capture_output=True, timeout=60)
    assert run.returncode == 78
    lines = [json.loads(line) for line in run.stderr.splitlines()]
    said = [line["error"] for line in lines if line["event"] == "cannot work"]
    assert said and all("observe." in why or "listen" in why for why in said), lines


async def test_a_policy_file_counts_and_is_read_again_when_told(
    replica: ReplicaProcess, cloud: CloudProcess
) -> None:
    rules = replica.config.with_name("policy.yaml")
    rules.write_text('"stack:list": "role:nobody"\n')
    replica.configure("policy.file", rules.name)
    assert replica.terminate() == 0
    replica.start()
    replica.until_ready()
    async with replica.client(User(cloud)) as client:
        with pytest.raises(ApiError, match="the rule stack:list asks for role:nobody"):
            await client.list_stacks()

        rules.write_text('"stack:lists": "@"\n')
        replica.process.send_signal(signal.SIGHUP)
        replica.until(
            lambda: bool(replica.lines("the policy file is not fit: the rules before it stay")), "told"
        )
        with pytest.raises(ApiError, match="role:nobody"):
            await client.list_stacks()

        rules.write_text("")
        replica.process.send_signal(signal.SIGHUP)
        replica.until(lambda: bool(replica.lines("the policy file was read again")), "told again")
        assert await client.list_stacks() == []
    assert not replica.lines("died")


def test_check_config(replica: ReplicaProcess) -> None:
    check = [*RUN, str(replica.config), "--check-config"]
    good = subprocess.run(check, env=ENVIRONMENT, capture_output=True, text=True)
    assert good.returncode == 0 and "is good" in good.stdout
    document = yaml.safe_load(replica.config.read_text())
    document["listen"]["adress"] = "127.0.0.1:1"
    replica.config.write_text(yaml.safe_dump(document))
    bad = subprocess.run(check, env=ENVIRONMENT, capture_output=True, text=True)
    assert bad.returncode == 1
    assert "listen.adress: is not known here" in bad.stderr
