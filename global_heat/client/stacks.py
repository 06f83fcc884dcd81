"""Calls for stacks, their resources and events."""

from __future__ import annotations

from collections.abc import AsyncIterator

from global_heat.client.calls import PROJECT, Calls, stack_name
from global_heat.model.values import Json
from global_heat.proto.v1 import (
    event_pb2,
    event_service_pb2,
    operation_pb2,
    plan_pb2,
    resource_pb2,
    resource_service_pb2,
    stack_pb2,
    stack_service_pb2,
)
from global_heat.proto.v1.event_service_pb2_grpc import EventServiceStub
from global_heat.proto.v1.resource_service_pb2_grpc import ResourceServiceStub
from global_heat.proto.v1.stack_service_pb2_grpc import StackServiceStub
from global_heat.proto.values import json_to_value


class StackCalls(Calls):
    async def create_stack(
        self, name: str, spec: stack_pb2.StackSpec, *, request_id: str = "", validate_only: bool = False
    ) -> operation_pb2.Operation:
        request = stack_service_pb2.CreateStackRequest(
            parent=PROJECT,
            stack_id=name,
            stack=stack_pb2.Stack(spec=spec),
            request_id=request_id or self.new_id(),
            validate_only=validate_only,
        )
        return await self.operation(StackServiceStub, "CreateStack", request)

    async def update_stack(
        self, stack: stack_pb2.Stack, *, mask: tuple[str, ...] = (), request_id: str = ""
    ) -> operation_pb2.Operation:
        """`stack`: name, spec, etag if it must be as it was read. `mask`: the parts of the spec to take."""
        request = stack_service_pb2.UpdateStackRequest(stack=stack, request_id=request_id or self.new_id())
        request.stack.name = stack_name(stack.name)
        request.update_mask.paths.extend(mask)
        return await self.operation(StackServiceStub, "UpdateStack", request)

    async def apply_stack(
        self, stack: stack_pb2.Stack, *, must_not_exist: bool = False, request_id: str = ""
    ) -> operation_pb2.Operation:
        request = stack_service_pb2.ApplyStackRequest(
            stack=stack, must_not_exist=must_not_exist, request_id=request_id or self.new_id()
        )
        request.stack.name = stack_name(stack.name)
        return await self.operation(StackServiceStub, "ApplyStack", request)

    async def delete_stack(
        self, name: str, *, etag: str = "", allow_missing: bool = False, request_id: str = ""
    ) -> operation_pb2.Operation | None:
        """None: there was nothing to delete."""
        request = stack_service_pb2.DeleteStackRequest(
            name=stack_name(name),
            etag=etag,
            allow_missing=allow_missing,
            request_id=request_id or self.new_id(),
        )
        answer = await self.call(StackServiceStub, "DeleteStack", request)
        return answer.operation if answer.HasField("operation") else None

    async def cancel_stack(
        self, name: str, *, rollback: bool = False, request_id: str = ""
    ) -> operation_pb2.Operation:
        request = stack_service_pb2.CancelStackRequest(
            name=stack_name(name), rollback=rollback, request_id=request_id or self.new_id()
        )
        return await self.operation(StackServiceStub, "CancelStack", request)

    async def get_stack(self, name: str, *, full: bool = True) -> stack_pb2.Stack:
        view = stack_pb2.STACK_VIEW_FULL if full else stack_pb2.STACK_VIEW_BASIC
        request = stack_service_pb2.GetStackRequest(name=stack_name(name), view=view)
        answer: stack_service_pb2.GetStackResponse = await self.call(StackServiceStub, "GetStack", request)
        return answer.stack

    async def list_stacks(self, filter: str = "") -> list[stack_pb2.Stack]:
        request = stack_service_pb2.ListStacksRequest(parent=PROJECT, filter=filter)
        return await self.all(StackServiceStub, "ListStacks", request, "stacks")

    async def plan_stack(self, stack: stack_pb2.Stack, *, delete: bool = False) -> plan_pb2.Plan:
        request = stack_service_pb2.PlanStackRequest(stack=stack, delete=delete)
        request.stack.name = stack_name(stack.name)
        answer: stack_service_pb2.PlanStackResponse = await self.call(StackServiceStub, "PlanStack", request)
        return answer.plan

    async def validate(self, spec: stack_pb2.StackSpec) -> stack_service_pb2.ValidateTemplateResponse:
        request = stack_service_pb2.ValidateTemplateRequest(parent=PROJECT, spec=spec)
        answer: stack_service_pb2.ValidateTemplateResponse = await self.call(
            StackServiceStub, "ValidateTemplate", request
        )
        return answer

    async def explain_stack(self, name: str) -> stack_service_pb2.ExplainStackResponse:
        request = stack_service_pb2.ExplainStackRequest(name=stack_name(name))
        answer: stack_service_pb2.ExplainStackResponse = await self.call(
            StackServiceStub, "ExplainStack", request
        )
        return answer

    async def get_outputs(self, name: str) -> list[stack_pb2.StackOutput]:
        request = stack_service_pb2.GetOutputsRequest(name=stack_name(name))
        answer: stack_service_pb2.GetOutputsResponse = await self.call(
            StackServiceStub, "GetOutputs", request
        )
        return list(answer.outputs)

    def watch_stack(
        self, name: str, *, until_done: bool = False, resume_token: str = ""
    ) -> AsyncIterator[stack_service_pb2.WatchStackResponse]:
        """Goes on elsewhere when a replica is lost. A `stack` in the middle may be a new beginning."""

        def request_from(token: str) -> stack_service_pb2.WatchStackRequest:
            return stack_service_pb2.WatchStackRequest(
                name=stack_name(name), resume_token=token, until_done=until_done
            )

        return self.connection.stream(StackServiceStub, "WatchStack", request_from, resume_token)

    async def list_resources(self, stack: str, filter: str = "") -> list[resource_pb2.Resource]:
        request = resource_service_pb2.ListResourcesRequest(parent=stack_name(stack), filter=filter)
        return await self.all(ResourceServiceStub, "ListResources", request, "resources")

    async def get_resource(self, stack: str, path: str) -> resource_pb2.Resource:
        name = f"{stack_name(stack)}/resources/{path.replace('/', '%2F')}"
        request = resource_service_pb2.GetResourceRequest(name=name)
        answer: resource_service_pb2.GetResourceResponse = await self.call(
            ResourceServiceStub, "GetResource", request
        )
        return answer.resource

    async def signal_resource(self, stack: str, path: str, data: Json = None, *, request_id: str = "") -> str:
        """The signal's id; empty: it said nothing."""
        request = resource_service_pb2.SignalResourceRequest(
            name=f"{stack_name(stack)}/resources/{path.replace('/', '%2F')}",
            data=json_to_value(data),
            request_id=request_id or self.new_id(),
        )
        answer: resource_service_pb2.SignalResourceResponse = await self.call(
            ResourceServiceStub, "SignalResource", request
        )
        return answer.id

    async def list_events(
        self, stack: str, filter: str = "", *, newest_first: bool = False
    ) -> list[event_pb2.Event]:
        request = event_service_pb2.ListEventsRequest(
            parent=stack_name(stack), filter=filter, newest_first=newest_first
        )
        return await self.all(EventServiceStub, "ListEvents", request, "events")
