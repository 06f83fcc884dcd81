"""What a resource type is: the facts and the few calls that differ from one type to the next.

Order, retries, intents, records and sweeping are written once, in the engine. A type is stateless; one
instance serves all stacks. Its properties' schema is data (`resource-types.json`), and so is whether a
change updates or replaces.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Mapping, Sequence
from typing import ClassVar

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.names import Path, PhysicalId, Token
from global_heat.model.scaling import Adjustment
from global_heat.model.signal import Signal
from global_heat.model.token import token_in
from global_heat.model.values import Body, Json, Properties
from global_heat.regions.cloud import Cloud, Gone


class Handle(enum.StrEnum):
    """How a thing is found again when the answer to its create was lost."""

    TOKEN = "token"
    """It carries the attempt's token in a field written together with it."""
    NATURAL = "natural"
    """It has no id of its own: its key (`natural_id`) is known before it is made."""
    UNIQUE = "unique"
    """The service refuses a second one of the same name; the token tells whether it is ours."""
    LOCAL = "local"
    """It lives in the records alone; no cloud is called."""


class Failed(Exception):
    """The thing exists and ended in an error state of its service. The message is the service's own."""


class Replaced(Exception):
    """An update turned out to need a new incarnation. The message says why."""


class Found(msgspec.Struct, frozen=True):
    """A thing of the records that a property names."""

    type: str
    ref: str
    """Which incarnation it is; empty: one of another stack."""
    made: dict[str, Json]


class Making(msgspec.Struct, frozen=True):
    """What a create is given besides the properties."""

    token: Token
    stack: str
    """The stack's name."""
    path: Path
    name: str
    """The name to give where the user gave none: `STACK-RESOURCE-xxxxxxxx`, unique per incarnation."""
    made: dict[str, Json] = {}
    """What `make` made, recorded before the call."""
    action: str = "CREATE"
    """CREATE or UPDATE."""
    address: str = ""
    """What the API calls it: `projects/P/stacks/ID/resources/PATH`."""
    clock: float = 0.0
    """Unix seconds, less those for which the shard was parked."""
    signals: Sequence[Signal] = ()
    """What the incarnation was told so far."""
    found: Mapping[str, Found] = {}
    """What was found of what `looks_at` named."""


