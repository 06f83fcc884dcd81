"""Calls for the ledger of attempts, and for orphans."""

from __future__ import annotations

from global_heat.client.calls import PROJECT, Calls, attempt_name, orphan_name
from global_heat.proto.v1 import attempt_service_pb2, orphan_service_pb2
from global_heat.proto.v1.attempt_service_pb2_grpc import AttemptServiceStub
from global_heat.proto.v1.orphan_service_pb2_grpc import OrphanServiceStub


class LeavingCalls(Calls):
    async def list_attempts(self, filter: str = "") -> list[attempt_service_pb2.Attempt]:
        request = attempt_service_pb2.ListAttemptsRequest(parent=PROJECT, filter=filter)
        return await self.all(AttemptServiceStub, "ListAttempts", request, "attempts")

    async def get_attempt(self, name: str) -> attempt_service_pb2.GetAttemptResponse:
        request = attempt_service_pb2.GetAttemptRequest(name=attempt_name(name))
        answer: attempt_service_pb2.GetAttemptResponse = await self.call(
            AttemptServiceStub, "GetAttempt", request
        )
        return answer

    async def list_removals(self, filter: str = "") -> list[attempt_service_pb2.Removal]:
        request = attempt_service_pb2.ListRemovalsRequest(parent=PROJECT, filter=filter)
        return await self.all(AttemptServiceStub, "ListRemovals", request, "removals")

    async def list_orphans(
        self, filter: str = "", *, adopted: bool = False
    ) -> list[orphan_service_pb2.Orphan]:
        request = orphan_service_pb2.ListOrphansRequest(parent=PROJECT, filter=filter, show_adopted=adopted)
        return await self.all(OrphanServiceStub, "ListOrphans", request, "orphans")

    async def orphan_searches(self) -> list[orphan_service_pb2.OrphanSearch]:
        """When each region was last searched for orphans."""
        request = orphan_service_pb2.ListOrphansRequest(parent=PROJECT, page_size=1)
        answer: orphan_service_pb2.ListOrphansResponse = await self.call(
            OrphanServiceStub, "ListOrphans", request
        )
        return list(answer.searches)

    async def adopt_orphan(self, name: str) -> orphan_service_pb2.Orphan:
        request = orphan_service_pb2.AdoptOrphanRequest(name=orphan_name(name))
        answer: orphan_service_pb2.AdoptOrphanResponse = await self.call(
            OrphanServiceStub, "AdoptOrphan", request
        )
        return answer.orphan

    async def delete_orphan(self, name: str) -> orphan_service_pb2.Orphan:
        request = orphan_service_pb2.DeleteOrphanRequest(name=orphan_name(name))
        answer: orphan_service_pb2.DeleteOrphanResponse = await self.call(
            OrphanServiceStub, "DeleteOrphan", request
        )
        return answer.orphan
