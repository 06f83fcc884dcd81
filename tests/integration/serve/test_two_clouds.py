"""One replica, two clouds: each with a Keystone of its own, its own users, and its own service user."""

from __future__ import annotations

import asyncio
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from global_heat.client import ApiError, Client
from global_heat.proto.v1 import operation_pb2, region_pb2, stack_pb2
from global_heat.store.etcd.server import Servers
from tests.integration.serve.replica import ENVIRONMENT, RUN, CloudProcess, ReplicaProcess, User

pytestmark = pytest.mark.integration
TEMPLATE = """
heat_template_version: 2018-08-31
resources:
  near: {type: "OS::Neutron::Net", region: east, properties: {name: near}}
  far: {type: "OS::Neutron::Net", region: far, properties: {name: {get_attr: [near, name]}}}
"""
NET = "network.network"


@pytest.fixture
def home() -> Iterator[CloudProcess]:
    process = CloudProcess("east")
    yield process
    process.close()


@pytest.fixture
def other() -> Iterator[CloudProcess]:
    process = CloudProcess("far", seed=2)
    yield process
    process.close()


@pytest.fixture
def replica(
    home: CloudProcess, other: CloudProcess, cluster_of_1: Servers, prefix: str, tmp_path: Path
) -> Iterator[ReplicaProcess]:
    """In `home` the service is the user global-heat, in `other` the user admin; no default for a third."""
    replica = ReplicaProcess(tmp_path, home, cluster_of_1.endpoints, prefix)
    for name in ("global-heat", "admin"):
        (tmp_path / name).write_text(name)
        (tmp_path / name).chmod(0o600)
    service = {"user_name": "global-heat", "password_file": "global-heat", "trust_roles": ["member"]}
    elsewhere = {"user_name": "admin", "project_name": "admin", "password_file": "admin"}
    replica.configure("service", {"clouds": {"fake": service, "other": {**service, **elsewhere}}})
    try:
        replica.start()
        replica.until_ready()
        asyncio.run(register(replica, home, other))
        yield replica
    finally:
        replica.close()


async def register(replica: ReplicaProcess, home: CloudProcess, other: CloudProcess) -> None:
    async with replica.client(User(home, "admin", "admin")) as client:
        for name, process, cloud in (("east", home, "fake"), ("far", other, "other")):
            url = process.auth_url(name)
            await client.add_region(region_pb2.Region(name=name, auth_url=url, cloud=cloud))


def client_of_both(replica: ReplicaProcess, home: CloudProcess, other: CloudProcess) -> Client:
    """A user who is `demo` at home and `rival` in the other cloud."""
    return replica.client(User(home), other=User(other, "rival", "rival"))


def spec(template: str = TEMPLATE) -> stack_pb2.StackSpec:
    return stack_pb2.StackSpec(template=template)


async def finished(client: Client, operation: operation_pb2.Operation | None) -> None:
    assert operation is not None
    done = await client.wait_operation(operation.name, 60)
    assert done.metadata.phase == operation_pb2.OPERATION_PHASE_SUCCEEDED, done


def nets(cloud: CloudProcess) -> list[dict[str, Any]]:
    return [each for each in cloud.truth(NET) if each["origin"] == "user"]


async def test_a_stack_over_both_is_made_changed_and_deleted(
    replica: ReplicaProcess, home: CloudProcess, other: CloudProcess
) -> None:
    async with client_of_both(replica, home, other) as client:
        await finished(client, await client.create_stack("first", spec()))
    assert [each["name"] for each in nets(home) + nets(other)] == ["near", "near"]
    (here,), (there,) = home.trusts_in("global-heat", "service"), other.trusts_in("admin", "admin")
    assert not other.trusts_in("global-heat", "service") and not home.trusts_in("admin", "admin")
    assert nets(home)[0]["project"] == here["project_id"]
    assert nets(other)[0]["project"] == there["project_id"] != here["project_id"]

    # What is trusted already needs no token of the other cloud any more.
    async with replica.client(User(home)) as client:
        renamed = stack_pb2.Stack(name="first", spec=spec(TEMPLATE.replace("name: near}", "name: new}")))
        await finished(client, await client.update_stack(renamed))
        assert [each["name"] for each in nets(home) + nets(other)] == ["new", "new"]
        await finished(client, await client.delete_stack("first"))
    assert nets(home) == nets(other) == []
    replica.until(
        lambda: not home.truth("identity.trust") + other.truth("identity.trust"), "rid of the trusts"
    )


