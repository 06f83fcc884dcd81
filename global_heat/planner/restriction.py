"""What the environment forbids to be done to a resource, its `restricted_actions`, decided from the records.

As in Heat an update that would need a forbidden action is begun and fails at that resource, which stays as
it is. What may not be updated may still be replaced, and the other way round.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from global_heat.model.names import Path
from global_heat.model.records import Incarnation, State
from global_heat.planner.decision import Create, Decision, Mend, Resume, Update
from global_heat.planner.external import external_refusal
from global_heat.template.tree import Definition, Tree

UPDATE, REPLACE = "update", "replace"


def forbidden(
    definition: Definition, tree: Tree, decision: Decision, recorded: Collection[Incarnation], since: int
) -> str:
    """The action that this decision needs and the environment forbids; empty: none.

    `recorded` are all incarnations of the stack: a resource may have moved, or changed its type.
    """
    if not definition.restricted and not _fixed(definition.container, tree):
        return ""
    action = _action(decision, definition, recorded, since)
    if action in definition.restricted:
        return action
    changes = action or isinstance(decision, Create)
    return UPDATE if changes and _holds_still(definition.container, tree, recorded, since) else ""


def forbidden_removal(tree: Tree, path: Path) -> str:
    """The action that the removal of what is not wished any more is a part of, and that is forbidden."""
    if path in tree.definitions:
        return ""  # what takes its place was not forbidden
    if path in tree.containers:
        return REPLACE if REPLACE in tree.containers[path].restricted else ""
    replaced = next((each for each in _around(path) if each in tree.definitions), None)
    if replaced is not None:
        return ""  # likewise
    return UPDATE if any(_forbids(tree, each, UPDATE) for each in _around(path)) else ""


def refusal(
    definition: Definition, tree: Tree, decision: Decision, recorded: Collection[Incarnation], since: int
) -> str:
    """Why a step will fail before it does anything, for people; empty: nothing is in its way.

    `since`: the plan that the wish began with.
    """
    if why := external_refusal(definition, decision):
        return why
    asking = decision.forcing if isinstance(decision, Create) else getattr(decision, "changed", ())
    action = forbidden(definition, tree, decision, recorded, since)
    return told(action, asking) if action else ""


def refusal_to_remove(tree: Tree, path: Path, recorded: Iterable[Incarnation], since: int) -> str:
    """The same of the removal of what is not wished any more: `recorded` of that path.

    What this wish has made, or begun to remove, may go; of a group only what is inside is a thing.
    """
    if not any(each.id and each.tried < since for each in recorded):
        return ""
    action = forbidden_removal(tree, path)
    return told(action) if action else ""


def told(action: str, properties: Collection[str] = ()) -> str:
    """Why a step fails that needs a forbidden action, for people. `properties`: those that ask for it."""
    asking = f"; asked for by {', '.join(properties)}" if properties else ""
    return f"{action} is restricted by the environment (restricted_actions){asking}"


def _action(decision: Decision, definition: Definition, recorded: Iterable[Incarnation], since: int) -> str:
    match decision:
        case Create(replaces=None):
            return REPLACE if _stands_elsewhere(definition, recorded) else ""
        case Create():
            return REPLACE
        case Update():
            return UPDATE
        case Mend(incarnation=incarnation):
            return UPDATE if incarnation.hashes else ""
        case Resume(incarnation=incarnation):
            begun = incarnation.tried >= since
            return UPDATE if incarnation.state is State.UPDATING and not begun else ""
    return ""


def _stands_elsewhere(definition: Definition, recorded: Iterable[Incarnation]) -> bool:
    """Whether it is there as something else, a nested stack perhaps, or in another region."""
    inside = f"{definition.path}/"
    return any(
        each.state is not State.LEAVING and (each.path == definition.path or each.path.startswith(inside))
        for each in recorded
    )


def _fixed(container: Path, tree: Tree) -> bool:
    return any(_forbids(tree, each, UPDATE) for each in (container, *_around(container)))


def _holds_still(container: Path, tree: Tree, recorded: Collection[Incarnation], since: int) -> bool:
    """Whether a nested stack or group around it was there before this wish and may not be updated."""
    return any(
        _forbids(tree, around, UPDATE)
        and any(each.path.startswith(f"{around}/") and 0 < each.tried < since for each in recorded)
        for around in (container, *_around(container))
    )


def _forbids(tree: Tree, container: Path, action: str) -> bool:
    return container in tree.containers and action in tree.containers[container].restricted


def _around(path: Path) -> list[Path]:
    """The paths of what it is in, the innermost first."""
    names = path.split("/")
    return [Path("/".join(names[:length])) for length in range(len(names) - 1, 0, -1)]
