"""Changes of a server that go on after Nova has promised them.

Each looks where things stand first, so that one that was left half-way goes on. It then waits a while to
see how it ends, since a resize that cannot be done leaves the server as it was, without a word.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from global_heat.model.errors import Transient
from global_heat.model.names import PhysicalId
from global_heat.model.values import Body, Json
from global_heat.regions.cloud import Cloud
from global_heat.resources.nova import interfaces
from global_heat.resources.nova.states import failure_of, is_busy
from global_heat.resources.type import Failed

_POLL_SECONDS = 1.0
_POLLS_MAX = 40
"""Below the limit of one call, so that the wait ends with a word of ours."""


async def act(cloud: Cloud, id: PhysicalId, name: str, argument: Json) -> None:
    await cloud.post("compute", f"/servers/{id}/action", {name: argument})


async def has_flavor(cloud: Cloud, body: Body, flavor: str) -> bool:
    """Whether the server has it. Since microversion 2.47 a server names its flavor, before it gave the id."""
    embedded = body["flavor"]
    if "id" in embedded:
        return bool(embedded["id"] == flavor)
    shown = (await cloud.get("compute", f"/flavors/{flavor}"))["flavor"]
    return bool(embedded["original_name"] == shown["name"])


async def resize(cloud: Cloud, id: PhysicalId, flavor: str, body: Body) -> Body:
    """Give it the flavor and confirm that. Returns the server as it is then. Raises `Failed`."""
    if body["status"] == "VERIFY_RESIZE":
        body = await _confirm(cloud, id)
    if await has_flavor(cloud, body, flavor):
        return body
    await act(cloud, id, "resize", {"flavorRef": flavor})
    body = await until_quiet(cloud, id)
    if body["status"] == "VERIFY_RESIZE":
        body = await _confirm(cloud, id)
    if not await has_flavor(cloud, body, flavor):
        raise Failed(f"it could not be resized; it is {body['status']} as before")
    return body


async def _confirm(cloud: Cloud, id: PhysicalId) -> Body:
    await act(cloud, id, "confirmResize", None)
    return await until_quiet(cloud, id)


async def until_quiet(cloud: Cloud, id: PhysicalId) -> Body:
    """The server once nothing is being done to it. Raises `Failed`, `Gone`; `Transient` when that lasts."""
    for _ in range(_POLLS_MAX):
        body: Body = (await cloud.get("compute", f"/servers/{id}"))["server"]
        if body["status"] == "ERROR":
            raise Failed(failure_of(body))
        if not is_busy(body):
            return body
        await asyncio.sleep(_POLL_SECONDS)
    raise Transient(f"the server is {body['status']}")


async def plug(cloud: Cloud, id: PhysicalId, wished: Sequence[Body]) -> None:
    """Give it the wished interfaces, first taking those away that are not wished."""
    surplus, missing = interfaces.differing(wished, await interfaces.ports_of(cloud, id))
    for port in surplus:
        await interfaces.detach(cloud, id, port)
    if surplus:
        await _until_unplugged(cloud, id, {port["id"] for port in surplus})
    for wish in missing:
        await interfaces.attach(cloud, id, wish)


async def _until_unplugged(cloud: Cloud, id: PhysicalId, ports: set[str]) -> None:
    for _ in range(_POLLS_MAX):
        if not any(port["id"] in ports for port in await interfaces.ports_of(cloud, id)):
            return
        await asyncio.sleep(_POLL_SECONDS)
    raise Transient("interfaces are being taken away")
