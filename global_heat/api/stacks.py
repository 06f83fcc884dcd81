"""The service of stacks: wishes in, records out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import aclosing
from typing import Any

import msgspec

from global_heat.api.auth import current
from global_heat.api.documents import outputs_of, parameters_of
from global_heat.api.following import Follower, Item, Place
from global_heat.api.names import check_request_id, operation_name, own_project, parse_stack, stack_name
from global_heat.api.operations import tell
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.previews import plan_of, warnings_of
from global_heat.api.records import event_of, progress_of, stack_of_header, stack_of_view, wait_of
from global_heat.api.sources import merged, source_of, spec_of
from global_heat.api.wishing import Preview, Spec, Wishing
from global_heat.model.errors import Fault, Invalid, Reason
from global_heat.model.records import Header
from global_heat.proto.v1 import operation_pb2, stack_pb2, stack_service_pb2
from global_heat.proto.v1.stack_service_pb2_grpc import StackServiceServicer
from global_heat.proto.values import json_to_value
from global_heat.store.reading import (
    StackView,
    Wait,
    cleanup_pending,
    explain_waits,
    list_stacks,
)

_MASKABLE = ("template", "environment", "files", "parameters", "tags", "rollback")


class StackService(StackServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self._wishing = Wishing(backend)

    # wishes

    async def CreateStack(
        self, request: stack_service_pb2.CreateStackRequest, context: Any
    ) -> stack_service_pb2.CreateStackResponse:
        call = current()
        own_project(request.parent, call.who)
        spec = _spec(request.stack.spec)
        if request.validate_only:
            preview = await self._wishing.preview(call, request.stack_id, spec)
            if preview.etag:
                raise Invalid(f"a stack {request.stack_id!r} exists already", reason=Reason.ALREADY_EXISTS)
            return stack_service_pb2.CreateStackResponse(operation=_validated(preview))
        request_id = check_request_id(request.request_id)
        operation = await self._wishing.create(call, request.stack_id, spec, request_id)
        return stack_service_pb2.CreateStackResponse(operation=await tell(self._store, operation))

    async def UpdateStack(
        self, request: stack_service_pb2.UpdateStackRequest, context: Any
    ) -> stack_service_pb2.UpdateStackResponse:
        call = current()
        name = parse_stack(request.stack.name, call.who, "stack.name")
        etag = request.stack.etag
        request_id = check_request_id(request.request_id)
        paths = _mask(request.update_mask.paths)

        def alter(old: Spec) -> Spec:
            return _altered(old, request.stack.spec, paths) if paths else _spec(request.stack.spec)

        if request.validate_only:
            view = await self._wishing.read(call, name)
            spec = alter(await self._wishing.recorded(view))
            preview = await self._wishing.preview(call, name, spec, etag)
            return stack_service_pb2.UpdateStackResponse(operation=_validated(preview))
        if paths:
            said = request.stack.SerializeToString(deterministic=True)
            operation = await self._wishing.change(call, name, alter, (said, paths), request_id, etag)
        else:
            spec = _spec(request.stack.spec)
            operation = await self._wishing.update(call, name, spec, request_id, etag)
        return stack_service_pb2.UpdateStackResponse(operation=await tell(self._store, operation))

    async def ApplyStack(
        self, request: stack_service_pb2.ApplyStackRequest, context: Any
    ) -> stack_service_pb2.ApplyStackResponse:
        call = current()
        name = parse_stack(request.stack.name, call.who, "stack.name")
        spec = _spec(request.stack.spec)
        if request.validate_only:
            preview = await self._wishing.preview(call, name, spec, request.stack.etag)
            if preview.etag and request.must_not_exist:
                raise Invalid(f"a stack {name!r} exists already", reason=Reason.ALREADY_EXISTS)
            return stack_service_pb2.ApplyStackResponse(operation=_validated(preview))
        operation = await self._wishing.apply(
            call, name, spec, check_request_id(request.request_id), request.stack.etag, request.must_not_exist
        )
        return stack_service_pb2.ApplyStackResponse(operation=await tell(self._store, operation))

    async def DeleteStack(
        self, request: stack_service_pb2.DeleteStackRequest, context: Any
    ) -> stack_service_pb2.DeleteStackResponse:
        call = current()
        name = parse_stack(request.name, call.who)
        request_id = check_request_id(request.request_id)
        try:
            if request.validate_only:
                told = _validated(await self._wishing.preview_delete(call, name, request.etag))
            else:
                operation = await self._backend.wishes.delete(call.caller, name, request_id, request.etag)
                told = await tell(self._store, operation)
        except Invalid as error:
            if error.reason is Reason.NOT_FOUND and request.allow_missing:
                return stack_service_pb2.DeleteStackResponse()
            raise
        return stack_service_pb2.DeleteStackResponse(operation=told)

    async def CancelStack(
        self, request: stack_service_pb2.CancelStackRequest, context: Any
    ) -> stack_service_pb2.CancelStackResponse:
        call = current()
        name = parse_stack(request.name, call.who)
        operation = await self._backend.wishes.cancel(
            call.caller, name, check_request_id(request.request_id), request.rollback
        )
        return stack_service_pb2.CancelStackResponse(operation=await tell(self._store, operation))

    # records

    async def GetStack(
        self, request: stack_service_pb2.GetStackRequest, context: Any
    ) -> stack_service_pb2.GetStackResponse:
        view = await self._read(request.name)
        stack = stack_of_view(view)
        if request.view != stack_pb2.STACK_VIEW_BASIC:
            documents, header = self._backend.documents, view.header
            source = await documents.source(header.project, header.id, header.revision)
            shown = {name for name, schema in parameters_of(source).items() if not schema.hidden}
            stack.spec.CopyFrom(spec_of(source, shown, header.region))
            stack.spec.tags.extend(header.tags)
            stack.spec.rollback = header.rollback
            stack.outputs.extend(await self._outputs(view))
            stack.cleanup_pending = await cleanup_pending(self._store, view)
        return stack_service_pb2.GetStackResponse(stack=stack)

    async def ListStacks(
        self, request: stack_service_pb2.ListStacksRequest, context: Any
    ) -> stack_service_pb2.ListStacksResponse:
        project = own_project(request.parent, current().who)
        found = filtered(
            request.filter,
            await list_stacks(self._store, project),
            {
                "name": lambda each: each.header.name,
                "status": lambda each: (each.header.status.value, each.header.state),
                "action": lambda each: each.header.action.value,
                "region": lambda each: each.header.region,
                "tag": lambda each: each.header.tags,
            },
        )
        shown, token = page(request, found, lambda each: (each.header.name,))
        return stack_service_pb2.ListStacksResponse(
            stacks=[stack_of_header(each.header, each.etag) for each in shown], next_page_token=token
        )

    async def PlanStack(
        self, request: stack_service_pb2.PlanStackRequest, context: Any
    ) -> stack_service_pb2.PlanStackResponse:
        call = current()
        name = parse_stack(request.stack.name, call.who, "stack.name")
        noted: Sequence[Fault] = ()
        if request.delete:
            preview = await self._wishing.preview_delete(call, name, request.stack.etag)
        else:
            spec = _spec(request.stack.spec)
            preview = await self._wishing.preview(call, name, spec, request.stack.etag)
            noted = await self._wishing.warnings(spec.source)
        told = plan_of(preview.header, preview.etag, preview.plan, preview.checked.not_checked, noted)
        return stack_service_pb2.PlanStackResponse(plan=told)

    async def ValidateTemplate(
        self, request: stack_service_pb2.ValidateTemplateRequest, context: Any
    ) -> stack_service_pb2.ValidateTemplateResponse:
        call = current()
        own_project(request.parent, call.who)
        spec = _spec(request.spec)
        tree, checked = await self._wishing.validate(call, spec)
        parameters = [
            stack_service_pb2.TemplateParameter(
                name=name,
                type=schema.type,
                description=schema.description,
                required=schema.default is None,
                hidden=schema.hidden,
            )
            for name, schema in parameters_of(spec.source).items()
        ]
        return stack_service_pb2.ValidateTemplateResponse(
            description=tree.description,
            parameters=parameters,
            warnings=warnings_of(checked.not_checked, await self._wishing.warnings(spec.source)),
        )

    async def ExplainStack(
        self, request: stack_service_pb2.ExplainStackRequest, context: Any
    ) -> stack_service_pb2.ExplainStackResponse:
        view = await self._read(request.name)
        waits = [wait_of(self._honest(wait)) for wait in await explain_waits(self._store, view)]
        return stack_service_pb2.ExplainStackResponse(stack=stack_of_view(view), waits=waits)

    def _honest(self, wait: Wait) -> Wait:
        """A step that waits for an answer from a region that is down waits for the region."""
        trouble = self._backend.health.trouble(wait.region)
        if trouble is None or trouble in wait.on:
            return wait
        return msgspec.structs.replace(wait, on=f"{wait.region}: {trouble} ({wait.on})")

    async def GetOutputs(
        self, request: stack_service_pb2.GetOutputsRequest, context: Any
    ) -> stack_service_pb2.GetOutputsResponse:
        view = await self._read(request.name)
        return stack_service_pb2.GetOutputsResponse(outputs=await self._outputs(view))

    async def WatchStack(
        self, request: stack_service_pb2.WatchStackRequest, context: Any
    ) -> AsyncIterator[stack_service_pb2.WatchStackResponse]:
        view = await self._read(request.name)
        follower = Follower(self._store, view)
        place = Place.parse(request.resume_token) if request.resume_token else None
        if place is None:
            place = Place(view.revision)
            first = stack_of_view(view)
            yield stack_service_pb2.WatchStackResponse(resume_token=str(place), stack=first)
        async with aclosing(follower.items(place, until_done=request.until_done)) as items:
            async for item in items:
                message = _update(view.header, follower, item)
                yield message
                if message.WhichOneof("update") == "gone":
                    return

    # reading

    async def _read(self, name: str) -> StackView:
        call = current()
        return await self._wishing.read(call, parse_stack(name, call.who))

    async def _outputs(self, view: StackView) -> list[stack_pb2.StackOutput]:
        tree = await self._backend.documents.tree(view.header, view.header.revision)
        return [
            stack_pb2.StackOutput(
                key=output.key,
                value=json_to_value(output.value),
                description=output.description,
                error=output.error,
            )
            for output in outputs_of(self._backend.documents, view, tree)
        ]


def _spec(spec: stack_pb2.StackSpec) -> Spec:
    region = spec.region.removeprefix("regions/")
    return Spec(source_of(spec), region, spec.rollback, tuple(spec.tags))


def _mask(paths: Sequence[str]) -> tuple[str, ...]:
    """The parts of the spec to take; none: the whole."""
    parts = tuple(sorted({path.removeprefix("spec.") for path in paths}))
    if parts in ((), ("spec",)):
        return ()
    if unknown := [part for part in parts if part not in _MASKABLE]:
        known = ", ".join(f"spec.{part}" for part in _MASKABLE)
        faults = [Fault("update_mask", f"{part!r} is none of {known}") for part in unknown]
        raise Invalid("the update mask names what cannot be updated by itself", *faults)
    return parts


def _altered(old: Spec, spec: stack_pb2.StackSpec, parts: Sequence[str]) -> Spec:
    return msgspec.structs.replace(
        old,
        source=merged(old.source, spec, parts),
        rollback=spec.rollback if "rollback" in parts else old.rollback,
        tags=tuple(spec.tags) if "tags" in parts else old.tags,
    )


def _validated(preview: Preview) -> operation_pb2.Operation:
    """An operation that is done because nothing was to be done but to check."""
    header = preview.header
    return operation_pb2.Operation(
        name=operation_name(header.project, "validated"),
        metadata=operation_pb2.OperationMetadata(
            stack=stack_name(header.project, header.name),
            verb="validate",
            phase=operation_pb2.OPERATION_PHASE_SUCCEEDED,
            plan=preview.plan.number,
        ),
        done=True,
        response=stack_pb2.Stack(name=stack_name(header.project, header.name), etag=preview.etag),
    )


def _update(header: Header, follower: Follower, item: Item) -> stack_service_pb2.WatchStackResponse:
    message = stack_service_pb2.WatchStackResponse(resume_token=str(item.place))
    mirror = follower.mirror
    if item.event is not None:
        message.event.CopyFrom(event_of(header, item.event.batch, item.event.index))
    elif mirror.header is None:
        message.gone.uid = header.id
    else:
        message.stack.CopyFrom(stack_of_header(mirror.header, mirror.etag))
        del message.stack.regions[:]
        message.stack.regions.extend(progress_of(mirror.header, mirror.shards, mirror.incarnations))
    return message