async def test_without_a_token_of_the_other_cloud_nothing_is_made(
    replica: ReplicaProcess, home: CloudProcess, other: CloudProcess
) -> None:
    async with replica.client(User(home)) as client:
        with pytest.raises(ApiError, match="cloud other, which has a Keystone of its own") as refused:
            await client.create_stack("first", spec())
        assert refused.value.code == "FAILED_PRECONDITION"
    async with replica.client(User(home), other=User(home)) as client:
        with pytest.raises(ApiError, match="the token for cloud other is not good there") as refused:
            await client.create_stack("first", spec())
        assert refused.value.code == "UNAUTHENTICATED"
        assert await client.list_stacks() == []
    async with replica.client(User(other, "rival", "rival")) as client:
        with pytest.raises(ApiError) as refused:
            await client.list_stacks()
        assert refused.value.code == "UNAUTHENTICATED", "only home says who calls"
    assert not home.truth("identity.trust") and not other.truth("identity.trust")


async def test_names_are_looked_up_as_who_one_is_there(
    replica: ReplicaProcess, home: CloudProcess, other: CloudProcess
) -> None:
    port = {"network": "no-such-network"}
    template = f"""
heat_template_version: 2018-08-31
resources:
  port: {{type: "OS::Neutron::Port", region: far, properties: {port}}}
"""
    async with client_of_both(replica, home, other) as client:
        with pytest.raises(ApiError) as refused:
            await client.create_stack("first", spec(template))
        assert "no-such-network' in region far" in str(refused.value)


async def test_leavings_in_the_other_cloud_are_swept(
    replica: ReplicaProcess, home: CloudProcess, other: CloudProcess
) -> None:
    """A request that arrives twice there makes a second thing, which nobody adopts."""
    twice = {"fate": {"replay_after_seconds": 0.3}, "methods": ["POST"], "path": "/networks", "times": 1}
    other.break_rule("far", twice)
    async with client_of_both(replica, home, other) as client:
        await finished(client, await client.create_stack("first", spec()))

    def made() -> set[str]:
        seen.update(each["id"] for each in nets(other))
        return seen

    seen: set[str] = set()
    replica.until(lambda: len(made()) == 2, "twice there")
    replica.until(lambda: len(nets(other)) == 1, "rid of the second")


async def test_a_replica_of_the_other_cloud_knows_the_same_callers(
    replica: ReplicaProcess,
    home: CloudProcess,
    other: CloudProcess,
    cluster_of_1: Servers,
    prefix: str,
    tmp_path: Path,
) -> None:
    folder = tmp_path / "second"
    folder.mkdir()
    second = ReplicaProcess(folder, home, cluster_of_1.endpoints, prefix)
    second.configure("replica.region", "far")
    for path in ("service", "sealing"):
        second.configure(path, yaml.safe_load(replica.config.read_text())[path])
    for name in ("global-heat", "admin", "sealing.key"):
        shutil.copy(tmp_path / name, folder / name)
    try:
        second.start()
        second.until_ready()
        async with client_of_both(second, home, other) as client:
            await finished(client, await client.create_stack("first", spec()))
        async with replica.client(User(home)) as client:
            assert [each.name.rpartition("/")[2] for each in await client.list_stacks()] == ["first"]
        async with second.client(User(other, "rival", "rival")) as client:
            with pytest.raises(ApiError) as refused:
                await client.list_stacks()
            assert refused.value.code == "UNAUTHENTICATED"
    finally:
        second.close()


def test_a_cloud_without_a_whole_user_is_no_good_configuration(replica: ReplicaProcess) -> None:
    replica.configure("service.clouds.other", {"user_name": "admin"})
    check = [*RUN, str(replica.config), "--check-config"]
    bad = subprocess.run(check, env=ENVIRONMENT, capture_output=True, text=True)
    assert bad.returncode == 1 and "service.clouds.other.password_file: is missing" in bad.stderr
