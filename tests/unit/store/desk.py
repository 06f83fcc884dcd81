"""Front desks over one simulated store: clients that wish, and hands that play the engine."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Mapping

import msgspec

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import PhysicalId, Project, Region, StackId
from global_heat.model.plan import Plan
from global_heat.model.records import Action, Header, Incarnation, Operation, Record, State
from global_heat.resources.catalogue import load_schemas
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.store import keys
from global_heat.store.caller import Caller
from global_heat.store.codec import decode, encode
from global_heat.store.documents import Documents
from global_heat.store.reading import StackView, read_stack, resolve_name
from global_heat.store.sealing import Seal
from global_heat.store.wishes import StackWish, Wishes, end_header
from global_heat.template.source import Source

RED, EAST, WEST = Project("red"), Region("east"), Region("west")
REGIONS = (EAST, WEST)
ANN = Caller(RED, "ann")
_SCHEMAS = load_schemas()
_VERSION = "heat_template_version: 2021-04-16\n"
NONE = _VERSION + "outputs: {x: {value: 1}}\n"
ONE = _VERSION + "resources: {net: {type: OS::Neutron::Net}}\n"
TWO = _VERSION + "resources: {net: {type: OS::Neutron::Net}, far: {type: OS::Neutron::Net, region: west}}\n"


def wish(template: str = ONE, name: str = "web", **more: object) -> StackWish:
    files = more.pop("files", {})
    parameters = more.pop("parameters", {})
    source = Source(template, files=files, parameters=parameters)  # type: ignore[arg-type]
    return StackWish(name=name, source=source, region=EAST, **more)  # type: ignore[arg-type]


def losing(*lost: int) -> Callable[[], float]:
    """The chance of a link that loses the answers of these numbers, counted from 1; 0: all from there on."""
    numbers = itertools.count(1)
    first = min((n for n in lost if n), default=0)

    def draw() -> float:
        n = next(numbers)
        return 0.0 if n in lost or (0 in lost and n >= first) else 1.0

    return draw


class Client:
    """One replica's front door, with its own way to the store."""

    def __init__(self, desk: Desk, name: str, chance: Callable[[], float], latency: float) -> None:
        self.link = Link(lambda: latency, chance)
        self.link.lose_answers = 0.5
        self.store = SimStore(desk.cluster, name, self.link)
        self.documents = Documents(self.store, desk.seal, _SCHEMAS)
        self.wishes = Wishes(self.documents, desk.clock, desk.new_id)

    async def create(self, request: str = "", **more: object) -> Operation:
        return await self.wishes.create(ANN, wish(**more), request, REGIONS)  # type: ignore[arg-type]

    async def update(self, request: str = "", template: str = TWO, **more: object) -> Operation:
        return await self.wishes.update(ANN, "web", wish(template, **more), request, REGIONS)  # type: ignore[arg-type]

    async def delete(self, request: str = "", name: str = "web", etag: str = "") -> Operation:
        return await self.wishes.delete(ANN, name, request, etag)

    async def cancel(self, request: str = "", rollback: bool = False) -> Operation:
        return await self.wishes.cancel(ANN, "web", request, rollback)

    async def view(self, name: str = "web") -> StackView:
        return await read_stack(self.store, RED, await resolve_name(self.store, RED, name), local=False)

    async def header(self, name: str = "web") -> Header:
        return (await self.view(name)).header

    async def plan(self, name: str = "web") -> Plan:
        view = await self.view(name)
        return await self.documents.plan(RED, view.header.id, view.plan)


class Desk:
    """The store, and what all its clients share. Must be made inside the running loop."""

    def __init__(self) -> None:
        self.cluster = SimCluster()
        numbers = itertools.count(1)
        self.seal = Seal({"k1": b"k" * 32}, lambda count: next(numbers).to_bytes(count, "big"))
        ids = itertools.count(1)
        self.new_id = lambda: f"id-{next(ids):04d}"
        self.clock = lambda: 1000.0 + asyncio.get_running_loop().time()
        self.hand = self.client("hand")

    def client(self, name: str, chance: Callable[[], float] = lambda: 1.0, latency: float = 0.002) -> Client:
        return Client(self, name, chance, latency)

    def present(self, prefix: str = "") -> list[str]:
        return [entry.key for entry in self.cluster.scan(prefix, "", self.cluster.revision)]

    async def put(self, records: Mapping[str, Record]) -> None:
        await self.hand.store.commit(put={key: encode(record) for key, record in records.items()})

    # what the engine would do

    async def end(self, name: str = "web", *, failed: bool = False) -> Header:
        """End the current plan, with all its applies done unless it failed."""
        view, plan = await self.hand.view(name), await self.hand.plan(name)
        header = msgspec.structs.replace(view.header, open=(), stopping=failed)
        records: dict[str, Record] = {keys.header(RED, header.id): end_header(header, self.clock())}
        gone = [] if failed else [i for i in view.incarnations if i.path not in plan.applies]
        for step in () if failed else plan.applies.values():
            records[keys.resource(RED, header.id, step.path, step.region, 1)] = incarnation_of(step, plan)
        await self.put(records)
        doomed = [keys.resource(RED, header.id, i.path, i.region, i.n) for i in gone]
        if header.action is Action.DELETE and not failed:
            doomed.append(keys.name(RED, header.name))
        await self.hand.store.commit(delete=doomed)
        return decode(Header, self.cluster.entry(keys.header(RED, header.id), self.cluster.revision).value)  # type: ignore[union-attr]


def incarnation_of(step: object, plan: Plan) -> Incarnation:
    return Incarnation(
        path=step.path,  # type: ignore[attr-defined]
        region=step.region,  # type: ignore[attr-defined]
        n=1,
        type=step.type,  # type: ignore[attr-defined]
        state=State.READY,
        plan=plan.number,
        id=PhysicalId(f"id-of-{step.path}"),  # type: ignore[attr-defined]
    )


async def until_told(ask: Callable[[], object], tries: int = 12) -> Operation:
    """Ask again, as a client does that has had no answer."""
    for _ in range(tries):
        try:
            return await ask()  # type: ignore[misc, no-any-return]
        except (Transient, Ambiguous):
            await asyncio.sleep(1.0)
    raise AssertionError("it was never told")


def stacks_of(desk: Desk) -> set[StackId]:
    """The stacks that have a header."""
    return {StackId(key.split("/")[2]) for key in desk.present("stacks/") if key.endswith("/header")}
