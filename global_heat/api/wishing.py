"""Take a wish: check what only clouds can tell, have trusts made, write it; or preview what it would do."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Sequence

import msgspec

from global_heat.api.auth import Call
from global_heat.api.documents import lookups_of, needs_of
from global_heat.api.ports import Backend, Checked
from global_heat.api.preparing import preparation
from global_heat.api.sources import region_in
from global_heat.model.errors import Fault, Invalid, Reason, Transient
from global_heat.model.names import Region, StackId
from global_heat.model.plan import Plan
from global_heat.model.records import Action, Header, Operation, RequestRecord, Status
from global_heat.planner.planning import plan_delete
from global_heat.store import keys
from global_heat.store.checks import check_stack_name, refuse_deleted
from global_heat.store.codec import decode
from global_heat.store.entrusting import Entrusting
from global_heat.store.groups import with_past
from global_heat.store.reading import StackView, read_operation, read_stack, resolve_name
from global_heat.store.registry import list_regions
from global_heat.store.wishes import StackWish
from global_heat.template.location import FAULTS_SHOWN_MAX
from global_heat.template.source import Source
from global_heat.template.tree import Tree
from global_heat.template.warnings import find_warnings

_TRIES = 5


class Spec(msgspec.Struct, frozen=True):
    """What a client wishes of a stack. `region` is its default region; empty: not said."""

    source: Source
    region: str = ""
    rollback: bool = False
    tags: tuple[str, ...] = ()


class Preview(msgspec.Struct, frozen=True):
    """What a wish would do. `etag` is empty when there is no such stack yet."""

    header: Header
    etag: str
    plan: Plan
    checked: Checked


class Wishing:
    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._store = backend.store
        self.under_way: set[asyncio.Task[Operation]] = set()
        """Wishes that are being carried out, whether or not their callers still wait."""

    async def create(self, call: Call, name: str, spec: Spec, request_id: str = "") -> Operation:
        """Raises `Invalid` with all faults, located; ALREADY_EXISTS for a name that is taken."""
        regions = await self.regions()
        wish = _wish(name, spec, self._default_region(spec, regions))
        prepare = preparation(self._backend, call, self.check)
        return await self._to_its_end(
            prepare,
            self._backend.wishes.create(call.caller, wish, request_id, regions, prepare, (name, spec)),
        )

    async def update(
        self, call: Call, name: str, spec: Spec, request_id: str = "", etag: str = "", said: object = None
    ) -> Operation:
        """`said`: what the client said, if the spec was derived from that and from what is recorded."""
        regions = await self.regions()
        wish = _wish(name, spec, Region(spec.region), etag)
        prepare = preparation(self._backend, call, self.check)
        return await self._to_its_end(
            prepare,
            self._backend.wishes.update(call.caller, name, wish, request_id, regions, prepare, said),
        )

    async def _to_its_end(self, prepare: Entrusting, wish: Awaitable[Operation]) -> Operation:
        """Carry it out, also when the caller hangs up: what was made for it must not be left lying about."""
        task = asyncio.create_task(prepare.around(wish))
        self.under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    def _ended(self, task: asyncio.Task[Operation]) -> None:
        self.under_way.discard(task)
        if not task.cancelled():
            task.exception()  # whoever wished may have hung up: then nobody else takes it

    async def change(
        self,
        call: Call,
        name: str,
        alter: Callable[[Spec], Spec],
        said: object,
        request_id: str = "",
        etag: str = "",
    ) -> Operation:
        """Update to what `alter` makes of the spec as recorded, which nobody else changes meanwhile."""
        for _ in range(_TRIES):
            view = await self.read(call, name)
            refuse_deleted(view.header, "updated")
            spec = alter(await self.recorded(view))
            try:
                return await self.update(
                    call, view.header.id, spec, request_id, etag or view.etag, (said, etag)
                )
            except Invalid as error:
                if error.reason is not Reason.MISMATCH or etag:
                    raise
        raise Transient("the stack keeps changing: try again")

    async def apply(
        self,
        call: Call,
        name: str,
        spec: Spec,
        request_id: str = "",
        etag: str = "",
        must_not_exist: bool = False,
    ) -> Operation:
        """Create the stack or update it. A repeat does what the first one did."""
        verb = await self._verb_of(call, request_id)
        exists = await self._view(call, name) is not None if verb is None else verb != "create"
        if not exists and etag:
            raise Invalid("the stack you read is gone", reason=Reason.MISMATCH)
        if not exists or must_not_exist:
            return await self.create(call, name, spec, request_id)
        return await self.update(call, name, spec, request_id, etag)

    async def preview(self, call: Call, name: str, spec: Spec, etag: str = "") -> Preview:
        """What `apply` would do, with everything checked that it would check. Nothing is written."""
        regions = await self.regions()
        view = await self._view(call, name)
        if view is None:
            check_stack_name(name)
            header, action = self._provisional(call, name, spec, regions), Action.CREATE
        else:
            refuse_deleted(view.header, "updated")
            header, action = view.header, Action.UPDATE
        _check_etag(etag, view)
        source = spec.source
        if view is not None:
            source = await with_past(self._backend.documents, view, source)
        documents, wishes = self._backend.documents, self._backend.wishes
        tree = await documents.aside(lambda: documents.compile(source, header, regions))
        if view is not None:
            await wishes.refuse_immutable(view, tree)
        parent = view.plan.number if view else 0
        plan = await documents.aside(
            lambda: wishes.plan_tree(header, parent + 1, parent, parent + 1, action, tree, view)
        )
        checked = await self.check(call, tree)
        return Preview(header, view.etag if view else "", plan, checked)

    async def preview_delete(self, call: Call, name: str, etag: str = "") -> Preview:
        view = await self.read(call, name)
        _check_etag(etag, view)
        number = view.plan.number
        plan = plan_delete(number + 1, number, view.header.revision, view.incarnations)
        return Preview(view.header, view.etag, plan, Checked())

    async def validate(self, call: Call, spec: Spec) -> tuple[Tree, Checked]:
        """Compile a template on its own, and look up what it names."""
        regions = await self.regions()
        header = self._provisional(call, "validation", spec, regions)
        documents = self._backend.documents
        tree = await documents.aside(lambda: documents.compile(spec.source, header, regions))
        return tree, await self.check(call, tree)

    async def warnings(self, source: Source) -> Sequence[Fault]:
        """What of a template is right, and probably not meant."""
        found = await self._backend.documents.aside(lambda: find_warnings(source))
        return found[:FAULTS_SHOWN_MAX]

    async def check(self, call: Call, tree: Tree) -> Checked:
        """Look up what only clouds know: names, and which services there are.

        Raises `Invalid` with all that is wrong; PRECONDITION if it is services alone.
        """
        checked = await self._backend.lookups.check(call.who, call.tokens, lookups_of(tree), needs_of(tree))
        if checked.faults:
            message = "the template names things that are not there"
            raise Invalid(message, *checked.faults, *checked.lacking)
        if checked.lacking:
            message = "the template needs services that its regions do not have"
            raise Invalid(message, *checked.lacking, reason=Reason.PRECONDITION)
        return checked

    async def read(self, call: Call, name: str) -> StackView:
        """A stack by name or uid, as it stands. Raises `Invalid` (NOT_FOUND)."""
        id = await resolve_name(self._store, call.who.project, name)
        return await read_stack(self._store, call.who.project, id, local=False)

    async def recorded(self, view: StackView) -> Spec:
        header = view.header
        source = await self._backend.documents.source(header.project, header.id, header.revision)
        return Spec(source, header.region, header.rollback, header.tags)

    async def regions(self) -> Collection[Region]:
        """The registered ones."""
        return [record.name for record in await list_regions(self._store)]

    def _default_region(self, spec: Spec, regions: Collection[Region]) -> Region:
        region = Region(spec.region) if spec.region else region_in(spec.source) or self._backend.home
        if region not in regions:
            known = ", ".join(sorted(regions)) or "none is registered yet"
            where = "stack.spec.region" if spec.region else "environment.regions.default"
            raise Invalid(f"there is no region {region!r}", Fault(where, f"must be one of: {known}"))
        return region

    def _provisional(self, call: Call, name: str, spec: Spec, regions: Collection[Region]) -> Header:
        """The header that a stack would have. Its id is nobody's."""
        return Header(
            project=call.who.project,
            id=StackId("00000000-0000-0000-0000-000000000000"),
            name=name,
            region=self._default_region(spec, regions),
            revision=1,
            plan=1,
            action=Action.CREATE,
            status=Status.IN_PROGRESS,
            created_at=self._backend.clock(),
        )

    async def _view(self, call: Call, name: str) -> StackView | None:
        try:
            return await self.read(call, name)
        except Invalid as error:
            if error.reason is not Reason.NOT_FOUND:
                raise
            return None

    async def _verb_of(self, call: Call, request_id: str) -> str | None:
        """What this request did when it came before."""
        if not request_id:
            return None
        entry = await self._store.get(keys.request(call.who.project, request_id))
        if entry is None:
            return None
        operation = decode(RequestRecord, entry.value).operation
        return (await read_operation(self._store, call.who.project, operation)).verb


def _check_etag(etag: str, view: StackView | None) -> None:
    if etag and (view is None or etag != view.etag):
        raise Invalid("the stack has changed since you read it: read it again", reason=Reason.MISMATCH)


def _wish(name: str, spec: Spec, region: Region, etag: str = "") -> StackWish:
    return StackWish(
        name=name,
        source=spec.source,
        region=region,
        rollback=spec.rollback,
        tags=spec.tags,
        etag=etag,
    )
