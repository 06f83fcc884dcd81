"""Calls for operations, regions and replicas."""

from __future__ import annotations

import asyncio

from google.protobuf.duration_pb2 import Duration

from global_heat.client.calls import PROJECT, Calls, operation_name, region_name
from global_heat.proto.v1 import (
    operation_pb2,
    operation_service_pb2,
    region_pb2,
    region_service_pb2,
    replica_service_pb2,
)
from global_heat.proto.v1.operation_service_pb2_grpc import OperationServiceStub
from global_heat.proto.v1.region_service_pb2_grpc import RegionServiceStub
from global_heat.proto.v1.replica_service_pb2_grpc import ReplicaServiceStub

_WAIT_SECONDS = 20.0
"""How long one call waits for an operation; a lost replica is noticed that soon."""
_ANSWER_SECONDS = 10.0


class OperationCalls(Calls):
    async def get_operation(self, name: str) -> operation_pb2.Operation:
        request = operation_service_pb2.GetOperationRequest(name=operation_name(name))
        return await self.operation(OperationServiceStub, "GetOperation", request)

    async def list_operations(self, filter: str = "") -> list[operation_pb2.Operation]:
        request = operation_service_pb2.ListOperationsRequest(parent=PROJECT, filter=filter)
        return await self.all(OperationServiceStub, "ListOperations", request, "operations")

    async def wait_operation(self, name: str, seconds: float | None = None) -> operation_pb2.Operation:
        """The operation once it is over, or as it is when the time is up. `seconds` None: without end."""
        loop = asyncio.get_running_loop()
        deadline = None if seconds is None else loop.time() + seconds
        while True:
            slice_seconds = _WAIT_SECONDS
            if deadline is not None:
                slice_seconds = max(0.0, min(slice_seconds, deadline - loop.time()))
            timeout = Duration()
            timeout.FromMilliseconds(int(slice_seconds * 1000))
            request = operation_service_pb2.WaitOperationRequest(name=operation_name(name), timeout=timeout)
            operation = await self.operation(
                OperationServiceStub, "WaitOperation", request, slice_seconds + _ANSWER_SECONDS
            )
            if operation.done or (deadline is not None and loop.time() >= deadline):
                return operation

    async def cancel_operation(self, name: str, *, request_id: str = "") -> operation_pb2.Operation:
        request = operation_service_pb2.CancelOperationRequest(
            name=operation_name(name), request_id=request_id or self.new_id()
        )
        return await self.operation(OperationServiceStub, "CancelOperation", request)


class RegionCalls(Calls):
    async def list_regions(self) -> list[region_pb2.Region]:
        request = region_service_pb2.ListRegionsRequest()
        return await self.all(RegionServiceStub, "ListRegions", request, "regions")

    async def get_region(self, name: str) -> region_pb2.Region:
        request = region_service_pb2.GetRegionRequest(name=region_name(name))
        answer: region_service_pb2.GetRegionResponse = await self.call(
            RegionServiceStub, "GetRegion", request
        )
        return answer.region

    async def add_region(self, region: region_pb2.Region) -> region_pb2.Region:
        request = region_service_pb2.AddRegionRequest(region=region)
        request.region.name = region_name(region.name)
        answer: region_service_pb2.AddRegionResponse = await self.call(
            RegionServiceStub, "AddRegion", request
        )
        return answer.region

    async def remove_region(self, name: str, *, allow_missing: bool = False) -> None:
        request = region_service_pb2.RemoveRegionRequest(name=region_name(name), allow_missing=allow_missing)
        await self.call(RegionServiceStub, "RemoveRegion", request)

    async def list_replicas(self, region: str = "-") -> list[replica_service_pb2.Replica]:
        request = replica_service_pb2.ListReplicasRequest(parent=region_name(region))
        return await self.all(ReplicaServiceStub, "ListReplicas", request, "replicas")
