"""The services of regions and replicas: the operator's registry, and who works."""

from __future__ import annotations

from typing import Any, Final

from global_heat.api.names import OWN, parse_region, region_name
from global_heat.api.pages import page
from global_heat.api.ports import Backend
from global_heat.api.records import replica_of
from global_heat.model.names import Region
from global_heat.model.records import RegionRecord
from global_heat.proto.v1 import (
    region_pb2,
    region_service_pb2,
    replica_service_pb2,
)
from global_heat.proto.v1.region_service_pb2_grpc import RegionServiceServicer
from global_heat.proto.v1.replica_service_pb2_grpc import ReplicaServiceServicer
from global_heat.store.reading import live_replicas
from global_heat.store.registry import (
    Load,
    add_region,
    count_claims,
    list_regions,
    no_region,
    read_loads,
    read_region,
    remove_region,
)

_SAID: Final = (
    "auth_url",
    "catalog_region",
    "interface",
    "cloud",
    "exec_seconds",
    "lag_seconds",
    "skew_seconds",
    "ca_file",
)
"""What of a region the operator says, where message and record have the same name for it."""


class RegionService(RegionServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store

    async def ListRegions(
        self, request: region_service_pb2.ListRegionsRequest, context: Any
    ) -> region_service_pb2.ListRegionsResponse:
        shown, token = page(request, await list_regions(self._store), lambda record: (record.name,))
        loads = await read_loads(self._store)
        regions = [self._told(record, loads) for record in shown]
        return region_service_pb2.ListRegionsResponse(regions=regions, next_page_token=token)

    async def GetRegion(
        self, request: region_service_pb2.GetRegionRequest, context: Any
    ) -> region_service_pb2.GetRegionResponse:
        record = await read_region(self._store, parse_region(request.name))
        told = self._told(record, await read_loads(self._store))
        return region_service_pb2.GetRegionResponse(region=told)

    async def AddRegion(
        self, request: region_service_pb2.AddRegionRequest, context: Any
    ) -> region_service_pb2.AddRegionResponse:
        wished = request.region
        said: dict[str, Any] = {name: getattr(wished, name) for name in _SAID if wished.HasField(name)}
        if wished.HasField("insecure"):
            said["verify"] = not wished.insecure
        record = await add_region(self._store, parse_region(wished.name, "region.name"), said)
        return region_service_pb2.AddRegionResponse(region=self._told(record, await read_loads(self._store)))

    async def RemoveRegion(
        self, request: region_service_pb2.RemoveRegionRequest, context: Any
    ) -> region_service_pb2.RemoveRegionResponse:
        name = parse_region(request.name)
        if not await remove_region(self._store, name) and not request.allow_missing:
            raise no_region(name)
        return region_service_pb2.RemoveRegionResponse()

    def _told(self, record: RegionRecord, loads: dict[Region, Load]) -> region_pb2.Region:
        state, reason = self._state(record.name)
        load = loads.get(record.name, Load())
        return region_pb2.Region(
            name=region_name(record.name),
            auth_url=record.auth_url,
            catalog_region=record.catalog_region,
            interface=record.interface,
            cloud=record.cloud,
            state=state,
            reason=reason,
            replicas=load.replicas,
            claims=load.claims,
            queued=load.queued,
            exec_seconds=record.exec_seconds,
            lag_seconds=record.lag_seconds,
            skew_seconds=record.skew_seconds,
            insecure=not record.verify,
            ca_file=record.ca_file,
        )

    def _state(self, region: Region) -> tuple[region_pb2.RegionState.ValueType, str]:
        """How it does, and why."""
        health = self._backend.health
        if (trouble := health.trouble(region)) is not None:
            return region_pb2.REGION_STATE_DOWN, trouble
        if (slowness := health.slowness(region)) is not None:
            return region_pb2.REGION_STATE_SLOW, slowness
        return region_pb2.REGION_STATE_UP, ""


class ReplicaService(ReplicaServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    async def ListReplicas(
        self, request: replica_service_pb2.ListReplicasRequest, context: Any
    ) -> replica_service_pb2.ListReplicasResponse:
        region = parse_region(request.parent, "parent")
        replicas = [each for each in await live_replicas(self._store) if region in (OWN, each.region)]
        shown, token = page(request, replicas, lambda replica: (replica.region, replica.id))
        claims = await count_claims(self._store)
        return replica_service_pb2.ListReplicasResponse(
            replicas=[replica_of(replica, claims.get(replica.id, 0)) for replica in shown],
            next_page_token=token,
        )
