"""A region of the fake cloud, and the life of a resource there as the engine leads it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Collection, Mapping
from typing import Any

import msgspec

from global_heat.model.errors import Transient
from global_heat.model.names import Path, PhysicalId, Project, Region, Token
from global_heat.model.token import mint
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.calls import Calls
from global_heat.regions.cloud import Cloud, Gone
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import PasswordCredential
from global_heat.regions.health import RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.limits import Limits, Pace
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.resources.catalogue import ALL, load_schemas
from global_heat.resources.type import Handle, Making, ResourceType
from global_heat.sim.cloud.settings import Settings
from global_heat.sim.cloud.world import FakeCloud

EAST = Region("east")
START = 1_700_000_000.0
KEY = b"a key of the deployment"
SCHEMAS = load_schemas()
_DEMO = PasswordCredential("demo", user_name="demo", project_name="demo")
_WRITES = ("POST", "PUT", "DELETE", "PATCH")


class Made(msgspec.Struct):
    """A resource that was made."""

    type: ResourceType
    id: PhysicalId
    making: Making
    props: Properties


class Bench:
    """Enter it in a loop of virtual time."""

    def __init__(self, **settings: Any) -> None:
        self.chance = random.Random(7)
        self.fake = FakeCloud(
            [EAST], self.now, random.Random(1), settings=Settings(**settings), token_seconds=1e6
        )
        self.region = self.fake.regions[EAST]
        self.project = Project(self.fake.keystone.project_id("demo"))
        self.cloud: Cloud

    def now(self) -> float:
        return START + asyncio.get_running_loop().time()

    async def __aenter__(self) -> Bench:
        transport = self.fake.transport("bench")
        calls = Calls(transport, RegionHealth(transport), Limits(lambda region, service: Pace()))
        registry = Registry([RegionSpec(name=EAST, auth_url=self.fake.auth_url())])
        sessions = Sessions(PlainIdentity(calls, self.now), registry, self.now, EAST)
        self.cloud = await Clouds(registry, sessions, calls, self.now).open(EAST, self.project, _DEMO)
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    # what a test asks

    def writes(self) -> list[str]:
        """All changing requests so far, but those for tokens."""
        return [
            f"{entry.method} {entry.path}"
            for entry in self.fake.journal
            if entry.method in _WRITES and not entry.path.startswith("/identity")
        ]

    async def shown(self, made: Made) -> Body:
        body = await made.type.show(self.cloud, made.id)
        assert body is not None, f"{made.type.name} {made.id} is gone"
        return body

    async def attributes(self, made: Made) -> dict[str, Json]:
        return made.type.attributes(made.id, await self.shown(made), made.making.made)

    # what the engine does

    def making(self, type: ResourceType, props: Properties, name: str = "") -> Making:
        token = self.token(type)
        making = Making(
            token=token,
            stack="stack",
            path=Path("thing"),
            name=name or f"stack-thing-{self.chance.randbytes(4).hex()}",
        )
        made = type.make(making, props, self.chance.randbytes(64))
        return msgspec.structs.replace(making, made=made)

    def token(self, type: ResourceType) -> Token:
        return mint(KEY, self.project, EAST, type.kind, self.chance.randbytes(16))

    async def make(self, type: str, /, **given: Any) -> Made:
        """Create a resource up to the end, with what create cannot set."""
        return await self.make_from(type, given)

    async def make_from(self, name: str, given: Mapping[str, Any]) -> Made:
        type, props = ALL[name], with_defaults(name, given)
        assert type.check(props) == []
        making = self.making(type, props)
        resolved = await type.resolve(self.cloud, props)
        id = await type.create(self.cloud, making, resolved)
        made = Made(type, id, making, props)
        await self.until_ready(made)
        finishing = {name for name in type.finishing if props.get(name) is not None}
        if finishing:
            await self.update(made, finishing)
        return made

    async def until_ready(self, made: Made) -> Body:
        while True:
            body = await self.shown(made)
            if made.type.ready(body):
                return body
            await asyncio.sleep(0.1)

    async def change(self, made: Made, **given: Any) -> Made:
        """Update to other values of some properties; None: not given any more."""
        props = with_defaults(
            made.type.name,
            {name: value for name, value in {**made.props, **given}.items() if value is not None},
        )
        changed = {name for name in given if props.get(name) != made.props.get(name)}
        assert made.type.check(props) == []
        after = Made(made.type, made.id, made.making, props)
        await self.update(after, changed)
        return after

    async def update(self, made: Made, changed: Collection[str]) -> None:
        while True:
            try:
                props = await made.type.resolve(self.cloud, made.props)
                body = await self.shown(made)
                await made.type.update(self.cloud, made.id, made.making, props, changed, body)
                break
            except Transient:
                await asyncio.sleep(0.1)
        await self.until_ready(made)

    async def delete(self, made: Made) -> None:
        """Delete it and see it gone."""
        try:
            await made.type.delete(self.cloud, made.id)
        except Gone:
            return
        await self.until_gone(made)

    async def until_gone(self, made: Made) -> None:
        while True:
            if await made.type.show(self.cloud, made.id) is None:
                return
            await asyncio.sleep(0.1)

    async def found(self, type: ResourceType, making: Making, props: Properties) -> list[PhysicalId]:
        """What an owner finds of an attempt whose answer he never got."""
        if type.handle is Handle.TOKEN:
            bodies = await type.observe(self.cloud)
            return [type.identify(body) for body in bodies if type.token_of(body) == making.token]
        id = type.natural_id(making, props)
        body = await type.show(self.cloud, id)
        if body is None or (type.handle is Handle.UNIQUE and not type.is_made_by(body, making, props)):
            return []
        return [id]


def with_defaults(name: str, given: Mapping[str, Any]) -> dict[str, Any]:
    """Properties as the template layer hands them over: its defaults filled in."""
    schema = SCHEMAS.get(name)
    assert schema is not None
    defaults = {
        key: prop.default
        for key, prop in schema.properties.items()
        if prop.default is not None and key in ALL[name].supported
    }
    return {**defaults, **given}
