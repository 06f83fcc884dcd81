"""A stack's documents: its plan, its source, the tree compiled from it, and its hashes and sealed values."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Mapping
from typing import TypeVar

from global_heat.model.names import Path, Project, StackId
from global_heat.model.plan import Plan
from global_heat.model.records import Header, Incarnation, PlanPointer, RevisionRecord, SignalRecord
from global_heat.model.schema import Schemas
from global_heat.model.signal import Signal
from global_heat.model.values import Json, Unknown
from global_heat.planner.planning import Hash
from global_heat.store import blobs, keys
from global_heat.store.codec import decode
from global_heat.store.protocol import Entry, Store
from global_heat.store.sealing import Seal
from global_heat.template.compilation import compile_source
from global_heat.template.evaluator import Evaluator
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree
from global_heat.template.yaql import InProcess

CACHED_TREES_MAX = 64

K = TypeVar("K")
V = TypeVar("V")


class Documents:
    """Loads and opens what stacks consist of. Trees and plans are immutable, so they are cached."""

    def __init__(
        self, store: Store, seal: Seal, schemas: Schemas, evaluator: Evaluator | None = None
    ) -> None:
        """Without an evaluator templates are evaluated in this very process, with no limit on time."""
        self.store = store
        self.seal = seal
        self.schemas = schemas
        self.evaluator = evaluator or InProcess()
        self._trees: dict[tuple[StackId, int], Tree] = {}
        self._compiling = asyncio.Lock()
        """What several ask for is compiled once."""
        self._plans: dict[tuple[StackId, str], Plan] = {}

    async def plan(self, project: Project, stack: StackId, pointer: PlanPointer) -> Plan:
        cached = self._plans.get((stack, pointer.blob))
        if cached is None:
            cached = blobs.unpack_plan(await blobs.load(self.store, project, stack, pointer.blob))
            _remember(self._plans, (stack, pointer.blob), cached)
        return cached

    async def source(self, project: Project, stack: StackId, revision: int) -> Source:
        entry = await self.store.get(keys.revision(project, stack, revision), local=True)
        if entry is None:
            entry = await self.store.get(keys.revision(project, stack, revision))
        assert entry is not None, f"revision {revision} of stack {stack} is missing"
        record = decode(RevisionRecord, entry.value)
        data = await blobs.load(self.store, project, stack, record.blob)
        return blobs.unpack_source(data, self.seal, project, stack)

    async def tree(self, header: Header, revision: int) -> Tree:
        """The tree of one of the stack's revisions."""
        key = (header.id, revision)
        if key not in self._trees:
            async with self._compiling:
                if key not in self._trees:
                    source = await self.source(header.project, header.id, revision)
                    tree = await self.aside(lambda: self.compile(source, header, None))
                    _remember(self._trees, key, tree)
                return self._trees[key]
        return self._trees[key]

    async def aside(self, compute: Callable[[], V]) -> V:
        """Compute something that may take its time."""
        return compute()

    def compile(self, source: Source, header: Header, regions: Collection[str] | None) -> Tree:
        identity = Identity(
            stack_name=header.name,
            stack_id=header.id,
            project=header.project,
            default_region=header.region,
        )
        return compile_source(source, identity, self.schemas, regions, evaluator=self.evaluator)

    def hash_property(self, header: Header) -> Hash:
        """Hashes of properties, keyed and bound to the stack and the property's name."""

        def hash_one(name: str, value: Json) -> str:
            return self.seal.fingerprint(value, "property", header.project, header.id, name)

        return hash_one

    def open_incarnation(self, header: Header, incarnation: Incarnation) -> Mapping[str, dict[str, Json]]:
        """What its record seals: `attributes` and `made`."""
        if not incarnation.sealed:
            return {"attributes": {}, "made": {}}
        place = ("incarnation", header.project, header.id, incarnation.ref)
        opened: Mapping[str, dict[str, Json]] = self.seal.open(incarnation.sealed, *place)
        return opened

    def seal_incarnation(
        self, header: Header, ref: str, attributes: Mapping[str, Json], made: Mapping[str, Json]
    ) -> str:
        place = ("incarnation", header.project, header.id, ref)
        return self.seal.seal({"attributes": attributes, "made": made}, *place)

    def open_signal(self, project: Project, id: StackId, ref: str, entry: Entry) -> Signal:
        record = decode(SignalRecord, entry.value)
        data = self.seal.open(record.sealed, "signal", project, id, ref, record.id)
        return Signal(record.id, data, entry.mod_revision)

    def seal_signal(self, project: Project, id: StackId, ref: str, signal: Signal) -> str:
        return self.seal.seal(signal.data, "signal", project, id, ref, signal.id)

    def attributes(self, header: Header, incarnation: Incarnation) -> Mapping[str, Json]:
        return self.open_incarnation(header, incarnation)["attributes"]


class RecordedView:
    """The resources as recorded. What is not finished is `Unknown`."""

    def __init__(self, documents: Documents, header: Header, finished: Mapping[Path, Incarnation]) -> None:
        self._documents = documents
        self._header = header
        self._finished = finished
        self._opened: dict[Path, Mapping[str, Json]] = {}

    def reference(self, path: Path) -> Json:
        return self.attribute(path, "")

    def attribute(self, path: Path, name: str) -> Json:
        incarnation = self._finished.get(path)
        if incarnation is None:
            return Unknown(path)
        if path not in self._opened:
            self._opened[path] = self._documents.attributes(self._header, incarnation)
        return self._opened[path].get(name)


def _remember(cache: dict[K, V], key: K, value: V) -> None:
    """Keep a value, let the oldest go."""
    if len(cache) >= CACHED_TREES_MAX:
        cache.pop(next(iter(cache)))
    cache[key] = value
