"""A cloud and a replica for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from global_heat.proto.v1 import region_pb2
from global_heat.store.etcd.server import Servers
from tests.integration.serve.replica import CloudProcess, ReplicaProcess, User


@pytest.fixture
def cloud() -> Iterator[CloudProcess]:
    process = CloudProcess("east", "west")
    yield process
    process.close()


@pytest.fixture
def replica(
    cloud: CloudProcess, cluster_of_1: Servers, prefix: str, tmp_path: Path
) -> Iterator[ReplicaProcess]:
    """Started, ready, and told of the cloud's regions."""
    replica = ReplicaProcess(tmp_path, cloud, cluster_of_1.endpoints, prefix)
    try:
        replica.start()
        replica.until_ready()
        asyncio.run(register(replica, cloud))
        yield replica
    finally:
        replica.close()


async def register(replica: ReplicaProcess, cloud: CloudProcess) -> None:
    async with replica.client(User(cloud, "admin", "admin")) as client:
        for name in cloud.regions:
            await client.add_region(region_pb2.Region(name=name, auth_url=cloud.auth_url(name), cloud="fake"))
