"""Clients that create, update, cancel and delete stacks, and ask until they are told."""

from __future__ import annotations

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import msgspec

from global_heat.client import ApiError, Client
from global_heat.model.names import Project, StackId
from global_heat.model.records import Operation
from global_heat.proto.v1 import operation_pb2, stack_pb2
from global_heat.sim.blueprints import Blueprint, change, draw
from global_heat.sim.evidence import Violation

T = TypeVar("T")
STACKS_MAX = 2
"""At a time, of one client."""
_SITES_MAX = 2
_WAIT_SECONDS_MAX = 15.0
_PATIENCE_SECONDS = 240.0
_PAUSE_SECONDS = 0.5
_PATIENT = 0.6
"""So often a client waits for what it asked for."""
_UNTOLD = ("UNAVAILABLE", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "RESOURCE_EXHAUSTED")
"""Nobody answered, or nobody could say who asks: ask again."""
_BUSY = ("FAILED_PRECONDITION", "ABORTED")
"""What a stack may well say whose operation has ended meanwhile, or has not."""


class Known(msgspec.Struct):
    """What a client was told of one of its stacks."""

    name: str
    blueprint: Blueprint
    uid: str = ""
    revisions: dict[int, Blueprint] = {}
    """By the number of a revision: what it was made from."""
    deleted: bool = False


class Worker:
    """One client. Its stacks are its own, so it knows what each answer must be."""

    def __init__(self, name: str, client: Client, regions: Sequence[str], chance: random.Random) -> None:
        self._name = name
        self.client = client
        self._regions = regions
        self._chance = chance
        self._serial = 0
        self.known: list[Known] = []
        self.asked: Counter[str] = Counter()
        self.told: list[Operation] = []
        """The operations that were acknowledged."""
        self.violations: list[Violation] = []

    async def work(self, seconds: float) -> None:
        """Wish one thing after the other; after so many seconds nothing new."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        while loop.time() < until:
            await self._wish(until - loop.time())
            await asyncio.sleep(min(self._chance.uniform(0.0, 2.0), max(until - loop.time(), 0.0)))

    async def delete_all(self) -> None:
        for known in self._present:
            await self._delete(known)

    @property
    def _present(self) -> list[Known]:
        return [known for known in self.known if not known.deleted]

    async def _wish(self, seconds_left: float) -> None:
        """One thing, and mostly the wait until it is done."""
        present = self._present
        if not present or (len(present) < STACKS_MAX and self._chance.random() < 0.5):
            operation = await self._create()
        else:
            known = self._chance.choice(present)
            match self._chance.choices(("update", "delete", "cancel", "roll back"), (5, 3, 1, 1))[0]:
                case "update":
                    operation = await self._update(known)
                case "delete":
                    operation = await self._delete(known)
                case "cancel":
                    operation = await self._cancel(known, rollback=False)
                case _:
                    operation = await self._cancel(known, rollback=True)
        if operation is not None and self._chance.random() < _PATIENT:
            seconds = min(_WAIT_SECONDS_MAX, seconds_left)
            await self._told("wait", lambda _: self.client.wait_operation(operation.name, seconds))

    async def _create(self) -> operation_pb2.Operation | None:
        self._serial += 1
        known = Known(f"{self._name}-{self._serial}", draw(self._chance, self._regions, _SITES_MAX, True))
        spec = self._spec(known.blueprint)
        operation = await self._acknowledged(
            f"create {known.name}",
            lambda request: self.client.create_stack(known.name, spec, request_id=request),
        )
        if operation is not None:
            known.uid = operation.metadata.stack_uid
            self._accepted(known, operation)
            self.known.append(known)
        return operation

    async def _update(self, known: Known) -> operation_pb2.Operation | None:
        known.blueprint = change(self._chance, known.blueprint, self._regions, True)
        stack = stack_pb2.Stack(name=known.name, spec=self._spec(known.blueprint))
        operation = await self._acknowledged(
            f"update {known.name}",
            lambda request: self.client.update_stack(stack, request_id=request),
            *_BUSY,
        )
        if operation is not None:
            self._accepted(known, operation)
        return operation

    async def _cancel(self, known: Known, rollback: bool) -> operation_pb2.Operation | None:
        return await self._acknowledged(
            f"cancel {known.name}",
            lambda request: self.client.cancel_stack(known.name, rollback=rollback, request_id=request),
            *_BUSY,
        )

    async def _delete(self, known: Known) -> operation_pb2.Operation | None:
        operation = await self._acknowledged(
            f"delete {known.name}",
            lambda request: self.client.delete_stack(known.name, request_id=request),
            "NOT_FOUND" if known.deleted else "",
        )
        known.deleted = True
        return operation

    def _accepted(self, known: Known, operation: operation_pb2.Operation) -> None:
        known.revisions[operation.metadata.plan] = known.blueprint

    def _spec(self, blueprint: Blueprint) -> stack_pb2.StackSpec:
        rollback = self._chance.random() < 0.2
        return stack_pb2.StackSpec(template=blueprint.template(), region=self._regions[0], rollback=rollback)

    async def _acknowledged(
        self, what: str, ask: Callable[[str], Awaitable[operation_pb2.Operation | None]], *refusals: str
    ) -> operation_pb2.Operation | None:
        """As `_told`; what is acknowledged is remembered."""
        operation = await self._told(what, ask, *refusals)
        if operation is not None:
            _, project, _, id = operation.name.split("/")
            about = operation.metadata
            self.told.append(
                Operation(
                    id=id,
                    project=Project(project),
                    stack=StackId(about.stack_uid),
                    stack_name=about.stack.rpartition("/")[2],
                    verb=about.verb,
                    plan=about.plan,
                    created_at=about.create_time.ToNanoseconds() / 1e9,
                )
            )
        return operation

    async def _told(self, what: str, ask: Callable[[str], Awaitable[T]], *refusals: str) -> T | None:
        """Ask with one request id until somebody answers. None: it was refused."""
        request = uuid.uuid4().hex
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE_SECONDS
        self.asked[what.partition(" ")[0]] += 1
        while True:
            try:
                return await ask(request)
            except ApiError as error:
                if error.code in _UNTOLD and loop.time() < until:
                    self.asked["asked again"] += 1
                    await asyncio.sleep(_PAUSE_SECONDS)
                    continue
                if error.code not in refusals:
                    self.violations.append(Violation(0, f"{what}: {error.code}: {error}"))
                return None
