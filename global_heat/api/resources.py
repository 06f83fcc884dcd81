"""The service of resources: what is recorded of them, and what is planned and not begun."""

from __future__ import annotations

import uuid
from typing import Any

from global_heat.api.auth import current
from global_heat.api.names import check_request_id, parse_resource, parse_stack, region_name
from global_heat.api.pages import filtered, page
from global_heat.api.ports import Backend
from global_heat.api.records import resource_of, resource_of_step
from global_heat.api.sources import REDACTED
from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Path
from global_heat.model.records import Action, Incarnation
from global_heat.model.values import Json
from global_heat.planner.decision import live
from global_heat.proto.v1 import resource_pb2, resource_service_pb2
from global_heat.proto.v1.resource_service_pb2_grpc import ResourceServiceServicer
from global_heat.proto.values import json_to_struct, value_to_json
from global_heat.store.reading import StackView, read_stack, resolve_name
from global_heat.store.scaling import Scaling
from global_heat.store.signals import Signals

SECRET_ATTRIBUTES = {
    "OS::Heat::RandomString": {"", "value"},
    "OS::Nova::KeyPair": {"private_key"},
    "OS::Barbican::Secret": {"decrypted_payload"},
    "OS::Barbican::GenericContainer": {"decrypted_payload"},
    "OS::Keystone::User": {"password"},
    "OS::Heat::AccessPolicy": {"secret"},
    "OS::Heat::SoftwareDeployment": {"deploy_stdout", "deploy_stderr"},
    "OS::Heat::StructuredDeployment": {"deploy_stdout", "deploy_stderr"},
}
"""They are recorded, sealed, for those that need them; nobody reads them from here."""


class ResourceService(ResourceServiceServicer):
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        scaling = Scaling(backend.documents, backend.wishes)
        self._signals = Signals(backend.documents, backend.clock, scaling)

    async def ListResources(
        self, request: resource_service_pb2.ListResourcesRequest, context: Any
    ) -> resource_service_pb2.ListResourcesResponse:
        view = await self._read(parse_stack(request.parent, current().who, "parent"))
        resources = [resource_of(view.header, incarnation) for incarnation in view.incarnations]
        resources += await self._planned(view)
        for resource in resources:
            resource.hooks.extend(_hooks(view, resource))
        found = filtered(
            request.filter,
            resources,
            {
                "path": lambda resource: resource.path,
                "type": lambda resource: resource.type,
                "region": lambda resource: resource.region.removeprefix("regions/"),
                "status": lambda resource: resource_pb2.ResourceStatus.Name(resource.status).removeprefix(
                    "RESOURCE_STATUS_"
                ),
            },
        )
        shown, token = page(request, found, _key)
        regions = {resource.region for resource in resources}
        troubled = [region_name(region) for region in view.shards if self._backend.health.trouble(region)]
        return resource_service_pb2.ListResourcesResponse(
            resources=shown,
            next_page_token=token,
            unreachable=sorted(regions.intersection(troubled)),
        )

    async def GetResource(
        self, request: resource_service_pb2.GetResourceRequest, context: Any
    ) -> resource_service_pb2.GetResourceResponse:
        stack, path = parse_resource(request.name, current().who)
        view = await self._read(stack)
        found = [incarnation for incarnation in view.incarnations if incarnation.path == path]
        incarnation = live(found) or max(found, key=lambda i: i.n, default=None)
        if incarnation is not None:
            resource = resource_of(view.header, incarnation)
            resource.attributes.CopyFrom(json_to_struct(self._attributes(view, incarnation)))
            resource.hooks.extend(_hooks(view, resource))
            return resource_service_pb2.GetResourceResponse(resource=resource)
        for resource in await self._planned(view):
            if resource.path == path:
                resource.hooks.extend(_hooks(view, resource))
                return resource_service_pb2.GetResourceResponse(resource=resource)
        raise Invalid(f"stack {view.header.name!r} has no resource {path!r}", reason=Reason.NOT_FOUND)

    async def SignalResource(
        self, request: resource_service_pb2.SignalResourceRequest, context: Any
    ) -> resource_service_pb2.SignalResourceResponse:
        project = current().who.project
        name, _, only = request.name.partition("?id=")
        stack, path = parse_resource(name, current().who)
        request_id = check_request_id(request.request_id)
        said = value_to_json(request.data)
        id = await resolve_name(self._store, project, stack)
        request_id = request_id or uuid.uuid4().hex
        signal = await self._signals.send(current().caller, id, path, said, request_id, only)
        return resource_service_pb2.SignalResourceResponse(id=signal)

    async def _read(self, stack: str) -> StackView:
        project = current().who.project
        return await read_stack(self._store, project, await resolve_name(self._store, project, stack))

    async def _planned(self, view: StackView) -> list[resource_pb2.Resource]:
        """The resources of the current plan of which nothing is recorded yet."""
        header = view.header
        if header.ended or header.action is Action.DELETE:
            return []
        plan = await self._backend.documents.plan(header.project, header.id, view.plan)
        recorded = {(incarnation.path, incarnation.region) for incarnation in view.incarnations}
        return [
            resource_of_step(header, step, plan)
            for step in plan.applies.values()
            if (step.path, step.region) not in recorded
        ]

    def _attributes(self, view: StackView, incarnation: Incarnation) -> dict[str, Json]:
        attributes = self._backend.documents.attributes(view.header, incarnation)
        secret = SECRET_ATTRIBUTES.get(incarnation.type, set())
        return {
            name: REDACTED if name in secret else value
            for name, value in attributes.items()
            if name  # "" is the reference, which is told as the physical id
        }


def _hooks(view: StackView, resource: resource_pb2.Resource) -> list[str]:
    """Those at which it waits."""
    here = (resource.path, resource.region)
    return [each.hook for each in view.pending if (each.path, region_name(each.region)) == here]


def _key(resource: resource_pb2.Resource) -> tuple[str, str, str]:
    return resource.region, Path(resource.path), f"{resource.incarnation:09d}"
