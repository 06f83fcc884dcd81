"""Waiting until the parts of a lab serve, and asking them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection

import aiohttp
import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from global_heat.cli.lab.layout import LabRegion, LabReplica
from global_heat.cli.lab.network import HOST
from global_heat.cli.lab.processes import Processes
from global_heat.model.errors import Ambiguous, Transient
from global_heat.store import keys
from global_heat.store.etcd.client import EtcdStore
from global_heat.store.etcd.settings import Settings
from global_heat.store.protocol import Store
from global_heat.store.reading import live_replicas

READY_SECONDS = 60.0
_LOOK_SECONDS = 0.1
_ANSWER_SECONDS = 10.0
_HEALTH_SECONDS = 2.0


async def until_listening(processes: Processes, program: str, port: int) -> None:
    """Errors as `_until`."""

    async def listens() -> bool:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            return False
        writer.close()
        return True

    await _until(listens, processes, program)


async def until_member_serves(processes: Processes, region: LabRegion) -> None:
    """It answers a linearizable read: it has a leader, and has caught up with it. Errors as `_until`."""
    async with EtcdStore(Settings((f"{HOST}:{region.etcd}",), development=True)) as store:

        async def reads() -> bool:
            try:
                await store.get(keys.REGIONS)
            except (Transient, Ambiguous):
                return False
            return True

        await _until(reads, processes, region.member)


async def until_replica_serves(
    processes: Processes, store: Store, replica: LabReplica, not_these: Collection[str]
) -> None:
    """Its engine is registered, as none of `not_these`, and its front door answers. Errors as `_until`."""
    async with grpc.aio.insecure_channel(f"{HOST}:{replica.listen}") as channel:
        health = health_pb2_grpc.HealthStub(channel)

        async def serves() -> bool:
            names = await registered(store) - set(not_these)
            if not any(name.startswith(f"{replica.name}-") for name in names):
                return False
            try:
                answer = await health.Check(health_pb2.HealthCheckRequest(), timeout=_HEALTH_SECONDS)
            except grpc.aio.AioRpcError:
                return False
            return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)

        await _until(serves, processes, replica.name)


async def registered(store: Store) -> frozenset[str]:
    """The ids of the engines that hold a lease."""
    try:
        return frozenset(replica.id for replica in await live_replicas(store))
    except (Transient, Ambiguous):
        return frozenset()


async def ask(method: str, url: str, body: str = "") -> bytes:
    """Ask one of the lab's own programs. Raises `Transient` when it does not answer, or refuses."""
    timeout = aiohttp.ClientTimeout(total=_ANSWER_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, raise_for_status=True) as session,
            session.request(method, url, data=body) as answer,
        ):
            return await answer.read()
    except (aiohttp.ClientError, TimeoutError) as error:
        raise Transient(f"the lab does not answer ({error or type(error).__name__}): is it up?") from error


async def _until(holds: Callable[[], Awaitable[bool]], processes: Processes, name: str) -> None:
    """Raises `Invalid` with its last words when the process ends, `Transient` after `READY_SECONDS`."""
    deadline = asyncio.get_running_loop().time() + READY_SECONDS
    while not await holds():
        processes.check(name)
        if asyncio.get_running_loop().time() > deadline:
            raise Transient(f"{name} is not ready after {READY_SECONDS:g} s:\n{processes.last_words(name)}")
        await asyncio.sleep(_LOOK_SECONDS)
