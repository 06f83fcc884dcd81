"""The service of suspect orphans. What an operator decides is a record; an engine carries it out."""

from __future__ import annotations

from typing import Any

from global_heat.api.auth import current
from global_heat.api.names import orphan_name, own_project, parse_orphan, region_name
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.records import timestamp
from global_heat.model.leavings import Orphan, OrphanState
from global_heat.proto.v1 import orphan_service_pb2
from global_heat.proto.v1.orphan_service_pb2_grpc import OrphanServiceServicer
from global_heat.store.leavings import decide, list_looks, list_orphans


class OrphanService(OrphanServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    async def ListOrphans(
        self, request: orphan_service_pb2.ListOrphansRequest, context: Any
    ) -> orphan_service_pb2.ListOrphansResponse:
        project = own_project(request.parent, current().who)
        orphans = [
            orphan
            for orphan in await list_orphans(self._store, project)
            if request.show_adopted or orphan.state is not OrphanState.ADOPTED
        ]
        found = filtered(
            request.filter,
            orphans,
            {
                "region": lambda orphan: orphan.region,
                "kind": lambda orphan: orphan.kind,
                "state": lambda orphan: orphan.state,
            },
        )
        shown, token = page(request, found, lambda orphan: (f"{orphan.first_seen:020.6f}", orphan.handle))
        searches = [
            orphan_service_pb2.OrphanSearch(
                region=region_name(look.region),
                time=timestamp(look.at),
                failures=look.failed.get(project, ()),
            )
            for look in await list_looks(self._store)
        ]
        return orphan_service_pb2.ListOrphansResponse(
            orphans=[orphan_of(orphan) for orphan in shown], next_page_token=token, searches=searches
        )

    async def AdoptOrphan(
        self, request: orphan_service_pb2.AdoptOrphanRequest, context: Any
    ) -> orphan_service_pb2.AdoptOrphanResponse:
        orphan = await self._decide(request.name, OrphanState.ADOPTED)
        return orphan_service_pb2.AdoptOrphanResponse(orphan=orphan)

    async def DeleteOrphan(
        self, request: orphan_service_pb2.DeleteOrphanRequest, context: Any
    ) -> orphan_service_pb2.DeleteOrphanResponse:
        orphan = await self._decide(request.name, OrphanState.CONDEMNED)
        return orphan_service_pb2.DeleteOrphanResponse(orphan=orphan)

    async def _decide(self, name: str, state: OrphanState) -> orphan_service_pb2.Orphan:
        who = current().who
        return orphan_of(await decide(self._store, who.project, parse_orphan(name, who), state, who.user))


def orphan_of(orphan: Orphan) -> orphan_service_pb2.Orphan:
    return orphan_service_pb2.Orphan(
        name=orphan_name(orphan.project, orphan.handle),
        region=region_name(orphan.region),
        kind=orphan.kind,
        type=orphan.type,
        physical_id=orphan.id,
        token=orphan.token,
        reason=orphan.why,
        make_time=timestamp(orphan.made_at),
        first_seen_time=timestamp(orphan.first_seen),
        state=orphan_service_pb2.OrphanState.Value(f"ORPHAN_STATE_{orphan.state}"),
        user=orphan.by,
        stuck=orphan.stuck,
    )
