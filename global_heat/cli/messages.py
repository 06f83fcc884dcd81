"""The API's messages as plain rows for printing."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from global_heat.client import ApiError
from global_heat.proto.v1 import (
    event_pb2,
    operation_pb2,
    plan_pb2,
    region_pb2,
    replica_service_pb2,
    resource_pb2,
    stack_pb2,
)
from global_heat.proto.values import struct_to_json, value_to_json


def last(name: str) -> str:
    """The last part of a name: `regions/RegionOne` → `RegionOne`."""
    return name.rpartition("/")[2]


def stack_row(stack: stack_pb2.Stack) -> dict[str, Any]:
    row: dict[str, Any] = {
        "name": last(stack.name),
        "id": stack.uid,
        "status": stack_state(stack),
        "reason": stack.status_reason,
        "default_region": last(stack.default_region),
        "waiting_for": [
            last(each.region) for each in stack.regions if each.state != stack_pb2.SHARD_STATE_DONE
        ],
        "tags": list(stack.tags),
        "description": stack.description,
        "created": time(stack, "create_time"),
        "updated": time(stack, "update_time"),
        "revision": stack.revision,
        "plan": stack.plan,
        "operation": last(stack.operation),
        "etag": stack.etag,
    }
    return row


def stack_record(stack: stack_pb2.Stack) -> dict[str, Any]:
    """A stack in view FULL."""
    return stack_row(stack) | {
        "regions": [progress_row(each) for each in stack.regions],
        "parameters": struct_to_json(stack.spec.parameters),
        "outputs": {output.key: output_value(output) for output in stack.outputs},
        "rollback": stack.spec.rollback,
        "cleanup_pending": stack.cleanup_pending,
    }


def stack_state(stack: stack_pb2.Stack) -> str:
    """As Heat says it: `CREATE_COMPLETE`."""
    action = stack_pb2.StackAction.Name(stack.action).removeprefix("STACK_ACTION_")
    status = stack_pb2.StackStatus.Name(stack.status).removeprefix("STACK_STATUS_")
    return f"{action}_{status}"


def progress_row(progress: stack_pb2.RegionProgress) -> dict[str, Any]:
    return {
        "region": last(progress.region),
        "state": stack_pb2.ShardState.Name(progress.state).removeprefix("SHARD_STATE_"),
        "done": progress.steps_done,
        "steps": progress.steps_total,
        "failed": progress.steps_failed,
        "resources": progress.resources,
        "reason": progress.reason,
        "replica": last(progress.replica),
        "since": time(progress, "since"),
    }


def output_row(output: stack_pb2.StackOutput) -> dict[str, Any]:
    return {
        "key": output.key,
        "value": output_value(output),
        "description": output.description,
        "error": output.error,
    }


def output_value(output: stack_pb2.StackOutput) -> Any:
    return value_to_json(output.value) if output.HasField("value") else None


def resource_row(resource: resource_pb2.Resource) -> dict[str, Any]:
    action = resource_pb2.ResourceAction.Name(resource.action).removeprefix("RESOURCE_ACTION_")
    status = resource_pb2.ResourceStatus.Name(resource.status).removeprefix("RESOURCE_STATUS_")
    row: dict[str, Any] = {
        "region": last(resource.region),
        "resource": resource.path,
        "type": resource.type,
        "status": f"{action}_{status}",
        "physical_id": resource.physical_id,
        "reason": resource.status_reason,
        "needs": list(resource.needs),
        "hooks": list(resource.hooks),
        "incarnation": resource.incarnation,
        "created": time(resource, "create_time"),
        "updated": time(resource, "update_time"),
    }
    if resource.HasField("attributes"):
        row["attributes"] = struct_to_json(resource.attributes)
    return row


def event_row(event: event_pb2.Event) -> dict[str, Any]:
    return {
        "time": time(event, "time"),
        "region": last(event.region),
        "resource": event.resource,
        "status": f"{event.action}_{event.status}",
        "reason": event.reason,
        "type": event.type,
        "physical_id": event.physical_id,
        "event": last(event.name),
    }


def operation_row(operation: operation_pb2.Operation) -> dict[str, Any]:
    metadata = operation.metadata
    return {
        "operation": last(operation.name),
        "stack": last(metadata.stack),
        "verb": metadata.verb,
        "phase": operation_pb2.OperationPhase.Name(metadata.phase).removeprefix("OPERATION_PHASE_"),
        "done": operation.done,
        "error": ApiError.of_status(operation.error).message if operation.HasField("error") else "",
        "created": time(metadata, "create_time"),
        "ended": time(metadata, "end_time"),
        "regions": [progress_row(each) for each in metadata.regions],
        "cleanup_pending": operation.response.cleanup_pending,
    }


def region_row(region: region_pb2.Region) -> dict[str, Any]:
    return {
        "region": last(region.name),
        "state": region_pb2.RegionState.Name(region.state).removeprefix("REGION_STATE_"),
        "reason": region.reason,
        "cloud": region.cloud,
        "auth_url": region.auth_url,
        "catalog_region": region.catalog_region,
        "interface": region.interface,
        "replicas": region.replicas,
        "claims": region.claims,
        "queued": region.queued,
        "exec_seconds": region.exec_seconds,
        "lag_seconds": region.lag_seconds,
        "skew_seconds": region.skew_seconds,
        "insecure": region.insecure,
        "ca_file": region.ca_file,
    }


def replica_row(replica: replica_service_pb2.Replica) -> dict[str, Any]:
    _, region, _, id = replica.name.split("/")
    return {
        "replica": id,
        "region": region,
        "address": replica.address,
        "version": replica.version,
        "started": time(replica, "start_time"),
        "claims": replica.claims,
    }


def plan_record(plan: plan_pb2.Plan) -> dict[str, Any]:
    return {
        "stack": last(plan.stack),
        "etag": plan.etag,
        "empty": plan.empty,
        "regions": [summary_row(summary) for summary in plan.regions],
        "resources": [planned_row(resource) for resource in plan.resources],
        "critical_path": list(plan.critical_path),
        "warnings": warning_rows(plan.warnings),
    }


def summary_row(summary: plan_pb2.RegionSummary) -> dict[str, Any]:
    return {
        "region": last(summary.region),
        "add": summary.add,
        "change": summary.change,
        "replace": summary.replace,
        "delete": summary.delete,
        "keep": summary.keep,
        "retain": summary.retain,
    }


def planned_row(resource: plan_pb2.PlannedResource) -> dict[str, Any]:
    return {
        "region": last(resource.region),
        "resource": resource.path,
        "type": resource.type,
        "action": plan_pb2.PlannedAction.Name(resource.action).removeprefix("PLANNED_ACTION_").lower(),
        "changes": [change.path for change in resource.changes],
        "forces_replacement": [change.path for change in resource.changes if change.forces_replacement],
        "refused": resource.refused,
        "needs": list(resource.needs),
    }


def warning_rows(warnings: Iterable[plan_pb2.PlanWarning]) -> list[dict[str, Any]]:
    return [{"path": each.path, "message": each.message, "reason": each.reason} for each in warnings]


def time(message: Any, field: str) -> str:
    """A time in UTC, to the second; empty when it is not recorded."""
    if not message.HasField(field):
        return ""
    found: Timestamp = getattr(message, field)
    return found.ToDatetime().strftime("%Y-%m-%dT%H:%M:%SZ")
