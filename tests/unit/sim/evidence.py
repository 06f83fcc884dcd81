"""A run's evidence made by hand: what was written, what was sent, what exists."""

from __future__ import annotations

import random
from collections.abc import Sequence

from global_heat.model.names import Path, PhysicalId, Project, Region, StackId, Token
from global_heat.model.records import Attempt, AttemptState, Event, EventBatch, Incarnation, Record, State
from global_heat.model.token import mark, mint
from global_heat.sim.checker import Evidence
from global_heat.sim.cloud.journal import Entry
from global_heat.sim.cloud.things import Thing
from global_heat.sim.cloud.world import FakeCloud
from global_heat.sim.etcd import Written
from global_heat.store import keys
from global_heat.store.codec import encode
from global_heat.store.keys import Shard
from global_heat.store.protocol import Guard, at_mod, created_at

EPOCH = 1_000_000.0
RED, EAST, STACK = Project("red"), Region("east"), StackId("s1")
SHARD = Shard(EAST, RED, STACK)
KEY = b"k" * 32
KIND = "network.network"
TOKEN = mint(KEY, RED, EAST, KIND, bytes(16))
OTHER_TOKEN = mint(KEY, RED, EAST, KIND, bytes(range(16)))
FENCE = (created_at(keys.claim(SHARD), 5), at_mod(keys.plan(RED, STACK), 3))
"""What every write of the shard's owner compares."""


class Case:
    """Times are seconds of the loop; a cloud adds `EPOCH`."""

    def __init__(self) -> None:
        self.history: list[Written] = []
        self.now = 1000.0
        self.cloud = FakeCloud([EAST], lambda: EPOCH + self.now, random.Random(1))
        self.meddled: set[str] = set()
        self.foreign: set[str] = set()
        self.deaf: set[str] = set()

    def wrote(self, at: float, *changes: tuple[str, Record | None], guards: Sequence[Guard] = FENCE) -> None:
        """A commit; the guards of the records themselves are added."""
        own = tuple(at_mod(key, 0) for key, _ in changes)
        raw = tuple((key, None if record is None else encode(record)) for key, record in changes)
        self.history.append(Written(len(self.history) + 2, at, "r1", (*guards, *own), raw))

    def sent(self, at: float, method: str, path: str, token: str = "", **fields: object) -> None:
        when = EPOCH + at
        entry = {"client": "r1", "sent_at": when, "arrived_at": when, **fields}
        self.cloud.journal.append(
            Entry(region=EAST, request_id="", method=method, path=path, token=token, **entry)  # type: ignore[arg-type]
        )

    def exists(self, id: str = "net-1", token: str | None = TOKEN, kind: str = KIND) -> Thing:
        body = {"name": "n", "description": mark("", Token(token)) if token else ""}
        thing = Thing(kind, id, RED, "ann", body, EPOCH + 2.0)
        return self.cloud.regions[EAST].ground.things.add(thing)

    def removed(self, thing: Thing, at: float) -> None:
        self.cloud.regions[EAST].ground.things.remove(thing, EPOCH + at)

    def evidence(self) -> Evidence:
        return Evidence(
            history=self.history,
            cloud=self.cloud,
            epoch=EPOCH,
            token_keys=(KEY,),
            meddled=frozenset(self.meddled),
            replicas=frozenset({"r1"}),
            foreign=frozenset(self.foreign),
            messages={EAST: self.cloud.regions[EAST].zaqar.history},
            deaf=frozenset(self.deaf),
        )


def attempt(state: AttemptState, id: str = "", token: Token = TOKEN, n: int = 1) -> tuple[str, Attempt]:
    made = Attempt(
        token=token,
        project=RED,
        stack=STACK,
        region=EAST,
        path=Path("net"),
        n=n,
        type="OS::Neutron::Net",
        kind=KIND,
        state=state,
        id=PhysicalId(id),
    )
    return keys.attempt(SHARD, token), made


def record(state: State, id: str = "", token: Token = TOKEN) -> tuple[str, Incarnation]:
    made = Incarnation(
        path=Path("net"),
        region=EAST,
        n=1,
        type="OS::Neutron::Net",
        state=state,
        token=token,
        id=PhysicalId(id),
    )
    return keys.resource(RED, STACK, Path("net"), EAST, 1), made


def events(seq: int, done: str = "") -> tuple[str, EventBatch]:
    """The events of a commit; `done`: the action that is complete by it."""
    told = Event(at=EPOCH, path=Path("net"), type="OS::Neutron::Net", action=done, status="COMPLETE")
    batch = EventBatch(region=EAST, seq=seq, plan=1, events=(told,) if done else ())
    return keys.event(RED, STACK, EAST, seq), batch


def built() -> Case:
    """A network as it should be made: intent, request, adoption."""
    case = Case()
    case.wrote(1.0, attempt(AttemptState.INTENT), record(State.INTENT), events(1))
    case.sent(2.0, "POST", "/network/v2.0/networks", TOKEN)
    case.exists()
    case.wrote(3.0, attempt(AttemptState.ADOPTED, "net-1"), record(State.READY, "net-1"), events(2, "CREATE"))
    return case


def deleted() -> Case:
    """The same, and deleted as it should be."""
    case = built()
    case.wrote(4.0, attempt(AttemptState.CONDEMNED, "net-1"), record(State.LEAVING, "net-1"), events(3))
    case.sent(5.0, "DELETE", "/network/v2.0/networks/net-1")
    case.removed(case.cloud.regions[EAST].ground.things.of(KIND)["net-1"], 5.0)
    case.wrote(
        6.0, attempt(AttemptState.CLOSED, "net-1"), (record(State.LEAVING)[0], None), events(4, "DELETE")
    )
    return case
