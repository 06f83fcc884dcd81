"""Wishes: what a person wants of a stack, written by one guarded commit each. No cloud is changed here.

A wish makes a plan current. From that commit on the shards' owners work; the wish itself is done.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping

import msgspec

from global_heat.model.errors import Fault, Invalid, Reason, Transient
from global_heat.model.names import Path, Project, Region, StackId
from global_heat.model.plan import Plan
from global_heat.model.records import (
    Action,
    Header,
    NameRecord,
    Operation,
    RevisionRecord,
    Status,
)
from global_heat.planner.planning import plan_apply, plan_delete
from global_heat.store import blobs, keys
from global_heat.store.caller import Caller
from global_heat.store.change import StackChange
from global_heat.store.change import end_header as end_header
from global_heat.store.checks import check_stack_name, refuse_deleted
from global_heat.store.documents import Documents
from global_heat.store.groups import with_past
from global_heat.store.protocol import absent
from global_heat.store.reading import StackView, read_operation, read_stack, resolve_name
from global_heat.store.sinks import sinks_from
from global_heat.store.stack_writer import StackWriter, as_read
from global_heat.store.trust_ledger import MadeTrust
from global_heat.template.location import FAULTS_SHOWN_MAX
from global_heat.template.shapes import Shape
from global_heat.template.source import Scaled, Source
from global_heat.template.tree import Tree

_TRIES = 8


class StackWish(msgspec.Struct, frozen=True):
    """What a stack shall be. `region` is its default region (creation only)."""

    name: str
    source: Source
    region: Region
    rollback: bool = False
    tags: tuple[str, ...] = ()
    etag: str = ""
    scaled: dict[Path, Scaled] = {}
    """Other sizes of groups: an update that is a policy's."""


Prepare = Callable[[Header, Tree], Awaitable[Collection[MadeTrust]]]
"""What a front door does once a tree is known to be good and before the wish is written: looks up what only
the clouds know (raises `Invalid`, located), and has trusts made for the tree's regions."""


async def _nothing_to_prepare(header: Header, tree: Tree) -> Collection[MadeTrust]:
    return ()


