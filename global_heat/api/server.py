"""Put the gRPC front door together: services, gate, health, reflection, limits, TLS."""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import Sequence
from typing import Protocol

import grpc
import msgspec
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from global_heat.api.attempts import AttemptService
from global_heat.api.events import EventService
from global_heat.api.gate import Gate
from global_heat.api.operations import OperationService
from global_heat.api.orphans import OrphanService
from global_heat.api.ports import Backend
from global_heat.api.regions import RegionService, ReplicaService
from global_heat.api.resources import ResourceService
from global_heat.api.stacks import StackService
from global_heat.model.errors import Error, Invalid, Reason
from global_heat.proto.v1 import (
    attempt_service_pb2,
    attempt_service_pb2_grpc,
    event_service_pb2,
    event_service_pb2_grpc,
    operation_service_pb2,
    operation_service_pb2_grpc,
    orphan_service_pb2,
    orphan_service_pb2_grpc,
    region_service_pb2,
    region_service_pb2_grpc,
    replica_service_pb2,
    replica_service_pb2_grpc,
    resource_service_pb2,
    resource_service_pb2_grpc,
    stack_service_pb2,
    stack_service_pb2_grpc,
)
from global_heat.store import keys
from global_heat.store.protocol import Store

REQUEST_BYTES_MAX = 4 << 20
ANSWER_BYTES_MAX = 16 << 20
CALLS_MAX = 1000
SERVICES = tuple(
    module.DESCRIPTOR.services_by_name[name].full_name
    for module, name in (
        (stack_service_pb2, "StackService"),
        (resource_service_pb2, "ResourceService"),
        (event_service_pb2, "EventService"),
        (operation_service_pb2, "OperationService"),
        (attempt_service_pb2, "AttemptService"),
        (orphan_service_pb2, "OrphanService"),
        (region_service_pb2, "RegionService"),
        (replica_service_pb2, "ReplicaService"),
    )
)


class Tls(msgspec.Struct, frozen=True):
    """PEM texts. With `client_ca` only clients with a certificate of that authority are let in."""

    key: bytes
    certificate: bytes
    client_ca: bytes | None = None


class Listen(msgspec.Struct, frozen=True):
    """Where to listen: `host:port`, `[::1]:port`. Without TLS only on loopback, or when it is said."""

    address: str
    tls: Tls | None = None
    plain_text: bool = False


class Serving(Protocol):
    """The standard health service, as it is told what to say."""

    async def set(
        self, service: str, status: health_pb2.HealthCheckResponse.ServingStatus.ValueType
    ) -> None: ...
    async def enter_graceful_shutdown(self) -> None: ...


def health_service() -> Serving:
    """A health service for `build_server`, `keep_health` and `drain`. It begins by saying SERVING."""
    made: Serving = health.aio.HealthServicer()  # type: ignore[attr-defined]
    return made


def build_server(
    backend: Backend, listen: Sequence[Listen] = (), serving: Serving | None = None
) -> grpc.aio.Server:
    """The server, not started. To be called in the event loop that it runs in.

    `serving` is the health service to answer with (see `keep_health`); without one it says SERVING.
    Raises `Invalid` (PRECONDITION) when an address cannot be listened to, or not safely.
    """
    server = grpc.aio.server(
        interceptors=[Gate(backend.tokens, backend.policy, backend.clock)],
        options=[
            ("grpc.max_receive_message_length", REQUEST_BYTES_MAX),
            ("grpc.max_send_message_length", ANSWER_BYTES_MAX),
            ("grpc.max_metadata_size", 32 << 10),
            ("grpc.so_reuseport", 0),
            ("grpc.keepalive_time_ms", 30_000),
            ("grpc.keepalive_timeout_ms", 10_000),
            ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
            ("grpc.keepalive_permit_without_calls", 1),
        ],
        maximum_concurrent_rpcs=CALLS_MAX,
    )
    stack_service_pb2_grpc.add_StackServiceServicer_to_server(StackService(backend), server)
    resource_service_pb2_grpc.add_ResourceServiceServicer_to_server(ResourceService(backend), server)
    event_service_pb2_grpc.add_EventServiceServicer_to_server(EventService(backend), server)
    operation_service_pb2_grpc.add_OperationServiceServicer_to_server(OperationService(backend), server)
    attempt_service_pb2_grpc.add_AttemptServiceServicer_to_server(AttemptService(backend), server)
    orphan_service_pb2_grpc.add_OrphanServiceServicer_to_server(OrphanService(backend), server)
    region_service_pb2_grpc.add_RegionServiceServicer_to_server(RegionService(backend), server)
    replica_service_pb2_grpc.add_ReplicaServiceServicer_to_server(ReplicaService(backend), server)
    health_pb2_grpc.add_HealthServicer_to_server(serving or health_service(), server)
    reflection.enable_server_reflection((*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME), server)
    for place in listen:
        bind(server, place)
    return server


def bind(server: grpc.aio.Server, listen: Listen) -> int:
    """Listen; the port that was bound (for `host:0` the system chooses)."""
    if listen.tls is None and not (listen.plain_text or is_loopback(listen.address)):
        raise Invalid(
            f"{listen.address} is not loopback: give a certificate and key, or say that plain text is meant",
            reason=Reason.PRECONDITION,
        )
    try:
        if listen.tls is None:
            return server.add_insecure_port(listen.address)
        credentials = grpc.ssl_server_credentials(
            [(listen.tls.key, listen.tls.certificate)],
            root_certificates=listen.tls.client_ca,
            require_client_auth=listen.tls.client_ca is not None,
        )
        return server.add_secure_port(listen.address, credentials)
    except (RuntimeError, ValueError) as error:
        raise Invalid(f"cannot listen on {listen.address}: {error}", reason=Reason.PRECONDITION) from None


def is_loopback(address: str) -> bool:
    if address.startswith("unix:"):
        return True
    host = address.rpartition(":")[0].strip("[]")
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def keep_health(serving: Serving, store: Store, seconds: float = 5.0) -> None:
    """Say NOT_SERVING while the store does not answer. Never returns; stop it before draining."""
    while True:
        try:
            async with asyncio.timeout(seconds):
                await store.get(keys.REGIONS)
            status = health_pb2.HealthCheckResponse.SERVING
        except (Error, TimeoutError):
            status = health_pb2.HealthCheckResponse.NOT_SERVING
        for service in ("", *SERVICES):
            await serving.set(service, status)
        await asyncio.sleep(seconds)


async def drain(server: grpc.aio.Server, serving: Serving, seconds: float = 10.0) -> None:
    """Say NOT_SERVING for good, let calls end, stop."""
    await serving.enter_graceful_shutdown()
    await server.stop(seconds)
