"""The service of events."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec

from global_heat.api.auth import current
from global_heat.api.following import Follower, Place
from global_heat.api.names import parse_stack
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.records import event_of
from global_heat.model.records import Event, EventBatch
from global_heat.proto.v1 import event_service_pb2
from global_heat.proto.v1.event_service_pb2_grpc import EventServiceServicer
from global_heat.store.reading import StackView, read_events, read_stack, resolve_name


class _Recorded(msgspec.Struct, frozen=True):
    revision: int
    batch: EventBatch
    index: int

    @property
    def event(self) -> Event:
        return self.batch.events[self.index]

    @property
    def key(self) -> tuple[str, str, str]:
        """Events are ordered by the store's revision, over all regions; then as their commit lists them."""
        return f"{self.revision:020d}", self.batch.region, f"{self.index:09d}"


class EventService(EventServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    async def ListEvents(
        self, request: event_service_pb2.ListEventsRequest, context: Any
    ) -> event_service_pb2.ListEventsResponse:
        view = await self._read(request.parent)
        batches = await read_events(self._store, view.header.project, view.header.id)
        events = [
            _Recorded(revision, batch, index)
            for revision, batch in batches
            for index in range(len(batch.events))
        ]
        found = filtered(
            request.filter,
            events,
            {
                "resource": lambda recorded: recorded.event.path,
                "region": lambda recorded: recorded.batch.region,
                "status": lambda recorded: recorded.event.status,
                "action": lambda recorded: recorded.event.action,
                "type": lambda recorded: recorded.event.type,
            },
        )
        shown, token = page(request, found, lambda recorded: recorded.key, falling=request.newest_first)
        return event_service_pb2.ListEventsResponse(
            events=[event_of(view.header, recorded.batch, recorded.index) for recorded in shown],
            next_page_token=token,
        )

    async def WatchEvents(
        self, request: event_service_pb2.WatchEventsRequest, context: Any
    ) -> AsyncIterator[event_service_pb2.WatchEventsResponse]:
        view = await self._read(request.parent)
        place = Place.parse(request.resume_token) if request.resume_token else Place(view.revision)
        async with aclosing(Follower(self._store, view).items(place)) as items:
            async for item in items:
                if item.event is not None:
                    event = event_of(view.header, item.event.batch, item.event.index)
                    yield event_service_pb2.WatchEventsResponse(resume_token=str(item.place), event=event)

    async def _read(self, parent: str) -> StackView:
        who = current().who
        id = await resolve_name(self._store, who.project, parse_stack(parent, who, "parent"))
        return await read_stack(self._store, who.project, id)
