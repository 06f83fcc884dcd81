"""The service of operations. Whether one is done follows from its stack's header."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from typing import Any

from global_heat.api.auth import current
from global_heat.api.following import changes
from global_heat.api.names import check_request_id, own_project, parse_operation
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.records import operation_of
from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Project
from global_heat.model.records import Header, Operation
from global_heat.proto.v1 import operation_pb2, operation_service_pb2
from global_heat.proto.v1.operation_service_pb2_grpc import OperationServiceServicer
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.protocol import Store
from global_heat.store.reading import (
    Outcome,
    StackView,
    cleanup_pending,
    list_operations,
    outcome_of,
    read_operation,
    read_stack,
)

_ANSWER_SECONDS = 0.5
"""Kept of a call's time to answer in."""
_WAIT_SECONDS_MAX = 30.0
"""How long a call without a deadline may wait."""


async def tell(store: Store, operation: Operation) -> operation_pb2.Operation:
    """An operation with its progress as it stands."""
    view = await _view(store, operation)
    header = view.header if view else None
    told = operation_of(operation, header, outcome_of(operation, header), view)
    if view is not None and told.HasField("response"):
        told.response.cleanup_pending = await cleanup_pending(store, view)
    return told


class OperationService(OperationServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store

    async def ListOperations(
        self, request: operation_service_pb2.ListOperationsRequest, context: Any
    ) -> operation_service_pb2.ListOperationsResponse:
        project = own_project(request.parent, current().who)
        operations = await list_operations(self._store, project)
        headers = await self._headers(project, operations)
        told = [_listed(operation, headers.get(operation.stack)) for operation in operations]
        found = filtered(
            request.filter,
            told,
            {
                "stack": lambda operation: operation.metadata.stack.rpartition("/")[2],
                "done": lambda operation: str(operation.done).lower(),
                "verb": lambda operation: operation.metadata.verb,
            },
        )
        shown, token = page(request, found, _age, falling=True)
        return operation_service_pb2.ListOperationsResponse(operations=shown, next_page_token=token)

    async def GetOperation(
        self, request: operation_service_pb2.GetOperationRequest, context: Any
    ) -> operation_service_pb2.GetOperationResponse:
        operation = await self._read(request.name)
        return operation_service_pb2.GetOperationResponse(operation=await tell(self._store, operation))

    async def WaitOperation(
        self, request: operation_service_pb2.WaitOperationRequest, context: Any
    ) -> operation_service_pb2.WaitOperationResponse:
        operation = await self._read(request.name)
        remaining = context.time_remaining()
        seconds = _WAIT_SECONDS_MAX if remaining is None else max(0.0, remaining - _ANSWER_SECONDS)
        if request.HasField("timeout"):
            seconds = min(seconds, request.timeout.ToNanoseconds() / 1e9)
        try:
            async with asyncio.timeout(seconds) as limit:
                await self._done(operation)
        except TimeoutError:
            if not limit.expired():
                raise
        return operation_service_pb2.WaitOperationResponse(operation=await tell(self._store, operation))

    async def CancelOperation(
        self, request: operation_service_pb2.CancelOperationRequest, context: Any
    ) -> operation_service_pb2.CancelOperationResponse:
        operation = await self._read(request.name)
        request_id = check_request_id(request.request_id)
        caller = current().caller
        entry = await self._store.get(keys.header(operation.project, operation.stack))
        header = decode(Header, entry.value) if entry else None
        repeated = request_id and await self._store.get(keys.request(caller.project, request_id))
        if outcome_of(operation, header).done and not repeated:
            raise Invalid("the operation is over: nothing to cancel", reason=Reason.PRECONDITION)
        cancelling = await self._backend.wishes.cancel(caller, operation.stack, request_id, False)
        return operation_service_pb2.CancelOperationResponse(operation=await tell(self._store, cancelling))

    async def _read(self, name: str) -> Operation:
        who = current().who
        return await read_operation(self._store, who.project, parse_operation(name, who))

    async def _done(self, operation: Operation) -> None:
        """Return once it is over."""
        key = keys.header(operation.project, operation.stack)
        view = await _view(self._store, operation)
        if outcome_of(operation, view.header if view else None).done:
            return
        assert view is not None
        async with aclosing(changes(self._store, key, view.revision)) as stream:
            async for change in stream:
                header = decode(Header, change.value) if change.value is not None else None
                if outcome_of(operation, header).done:
                    return

    async def _headers(self, project: Project, operations: list[Operation]) -> dict[str, Header]:
        ids = sorted({operation.stack for operation in operations})
        entries = await asyncio.gather(*(self._store.get(keys.header(project, id), local=True) for id in ids))
        return {id: decode(Header, entry.value) for id, entry in zip(ids, entries, strict=True) if entry}


def _listed(operation: Operation, header: Header | None) -> operation_pb2.Operation:
    try:
        outcome = outcome_of(operation, header)
    except Transient:
        # The member asked knows the operation and not yet what it did: it has just begun.
        outcome = Outcome(done=False)
    return operation_of(operation, header, outcome)


async def _view(store: Store, operation: Operation) -> StackView | None:
    """None: the stack is gone."""
    try:
        return await read_stack(store, operation.project, operation.stack, local=False)
    except Invalid as error:
        if error.reason is not Reason.NOT_FOUND:
            raise
        return None


def _age(operation: operation_pb2.Operation) -> tuple[str, str]:
    return f"{operation.metadata.create_time.ToNanoseconds():024d}", operation.name