class ResourceType:
    """A resource type. Subclasses set the facts and override the calls they need."""

    name: ClassVar[str]
    """As in a template: `OS::Neutron::Net`."""
    service: ClassVar[str] = ""
    """The type of the service that owns it: network, compute, volume, image; empty: none."""
    kind: ClassVar[str] = ""
    """The ledger's and the token's word for what it makes: `network.port`."""
    handle: ClassVar[Handle] = Handle.TOKEN
    supported: ClassVar[frozenset[str]] = frozenset()
    """The properties that are implemented. Any other that Heat knows is a located error at validation."""
    finishing: ClassVar[frozenset[str]] = frozenset()
    """Properties that create cannot set: `update` is called with them once the thing exists."""
    secret_attributes: ClassVar[frozenset[str]] = frozenset()
    call_seconds: ClassVar[float] = 60.0
    """The limit of one mutating call: 600 where the API itself waits for compute."""
    beside: ClassVar[str] = ""
    """The property that lists names of resources which must stand in the same template; empty: none."""
    renews: ClassVar[bool] = False
    """Whether each new revision of its stack replaces it, whatever its properties say."""
    scales: ClassVar[bool] = False
    """Whether a signal to it changes a group's size."""
    seeks: ClassVar[frozenset[str]] = frozenset()
    """The types of what `looks_at` names."""
    polled: ClassVar[bool] = False
    """Whether it becomes ready some time after its create was answered."""

    saved_as: ClassVar[SnapshotType | None] = None
    """What the deletion policy Snapshot makes of it; None: it has no such policy."""
    saves: ClassVar[bool] = False
    """Whether it has one: set together with `saved_as`."""

    # deciding: pure

    def check(self, props: Properties) -> list[str]:
        """Faults that the schema alone cannot tell; values may be `Unknown`. Empty: none."""
        return []

    def gaps(self, props: Properties) -> list[str]:
        """What of its properties is right and cannot be carried out yet; values may be `Unknown`."""
        return []

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        """Whether this change needs a new incarnation although the schema allows an update."""
        return False

    def looks_at(self, props: Properties) -> Collection[str]:
        """What of its properties names, by reference or id, things of the records that it has to know."""
        return ()

    def adjustment(self, props: Properties) -> Adjustment:
        """How a signal to it changes a group's size, if it does."""
        raise AssertionError(f"{self.name} scales nothing")

    def accept(self, said: Json, number: int) -> Signal | None:
        """What a signal tells it, if anything; one without an id is called `number`. Raises `Invalid`."""
        raise Invalid(f"a resource of type {self.name} takes no signals")

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        """The key of a NATURAL or UNIQUE thing, known before it is made. `props` are resolved."""
        raise AssertionError(f"{self.name} has no natural id")

    def identify(self, body: Body) -> PhysicalId:
        return PhysicalId(body["id"])

    def token_of(self, body: Body) -> Token | None:
        """The token that a listed or shown thing carries."""
        return token_in(body.get("description"))

    def is_made_by(self, body: Body, making: Making, props: Properties) -> bool:
        """Whether a thing found under a UNIQUE name was made for this incarnation."""
        return self.token_of(body) == making.token

    def ready(self, body: Body) -> bool:
        """Whether the thing is as finished as its users need it. Raises `Failed`."""
        return True

    def reference(self, id: PhysicalId, body: Body) -> Json:
        """What `get_resource` gives."""
        return id

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        """All attributes by name, from the thing as shown. Without our marks."""
        return {"show": body}

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        """Values of our own making (keys, passwords), recorded sealed before the create. 64 random bytes."""
        return {}

    # calls

    async def resolve(self, cloud: Cloud, props: Properties) -> Properties:
        """Turn names into ids and fill in what create needs. Reads only; done before the intent."""
        return props

    async def observe(self, cloud: Cloud) -> list[Body]:
        """All things of this kind that the project has, in full, to the end of the list.

        The caller re-checks tokens itself; an incomplete list (a cell down) must raise `Transient`.
        """
        raise AssertionError(f"{self.name} cannot be listed")

    async def show(self, cloud: Cloud, id: PhysicalId) -> Body | None:
        """The thing as it is now; None when the service says that there is none."""
        raise AssertionError(f"{self.name} cannot be shown")

    async def create(self, cloud: Cloud, making: Making, props: Properties) -> PhysicalId:
        """Send the one request that creates it; nothing that can fail may follow."""
        raise AssertionError(f"{self.name} is not created in a cloud")

    async def update(
        self,
        cloud: Cloud,
        id: PhysicalId,
        making: Making,
        props: Properties,
        changed: Collection[str],
        body: Body,
    ) -> None:
        """Make the `changed` properties as wished. `body` is the thing as it is: write only what differs.

        Safe to run again after a lost answer. Raises `Transient` to be called again later.
        """

    async def delete(self, cloud: Cloud, id: PhysicalId) -> None:
        """Send the delete. `Gone` is for the caller to take as done; `Conflict` as "busy, later"."""
        raise AssertionError(f"{self.name} cannot be deleted")


class SnapshotType(ResourceType):
    """What the deletion policy Snapshot makes of a thing before it is deleted. No template names such a type.

    A snapshot is made, found and swept like any other thing, by an attempt of its own, until it is finished.
    From then on it is retained: not ours any more. Its one property, `of`, is the id of the thing.

    `resolve` raises `Gone` when there is no such thing, `Conflict` while it is busy with something that ends,
    `Failed` when nothing can be made of it.
    """

    polled = True


async def show_or_none(cloud: Cloud, service: str, path: str, key: str) -> Body | None:
    """Show one thing, None when it is gone."""
    try:
        body: Body = (await cloud.get(service, path))[key]
    except Gone:
        return None
    return body
