"""Names of the API: `projects/{project}/stacks/{stack}`, … The project is always the token's own."""

from __future__ import annotations

import re
from urllib.parse import unquote

from global_heat.api.auth import Who
from global_heat.model.errors import Fault, Invalid, Reason
from global_heat.model.names import Path, Project, Region, Token, resource_address

REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{0,64}")
OWN = "-"


def stack_name(project: Project, stack: str) -> str:
    return f"projects/{project}/stacks/{stack}"


def resource_name(project: Project, stack: str, path: Path) -> str:
    return resource_address(project, stack, path)


def operation_name(project: Project, operation: str) -> str:
    return f"projects/{project}/operations/{operation}"


def attempt_name(project: Project, token: str) -> str:
    return f"projects/{project}/attempts/{token}"


def removal_name(project: Project, removal: str) -> str:
    return f"projects/{project}/removals/{removal}"


def orphan_name(project: Project, orphan: str) -> str:
    return f"projects/{project}/orphans/{orphan}"


def region_name(region: Region) -> str:
    return f"regions/{region}"


def replica_name(region: str, replica: str) -> str:
    return f"regions/{region}/replicas/{replica}" if replica else ""


def own_project(parent: str, who: Who, field: str = "parent") -> Project:
    """Check that `projects/{project}` is the caller's own. Raises `Invalid` (NOT_FOUND) for another's."""
    (project,) = _take_apart(parent, field, "projects")
    return _own(project, parent, who)


def parse_stack(name: str, who: Who, field: str = "name") -> str:
    """The stack's name or uid."""
    project, stack = _take_apart(name, field, "projects", "stacks")
    _own(project, name, who)
    return stack


def parse_resource(name: str, who: Who) -> tuple[str, Path]:
    """The stack's name or uid, and the resource's path."""
    project, stack, path = _take_apart(name, "name", "projects", "stacks", "resources")
    _own(project, name, who)
    return stack, Path(unquote(path))


def parse_operation(name: str, who: Who) -> str:
    project, operation = _take_apart(name, "name", "projects", "operations")
    _own(project, name, who)
    return operation


def parse_attempt(name: str, who: Who) -> Token:
    project, token = _take_apart(name, "name", "projects", "attempts")
    _own(project, name, who)
    return Token(token)


def parse_orphan(name: str, who: Who) -> str:
    project, orphan = _take_apart(name, "name", "projects", "orphans")
    _own(project, name, who)
    return orphan


def parse_region(name: str, field: str = "name") -> Region:
    (region,) = _take_apart(name, field, "regions")
    return Region(region)


def check_request_id(request_id: str) -> str:
    """It becomes part of a key of the store."""
    if not REQUEST_ID.fullmatch(request_id):
        message = "at most 64 letters, digits, '_', '.', '-'"
        raise Invalid("the request id cannot be used", Fault("request_id", message))
    return request_id


def _own(project: str, name: str, who: Who) -> Project:
    if project not in (OWN, who.project):
        # Whether there is such a thing is not told to those whom it does not concern.
        raise Invalid(f"there is no {name!r}", reason=Reason.NOT_FOUND)
    return who.project


def _take_apart(name: str, field: str, *collections: str) -> list[str]:
    parts = name.split("/")
    if parts[::2] != list(collections) or len(parts) != 2 * len(collections) or not all(parts):
        pattern = "/".join(f"{collection}/{{{collection[:-1]}}}" for collection in collections)
        raise Invalid(f"{name!r} is no name of this kind", Fault(field, f"must read {pattern}"))
    return parts[1::2]
