"""Names of things, each a type of its own so that they cannot be mixed up."""

from __future__ import annotations

from typing import NewType
from urllib.parse import quote

Project = NewType("Project", str)
"""A Keystone project id."""
StackId = NewType("StackId", str)
"""A UUID."""
Region = NewType("Region", str)
"""The name of an OpenStack region as the operator registered it."""
Path = NewType("Path", str)
"""A resource's place in the tree of its stack: `server`, or `group/3/server` in a nested one."""
Token = NewType("Token", str)
"""The random, signed name of one attempt: 42 characters, see `model.token`."""
PhysicalId = NewType("PhysicalId", str)
"""What the cloud calls a thing."""
ReplicaId = NewType("ReplicaId", str)
Revision = NewType("Revision", int)
"""A revision of the store: one counter for all keys, grows with every commit."""


def resource_address(project: Project, stack: str, path: Path) -> str:
    """What the API calls a resource; slashes of its path are written `%2F`."""
    return f"projects/{project}/stacks/{stack}/resources/{quote(path, safe='')}"
