"""What all types of the network service have in common.

Every one of them carries its token in its description, which is written together with it and may be
changed later; so every update writes the token again. Updates are compare-and-set on the thing's revision.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import ClassVar

from global_heat.model.errors import Transient
from global_heat.model.names import PhysicalId
from global_heat.model.token import DESCRIPTION_LENGTH_MAX, mark, strip_mark
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud, ServiceRefusal
from global_heat.resources.comparing import covers
from global_heat.resources.lookup import find_id
from global_heat.resources.type import Failed, Making, ResourceType, show_or_none

Mutable = Mapping[str, tuple[str, Json]]
"""Property → the key of the body that an update writes, and what it becomes when not given any more."""
References = Mapping[str, tuple[str, str]]
"""Property that may hold a name → collection and plural of what it names."""
_PRECONDITION_FAILED = 412


class NeutronType(ResourceType):
    """A type whose things are items of one of Neutron's collections."""

    service = "network"
    collection: ClassVar[str]
    """As in the path: `security-groups`."""
    singular: ClassVar[str]
    """The key of one in a body: `security_group`."""
    plural: ClassVar[str]
    """The key of many: `security_groups`."""
    mutable: ClassVar[Mutable] = {}
    shown: ClassVar[tuple[str, ...]] = ()
    """The attributes that are keys of the body."""
    references: ClassVar[References] = {}
    aliases: ClassVar[Mapping[str, str]] = {}
    """Old names of properties → new ones."""

    # deciding

    def settle(self, props: Properties) -> dict[str, Json]:
        """The given properties under their present names."""
        values = {name: value for name, value in props.items() if name not in self.aliases}
        for old, new in self.aliases.items():
            if values.get(new) is None and props.get(old) is not None:
                values[new] = props[old]
        return {name: value for name, value in values.items() if value is not None}

    def check(self, props: Properties) -> list[str]:
        faults = [
            f"{new} and {old} cannot be given together"
            for old, new in self.aliases.items()
            if props.get(old) is not None and props.get(new) is not None
        ]
        for where, text in (
            ("description", props.get("description")),
            ("value_specs.description", (_map(props.get("value_specs"))).get("description")),
        ):
            if isinstance(text, str) and len(text) > DESCRIPTION_LENGTH_MAX:
                faults.append(f"{where} is longer than {DESCRIPTION_LENGTH_MAX} characters")
        return faults

    def wished(self, making: Making, props: dict[str, Json]) -> Body:
        """What a POST says of settled, resolved properties; without the token."""
        raise AssertionError(f"{self.name} says nothing")

    def full(self, making: Making, props: Properties) -> Body:
        """What a POST says, token included."""
        values = self.settle(props)
        body = {key: value for key, value in self.wished(making, values).items() if value is not None}
        body.update(values.get("value_specs") or {})
        body["description"] = mark(body.get("description"), making.token)
        return body

    def update_keys(self, props: Properties, changed: Collection[str]) -> dict[str, Json]:
        """The keys of the body that the changed properties decide, with their cleared values."""
        keys = {self.mutable[name][0]: self.mutable[name][1] for name in changed if name in self.mutable}
        if "value_specs" in changed:
            keys.update(dict.fromkeys(props.get("value_specs") or {}))
        return keys

    def complete(self, write: Body, full: Body) -> Body:
        """What an update writes, with what must go along with it."""
        return write

    def ready(self, body: Body) -> bool:
        match body.get("status"):
            case "ERROR":
                raise Failed(f"the {self.singular} is in status ERROR")
            case "BUILD" | "ALLOCATING":
                return False
            case _:
                return True

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        clean = cleaned(body)
        return {"show": clean, **{name: clean.get(name) for name in self.shown}}

    # calls

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        values = self.settle(props)
        for name, (collection, plural) in self.references.items():
            if name in values:
                values[name] = await neutron_id(cloud, collection, plural, values[name])
        return values

    async def observe(self, cloud: Cloud) -> list[Body]:
        query = {"project_id": cloud.project}
        return await cloud.list(self.service, f"/{self.collection}", self.plural, query)

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        return await show_or_none(cloud, self.service, f"/{self.collection}/{id}", self.singular)

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        answer = await cloud.post(
            self.service, f"/{self.collection}", {self.singular: self.full(making, props)}
        )
        return PhysicalId(answer[self.singular]["id"])

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        if set(changed) - {"tags"}:
            await self.rewrite(cloud, id, making, await self.resolve(cloud, props), changed, body)
        if "tags" in changed and "tags" in self.supported:
            wished = list(dict.fromkeys(props.get("tags") or ()))
            if set(body.get("tags") or ()) != set(wished):
                await cloud.put(self.service, f"/{self.collection}/{id}/tags", {"tags": wished})

    async def rewrite(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        """Write what the changed properties make different, the token with it."""
        full = self.full(making, props)
        keys = self.update_keys(props, changed)
        wished = {key: full.get(key, cleared) for key, cleared in keys.items()}
        if "description" in full and "description" not in wished:
            wished["description"] = mark(strip_mark(body.get("description") or ""), making.token)
        write = {key: value for key, value in wished.items() if not covers(body.get(key), value)}
        if write:
            write = self.complete(write, full)
            await change(cloud, f"/{self.collection}/{id}", {self.singular: write}, body)

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        await cloud.delete(self.service, f"/{self.collection}/{id}")


async def change(cloud: Cloud, path: str, wished: Body, body: Body) -> None:
    """PUT it only if the thing is still as `body` shows it. Raises `Transient` when it is not."""
    revision = body.get("revision_number")
    headers = {} if revision is None else {"If-Match": f"revision_number={revision}"}
    try:
        await cloud.put("network", path, wished, headers)
    except ServiceRefusal as refusal:
        if refusal.status == _PRECONDITION_FAILED:
            raise Transient(f"{path} was changed meanwhile") from refusal
        raise


async def neutron_id(cloud: Cloud, collection: str, plural: str, name_or_id: Json) -> Json:
    return await find_id(cloud, "network", f"/{collection}", plural, name_or_id)


def cleaned(body: Body) -> Body:
    """The thing as its user made it: without our mark."""
    if not body.get("description"):
        return body
    return {**body, "description": strip_mark(body["description"])}


def _map(value: Json) -> dict[str, Json]:
    return value if isinstance(value, dict) else {}
