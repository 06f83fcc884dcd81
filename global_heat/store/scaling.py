"""Scaling: a signal to a policy is a wish for another size of its group, written like any update.

Whoever is told works it out from the records and writes it by one commit, so that a signal counts once
whatever replica it is sent to, and a replica may die at any moment.
"""

from __future__ import annotations

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Path, StackId
from global_heat.model.records import Header, State
from global_heat.store.caller import Caller
from global_heat.store.checks import refuse_deleted
from global_heat.store.documents import Documents, RecordedView
from global_heat.store.groups import with_past
from global_heat.store.reading import StackView, read_operation, read_stack
from global_heat.store.wishes import StackWish, Wishes
from global_heat.template.groups import Scope
from global_heat.template.scaling import within
from global_heat.template.source import GroupPast, Scaled

_TRIES = 8
_SCALE = "scale"


class Scaling:
    def __init__(self, documents: Documents, wishes: Wishes) -> None:
        self._store = documents.store
        self._documents = documents
        self._wishes = wishes

    async def signal(self, caller: Caller, id: StackId, path: Path, now: float, request: str) -> str:
        """Do what a policy says: the operation that does it; empty when there is nothing to do: the group has
        that size, or changed a short while ago.

        Raises `Invalid`: BUSY while the stack is being changed, NOT_FOUND without the group.
        """
        for _ in range(_TRIES):
            if (earlier := await self._wishes.repeated(caller, _SCALE, request, [path])) is not None:
                return earlier.id
            view = await read_stack(self._store, caller.project, id, local=False)
            wish = await self._wish(view, path, now)
            if wish is None:
                return ""
            try:
                operation = await self._wishes.update(
                    caller, id, wish, request, None, said=[path], verb=_SCALE
                )
            except Invalid as error:
                if error.reason is not Reason.MISMATCH:
                    raise
            else:
                return operation.id
        raise Transient("the stack keeps changing: try again")

    async def _wish(self, view: StackView, path: Path, now: float) -> StackWish | None:
        header = view.header
        refuse_deleted(header, "scaled")
        if not header.ended:
            raise Invalid(
                f"stack {header.name!r} is {header.state}: signal the policy again when that is done",
                reason=Reason.BUSY,
            )
        tree = await self._documents.tree(header, header.revision)
        finished = {i.path: i for i in view.incarnations if i.state is State.READY}
        recorded = RecordedView(self._documents, header, finished)
        definition = tree.definitions.get(path)
        if definition is None:
            raise Invalid(f"the policy {path} is not wished any more", reason=Reason.NOT_FOUND)
        rules = self._documents.schemas.rules(definition.type)
        assert rules is not None and rules.scales, definition.type
        adjustment = rules.adjustment(tree.properties(path, recorded))
        group = tree.groups.scaling(adjustment.group)
        if group is None:
            raise Invalid(
                f"{path} is for a group {adjustment.group!r}, which this stack does not have",
                reason=Reason.NOT_FOUND,
            )
        scope = tree.groups.scope(group, recorded)
        source = await self._documents.source(header.project, header.id, header.revision)
        past = (await with_past(self._documents, view, source)).groups[group]
        ended = await self._ended(header)
        if _is_cooling(past, path, scope, adjustment.cooldown_seconds, ended, now):
            return None
        size = within(adjustment.size(scope.size), scope.least, scope.most)
        if size == scope.size:
            return None
        return StackWish(
            name=header.name,
            source=source,
            region=header.region,
            rollback=header.rollback,
            etag=view.etag,
            scaled={group: Scaled(size, now, path)},
        )

    async def _ended(self, header: Header) -> float:
        """When the last scaling, or the creation, was over, if nothing else was wished since; else 0."""
        operation = await read_operation(self._store, header.project, header.operation)
        return header.ended_at if operation.verb in (_SCALE, "create") else 0.0


def _is_cooling(
    past: GroupPast, policy: Path, scope: Scope, own_seconds: float, ended: float, now: float
) -> bool:
    """Whether the group, or the policy, was at work so short a while ago that it does nothing.

    As in Heat, a cooldown counts from the end of what was done.
    """
    group_since = max(past.scaled_at, ended)
    mine = past.scaled_by.get(policy, 0.0)
    policy_since = max(mine, ended) if mine and mine == past.scaled_at else mine
    return now < group_since + scope.cooldown_seconds or now < policy_since + own_seconds