class Wishes:
    def __init__(
        self,
        documents: Documents,
        clock: Callable[[], float],
        new_id: Callable[[], str],
    ) -> None:
        self._documents = documents
        self._store = documents.store
        self._clock = clock
        self._new_id = new_id
        self._writer = StackWriter(documents.store, clock)

    async def create(
        self,
        caller: Caller,
        wish: StackWish,
        request: str,
        regions: Collection[str],
        prepare: Prepare = _nothing_to_prepare,
        said: object = None,
    ) -> Operation:
        """Make a new stack. Raises `Invalid` with all faults (INVALID), ALREADY_EXISTS, PRECONDITION.

        `said`: what the caller said, where the wish holds more: what this replica chose for him.
        """
        fingerprint = self._fingerprint(caller, "create", wish if said is None else said)
        if (earlier := await self._writer.earlier(caller, request, fingerprint)) is not None:
            return earlier
        check_stack_name(wish.name)
        if await self._store.get(keys.name(caller.project, wish.name)) is not None:
            return await self._writer.faster(caller, wish.name, request, fingerprint)
        now = self._clock()
        header = Header(
            project=caller.project,
            id=StackId(self._new_id()),
            name=wish.name,
            user=caller.user,
            tags=wish.tags,
            region=wish.region,
            revision=1,
            plan=1,
            action=Action.CREATE,
            status=Status.IN_PROGRESS,
            rollback=wish.rollback,
            created_at=now,
        )
        tree, plan = await self._compiled(wish.source, header, regions, Action.CREATE, None)
        header = msgspec.structs.replace(header, sinks=sinks_from(tree, (), 1))
        operation = self._operation(header, "create", 1, request)
        change = StackChange(header, operation, plan, description=tree.description, now=now)
        change.put(keys.name(header.project, header.name), NameRecord(stack=header.id))
        change.record_trusts(await prepare(header, tree))
        self._add_revision(change, 1, wish.source, caller.user)
        guards = [
            absent(keys.name(header.project, header.name)),
            absent(keys.header(header.project, header.id)),
        ]
        if not await self._writer.commit(caller, change, guards, fingerprint):
            return await self._writer.faster(caller, wish.name, request, fingerprint)
        return operation

    async def update(
        self,
        caller: Caller,
        name: str,
        wish: StackWish,
        request: str,
        regions: Collection[str] | None,
        prepare: Prepare = _nothing_to_prepare,
        said: object = None,
        verb: str = "update",
    ) -> Operation:
        """Make an existing stack as wished; allowed while an earlier create or update still runs.

        `regions`: those there are; None: the wish names none that is new. `said`: what the caller said, where
        the wish was derived from that and from what is recorded.
        """
        fingerprint = self._fingerprint(caller, verb, wish if said is None else said)
        if (earlier := await self._writer.earlier(caller, request, fingerprint)) is not None:
            return earlier
        id = await resolve_name(self._store, caller.project, name)

        async def change_of(view: StackView) -> StackChange:
            refuse_deleted(view.header, "updated")
            source = (await with_past(self._documents, view, wish.source)).scaled(wish.scaled)
            tree = await self._documents.aside(lambda: self._documents.compile(source, view.header, regions))
            await self.refuse_immutable(view, tree)
            wished = msgspec.structs.replace(wish, source=source)
            change = await self._documents.aside(
                lambda: self._next_plan(view, caller, verb, Action.UPDATE, request, tree, wished)
            )
            change.record_trusts(await prepare(change.header, tree))
            return change

        return await self._writer.change(caller, id, request, fingerprint, wish.etag, change_of)

    async def repeated(self, caller: Caller, verb: str, request: str, said: object) -> Operation | None:
        """What this request began when it came before. Raises `Invalid` when it said something else then."""
        return await self._writer.earlier(caller, request, self._fingerprint(caller, verb, said))

    async def delete(self, caller: Caller, name: str, request: str, etag: str = "") -> Operation:
        """Remove a stack and all it has. Deleting it again gives the operation that runs already."""
        fingerprint = self._fingerprint(caller, "delete", name)
        if (earlier := await self._writer.earlier(caller, request, fingerprint)) is not None:
            return earlier
        id = await resolve_name(self._store, caller.project, name)
        view = await read_stack(self._store, caller.project, id, local=False)
        if view.header.action is Action.DELETE and view.header.status is not Status.FAILED:
            return await read_operation(self._store, caller.project, view.header.operation)

        async def change_of(view: StackView) -> StackChange:
            return self._next_plan(view, caller, "delete", Action.DELETE, request, None, None)

        return await self._writer.change(caller, id, request, fingerprint, etag, change_of)

    async def cancel(self, caller: Caller, name: str, request: str, rollback: bool) -> Operation:
        """Stop what runs. With `rollback` the stack goes back to its last complete revision."""
        fingerprint = self._fingerprint(caller, "cancel", [name, rollback])
        if (earlier := await self._writer.earlier(caller, request, fingerprint)) is not None:
            return earlier
        id = await resolve_name(self._store, caller.project, name)
        if rollback:
            return await self.roll_back(caller, id, request, fingerprint)

        async def change_of(view: StackView) -> StackChange:
            if view.header.ended:
                raise Invalid(
                    f"stack {view.header.name!r} is {view.header.state}: nothing to cancel",
                    reason=Reason.PRECONDITION,
                )
            operation = self._operation(view.header, "cancel", view.header.plan, request)
            header = msgspec.structs.replace(
                view.header,
                stopping=True,
                reason="cancelled",
                operation=operation.id,
                updated_at=self._clock(),
            )
            over = view.header_entry.value
            return StackChange(header, operation, None, description="", now=self._clock(), over=over)

        return await self._writer.change(caller, id, request, fingerprint, "", change_of)

    async def roll_back(
        self,
        caller: Caller,
        id: StackId,
        request: str = "",
        fingerprint: str = "",
        after_plan: int | None = None,
    ) -> Operation:
        """Go back to the last complete revision; a stack that never was complete loses all it has.

        With `after_plan` only if that plan is still the current one: another replica may have been faster.
        """
        view = await read_stack(self._store, caller.project, id, local=False)
        complete = view.header.complete_revision
        tree = await self._documents.tree(view.header, complete) if complete else None

        async def change_of(view: StackView) -> StackChange:
            refuse_deleted(view.header, "rolled back")
            if view.header.status is Status.COMPLETE:
                raise Invalid(
                    f"stack {view.header.name!r} is {view.header.state}: there is nothing to roll back",
                    reason=Reason.PRECONDITION,
                )
            faster = after_plan is not None and view.header.plan != after_plan
            if faster or view.header.complete_revision != complete:
                raise Invalid("the stack changed meanwhile: try again", reason=Reason.BUSY)
            return await self._documents.aside(
                lambda: self._next_plan(view, caller, "rollback", Action.ROLLBACK, request, tree, None)
            )

        return await self._writer.change(caller, id, request, fingerprint, "", change_of)

    async def expand(
        self, project: Project, id: StackId, after_plan: int, found: Mapping[Path, Shape]
    ) -> None:
        """Plan the present wish again, now that it is known which members some groups have.

        Nothing is done when `after_plan` is not the current plan any more, or its stack has stopped.
        Raises `Invalid`, located, when the members cannot be made.
        """
        for _ in range(_TRIES):
            view = await read_stack(self._store, project, id, local=False)
            if view.plan.number != after_plan or view.header.stopping or view.header.ended:
                return
            source = await self._documents.source(project, id, view.plan.revision)
            change = await self._expanded(view, source.expanded(found))
            # Whatever came of it, the records tell, which are read again.
            await self._writer.commit(Caller(project, view.header.user), change, as_read(view))
        raise Transient("the stack keeps changing: try again")

    async def _expanded(self, view: StackView, source: Source) -> StackChange:
        """The next plan of the same operation."""
        old, number = view.header, view.plan.number + 1
        header = msgspec.structs.replace(old, revision=number, plan=number, updated_at=self._clock())
        tree, plan = await self._compiled(source, header, None, old.action, view)
        before = await self._documents.plan(old.project, old.id, view.plan)
        plan = msgspec.structs.replace(plan, began=before.first)
        operation = await read_operation(self._store, old.project, old.operation)
        operation = msgspec.structs.replace(operation, plan=number)
        change = StackChange(
            header,
            operation,
            plan,
            description=tree.description,
            now=self._clock(),
            also_open=old.open,
            over=view.header_entry.value,
        )
        self._add_revision(change, number, source, old.user)
        return change

    async def _compiled(
        self,
        source: Source,
        header: Header,
        regions: Collection[str] | None,
        action: Action,
        view: StackView | None,
    ) -> tuple[Tree, Plan]:
        """The tree of a source, and the plan that `header` names, which leads there. Raises `Invalid`."""
        number, parent = header.plan, view.plan.number if view else 0

        def compute() -> tuple[Tree, Plan]:
            tree = self._documents.compile(source, header, regions)
            return tree, self.plan_tree(header, number, parent, header.revision, action, tree, view)

        return await self._documents.aside(compute)

    async def refuse_immutable(self, view: StackView, tree: Tree) -> None:
        """Raises `Invalid`, located, when a tree changes what the stack's present one calls immutable."""
        if not view.header.revision:
            return  # rolled back to nothing: nothing has been fixed
        present = await self._documents.tree(view.header, view.header.revision)
        if faults := present.immutable_changes(tree):
            raise Invalid("the update changes what cannot be changed", *faults)

    def plan_tree(
        self,
        header: Header,
        number: int,
        parent: int,
        revision: int,
        action: Action,
        tree: Tree,
        view: StackView | None,
    ) -> Plan:
        """The plan for a tree, from what `view` shows as recorded. Raises `Invalid`, located."""
        gaps = tree.unsupported()
        if gaps:
            named = ", ".join(sorted({gap.what for gap in gaps}))
            faults = [Fault(gap.location, f"{gap.what} cannot be carried out yet") for gap in gaps]
            raise Invalid(
                f"this is known but cannot be carried out yet: {named}",
                *faults[:FAULTS_SHOWN_MAX],
                reason=Reason.PRECONDITION,
            )
        return plan_apply(
            number,
            parent,
            revision,
            action,
            tree,
            view.incarnations if view else (),
            self._documents.schemas,
            self._documents.hash_property(header),
            lambda incarnation: self._documents.attributes(header, incarnation),
        )

    # how a change of plan is written

    def _next_plan(
        self,
        view: StackView,
        caller: Caller,
        verb: str,
        action: Action,
        request: str,
        tree: Tree | None,
        wish: StackWish | None,
    ) -> StackChange:
        old, now = view.header, self._clock()
        number = view.plan.number + 1
        revision = number if wish is not None else old.complete_revision
        operation = self._operation(old, verb, number, request)
        header = msgspec.structs.replace(
            old,
            revision=revision,
            plan=number,
            action=action,
            status=Status.IN_PROGRESS,
            reason="",
            stopping=False,
            rollback=wish.rollback if wish else False,
            tags=wish.tags if wish and wish.tags else old.tags,
            operation=operation.id,
            sinks=old.sinks if tree is None else sinks_from(tree, old.sinks, number),
            updated_at=now,
            ended_at=0.0,
        )
        if tree is None:
            plan = plan_delete(number, view.plan.number, revision, view.incarnations)
            plan = msgspec.structs.replace(plan, action=action)
        else:
            plan = self.plan_tree(header, number, view.plan.number, revision, action, tree, view)
        description = tree.description if tree else old.description
        # A shard that is still open may record things that were not there when this plan was made.
        change = StackChange(
            header,
            operation,
            plan,
            description=description,
            now=now,
            also_open=old.open,
            over=view.header_entry.value,
        )
        if wish is not None:
            self._add_revision(change, revision, wish.source, caller.user)
        return change

    def _add_revision(self, change: StackChange, number: int, source: Source, user: str) -> None:
        project, id = change.header.project, change.header.id
        data = blobs.pack_source(source, self._documents.seal, project, id)
        digest, pieces = blobs.chunks(project, id, data)
        record = RevisionRecord(number=number, blob=digest, created_at=change.now, user=user)
        change.put(keys.revision(project, id, number), record)
        change.raw.update(pieces)

    def _operation(self, header: Header, verb: str, plan: int, request: str) -> Operation:
        return Operation(
            id=self._new_id(),
            project=header.project,
            stack=header.id,
            stack_name=header.name,
            verb=verb,
            plan=plan,
            created_at=self._clock(),
            request=request,
        )

    def _fingerprint(self, caller: Caller, verb: str, wish: object) -> str:
        plain = msgspec.to_builtins(wish)
        return self._documents.seal.fingerprint([verb, plain], "request", caller.project)
