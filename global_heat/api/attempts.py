"""The service of the ledger: attempts, and what the sweeper removed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from global_heat.api.auth import current
from global_heat.api.names import (
    attempt_name,
    own_project,
    parse_attempt,
    region_name,
    removal_name,
    stack_name,
)
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.records import timestamp
from global_heat.model.leavings import Removal
from global_heat.model.records import Attempt
from global_heat.proto.v1 import attempt_service_pb2
from global_heat.proto.v1.attempt_service_pb2_grpc import AttemptServiceServicer
from global_heat.store.leavings import list_attempts, list_removals, read_attempt


class AttemptService(AttemptServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._store = backend.store

    async def ListAttempts(
        self, request: attempt_service_pb2.ListAttemptsRequest, context: Any
    ) -> attempt_service_pb2.ListAttemptsResponse:
        attempts = await list_attempts(self._store, own_project(request.parent, current().who))
        found = filtered(
            request.filter,
            attempts,
            {
                "open": lambda attempt: str(attempt.open).lower(),
                "pending": lambda attempt: str(attempt.pending).lower(),
                "stuck": lambda attempt: attempt.stuck,
                "state": lambda attempt: attempt.state,
                "stack": lambda attempt: attempt.stack,
                "resource": lambda attempt: attempt.path,
                "region": lambda attempt: attempt.region,
                "kind": lambda attempt: attempt.kind,
            },
        )
        shown, token = page(request, found, _age_of_attempt, falling=True)
        return attempt_service_pb2.ListAttemptsResponse(
            attempts=[attempt_of(attempt) for attempt in shown], next_page_token=token
        )

    async def GetAttempt(
        self, request: attempt_service_pb2.GetAttemptRequest, context: Any
    ) -> attempt_service_pb2.GetAttemptResponse:
        who = current().who
        attempt = await read_attempt(self._store, who.project, parse_attempt(request.name, who))
        removals = await list_removals(self._store, who.project)
        own = sorted((each for each in removals if each.token == attempt.token), key=_age_of_removal)
        return attempt_service_pb2.GetAttemptResponse(
            attempt=attempt_of(attempt), removals=[removal_of(removal) for removal in own]
        )

    async def ListRemovals(
        self, request: attempt_service_pb2.ListRemovalsRequest, context: Any
    ) -> attempt_service_pb2.ListRemovalsResponse:
        removals: Sequence[Removal] = await list_removals(
            self._store, own_project(request.parent, current().who)
        )
        found = filtered(
            request.filter,
            removals,
            {
                "stack": lambda removal: removal.stack,
                "attempt": lambda removal: removal.token,
                "region": lambda removal: removal.region,
                "kind": lambda removal: removal.kind,
            },
        )
        shown, token = page(request, found, _age_of_removal, falling=True)
        return attempt_service_pb2.ListRemovalsResponse(
            removals=[removal_of(removal) for removal in shown], next_page_token=token
        )


def attempt_of(attempt: Attempt) -> attempt_service_pb2.Attempt:
    return attempt_service_pb2.Attempt(
        name=attempt_name(attempt.project, attempt.token),
        stack=stack_name(attempt.project, attempt.stack),
        region=region_name(attempt.region),
        resource=attempt.path,
        incarnation=attempt.n,
        type=attempt.type,
        kind=attempt.kind,
        state=attempt_service_pb2.AttemptState.Value(f"ATTEMPT_STATE_{attempt.state}"),
        physical_id=attempt.id,
        seen=attempt.seen,
        pending=attempt.pending,
        open=attempt.open,
        stuck=attempt.stuck,
        start_time=timestamp(attempt.started_at),
        expire_time=timestamp(attempt.cred_expires_at),
        look_time=timestamp(attempt.looked_at),
    )


def removal_of(removal: Removal) -> attempt_service_pb2.Removal:
    return attempt_service_pb2.Removal(
        name=removal_name(removal.project, removal.handle),
        region=region_name(removal.region),
        kind=removal.kind,
        physical_id=removal.id,
        attempt=attempt_name(removal.project, removal.token),
        stack=stack_name(removal.project, removal.stack) if removal.stack else "",
        reason=removal.why,
        replica=removal.replica,
        time=timestamp(removal.at),
        answer=removal.answer,
    )


def _age_of_attempt(attempt: Attempt) -> tuple[str, str]:
    return f"{attempt.started_at:020.6f}", attempt.token


def _age_of_removal(removal: Removal) -> tuple[str, str]:
    return f"{removal.at:020.6f}", removal.handle
