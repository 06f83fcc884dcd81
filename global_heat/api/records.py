"""Records as the API's messages."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from global_heat.api.names import operation_name, region_name, replica_name, resource_name, stack_name
from global_heat.api.status import failure
from global_heat.model.names import Region
from global_heat.model.plan import Plan, Step
from global_heat.model.records import (
    Action,
    Event,
    EventBatch,
    Header,
    Incarnation,
    Operation,
    ReplicaRecord,
    ShardRecord,
    State,
)
from global_heat.proto.v1 import (
    event_pb2,
    operation_pb2,
    replica_service_pb2,
    resource_pb2,
    stack_pb2,
)
from global_heat.store.reading import Outcome, StackView, Wait

_RESOURCE_STATES: Final[Mapping[State, tuple[str, str]]] = {
    State.INTENT: ("CREATE", "IN_PROGRESS"),
    State.CREATED: ("CREATE", "IN_PROGRESS"),
    State.UPDATING: ("UPDATE", "IN_PROGRESS"),
    State.READY: ("CREATE", "COMPLETE"),
    State.FAILED: ("CREATE", "FAILED"),
    State.LEAVING: ("DELETE", "IN_PROGRESS"),
}


def timestamp(seconds: float) -> Timestamp | None:
    """None, which leaves a field unset, for a time that is not recorded."""
    if not seconds:
        return None
    message = Timestamp()
    message.FromDatetime(datetime.fromtimestamp(seconds, UTC))
    return message


def stack_of_header(header: Header, etag: str = "") -> stack_pb2.Stack:
    """A stack as lists show it."""
    return stack_pb2.Stack(
        name=stack_name(header.project, header.name),
        uid=header.id,
        etag=etag,
        action=stack_pb2.StackAction.Value(f"STACK_ACTION_{header.action}"),
        status=stack_pb2.StackStatus.Value(f"STACK_STATUS_{header.status}"),
        status_reason=header.reason,
        revision=header.revision,
        plan=header.plan,
        regions=[stack_pb2.RegionProgress(region=region_name(region)) for region in header.open],
        operation=operation_name(header.project, header.operation),
        create_time=timestamp(header.created_at),
        update_time=timestamp(header.updated_at),
        delete_time=timestamp(header.updated_at) if header.action is Action.DELETE else None,
        description=header.description,
        default_region=region_name(header.region),
        tags=header.tags,
    )


def stack_of_view(view: StackView) -> stack_pb2.Stack:
    """A stack with the progress of its regions."""
    stack = stack_of_header(view.header, view.etag)
    del stack.regions[:]
    stack.regions.extend(progress_of(view.header, view.shards, view.incarnations))
    return stack


def progress_of(
    header: Header, shards: Mapping[Region, ShardRecord], incarnations: Iterable[Incarnation]
) -> list[stack_pb2.RegionProgress]:
    standing: Counter[Region] = Counter()
    failed: Counter[Region] = Counter()
    for incarnation in incarnations:
        standing[incarnation.region] += 1 if incarnation.id else 0
        failed[incarnation.region] += incarnation.state is State.FAILED and incarnation.tried == header.plan
    current = {region for region, shard in shards.items() if shard.plan == header.plan}
    regions = sorted({*header.open, *current, *(region for region in standing if standing[region])})
    return [
        _progress(header, region, shards.get(region), standing[region], failed[region]) for region in regions
    ]


def _progress(
    header: Header, region: Region, shard: ShardRecord | None, standing: int, failed: int
) -> stack_pb2.RegionProgress:
    current = shard is not None and shard.plan == header.plan
    parked = shard.parked if shard and region in header.open else None
    if parked is not None:
        state = stack_pb2.SHARD_STATE_PARKED
    elif region in header.open:
        busy = current and shard is not None and shard.owner
        state = stack_pb2.SHARD_STATE_RUNNING if busy else stack_pb2.SHARD_STATE_WAITING
    else:
        state = stack_pb2.SHARD_STATE_FAILED if failed else stack_pb2.SHARD_STATE_DONE
    return stack_pb2.RegionProgress(
        region=region_name(region),
        state=state,
        steps_done=shard.done if shard and current else 0,
        steps_total=shard.steps if shard and current else 0,
        steps_failed=failed,
        since=timestamp(parked.since) if parked else None,
        reason=parked.on if parked else "",
        replica=replica_name(region, shard.owner or "") if shard and region in header.open else "",
        resources=standing,
    )


def resource_of(header: Header, incarnation: Incarnation) -> resource_pb2.Resource:
    action, status = _RESOURCE_STATES[incarnation.state]
    failed_later = incarnation.state is State.FAILED and incarnation.hashes
    if failed_later or (incarnation.state is State.READY and incarnation.updated):
        action = "UPDATE"
    if incarnation.external and incarnation.state is not State.LEAVING:
        action = "CHECK"
    return resource_pb2.Resource(
        name=resource_name(header.project, header.name, incarnation.path),
        path=incarnation.path,
        region=region_name(incarnation.region),
        type=incarnation.type,
        physical_id=incarnation.id,
        incarnation=incarnation.n,
        action=resource_pb2.ResourceAction.Value(f"RESOURCE_ACTION_{action}"),
        status=resource_pb2.ResourceStatus.Value(f"RESOURCE_STATUS_{status}"),
        status_reason=incarnation.reason,
        plan=incarnation.plan,
        needs=[ref.rpartition("#")[0] for ref in incarnation.requires],
        create_time=timestamp(incarnation.created_at),
        update_time=timestamp(incarnation.updated_at),
    )


def resource_of_step(header: Header, step: Step, plan: Plan) -> resource_pb2.Resource:
    """A resource that is planned and of which nothing is recorded yet."""
    return resource_pb2.Resource(
        name=resource_name(header.project, header.name, step.path),
        path=step.path,
        region=region_name(step.region),
        type=step.type,
        action=resource_pb2.RESOURCE_ACTION_CREATE,
        status=resource_pb2.RESOURCE_STATUS_WAITING,
        needs=[f"{need}@{plan.applies[need].region}" for need in step.needs],
    )


def event_of(header: Header, batch: EventBatch, index: int) -> event_pb2.Event:
    event: Event = batch.events[index]
    number = f"{batch.region}-{batch.seq}-{index}"
    return event_pb2.Event(
        name=f"{stack_name(header.project, header.name)}/events/{number}",
        region=region_name(batch.region),
        resource=event.path,
        type=event.type,
        action=event.action,
        status=event.status,
        reason=event.reason,
        physical_id=event.id,
        time=timestamp(event.at),
    )


def operation_of(
    operation: Operation, header: Header | None, outcome: Outcome, view: StackView | None = None
) -> operation_pb2.Operation:
    """An operation with what its stack's records say of it. `view` adds the progress of the regions."""
    metadata = operation_pb2.OperationMetadata(
        stack=stack_name(operation.project, operation.stack_name),
        stack_uid=operation.stack,
        verb=operation.verb,
        phase=_phase(outcome, view),
        create_time=timestamp(operation.created_at),
        plan=operation.plan,
    )
    if view is not None and not outcome.superseded:
        metadata.regions.extend(progress_of(view.header, view.shards, view.incarnations))
    if outcome.done and header is not None and not outcome.superseded and header.ended_at:
        metadata.end_time.FromDatetime(datetime.fromtimestamp(header.ended_at, UTC))
    message = operation_pb2.Operation(
        name=operation_name(operation.project, operation.id), metadata=metadata, done=outcome.done
    )
    if outcome.error:
        message.error.CopyFrom(failure(outcome.error))
    elif outcome.done and header is not None:
        message.response.CopyFrom(stack_of_header(header))
    elif outcome.done:
        message.response.name = metadata.stack
        message.response.uid = operation.stack
    return message


def _phase(outcome: Outcome, view: StackView | None) -> operation_pb2.OperationPhase.ValueType:
    if outcome.superseded:
        return operation_pb2.OPERATION_PHASE_SUPERSEDED
    if outcome.done:
        failed = operation_pb2.OPERATION_PHASE_FAILED
        return failed if outcome.error else operation_pb2.OPERATION_PHASE_SUCCEEDED
    if view is not None:
        parked = {region for region, shard in view.shards.items() if shard.parked}
        if view.header.open and parked.issuperset(view.header.open):
            return operation_pb2.OPERATION_PHASE_PARKED
    return operation_pb2.OPERATION_PHASE_RUNNING


def wait_of(wait: Wait) -> stack_pb2.Wait:
    return stack_pb2.Wait(
        region=region_name(wait.region),
        reason=wait.on,
        since=timestamp(wait.since),
        replica=replica_name(wait.region, wait.owner),
    )


def replica_of(replica: ReplicaRecord, claims: int) -> replica_service_pb2.Replica:
    return replica_service_pb2.Replica(
        name=replica_name(replica.region, replica.id),
        address=replica.address,
        version=replica.version,
        start_time=timestamp(replica.started_at),
        claims=claims,
    )
