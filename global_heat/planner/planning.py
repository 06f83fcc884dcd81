"""Make a plan: which steps lead from what is recorded to what is wished, and what each will probably do."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from graphlib import TopologicalSorter

import msgspec

from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Path
from global_heat.model.plan import Forecast, Kind, Plan, Step
from global_heat.model.records import Action, Incarnation, State
from global_heat.model.schema import Rules, Schemas
from global_heat.model.values import Json, Properties, Unknown, has_unknown
from global_heat.planner.batches import in_batches
from global_heat.planner.decision import (
    Create,
    Done,
    Failed,
    Keep,
    Mend,
    Resume,
    Update,
    Wish,
    decide_apply,
    forcing,
)
from global_heat.planner.external import external_wish
from global_heat.planner.restriction import refusal, refusal_to_remove
from global_heat.template.tree import Definition, Tree

Hash = Callable[[str, Json], str]
"""Property name and value → keyed hash, as the stack's records hold them."""
AttributesOf = Callable[[Incarnation], Mapping[str, Json]]
"""Opens the attributes that an incarnation's record holds; "" is its reference."""


_REVISION = "(revision)"
_OF_A_CLEAN = (Forecast.KEEP, Forecast.RETAIN, Forecast.DELETE)
"""What a clean step may do, the most last."""


def wish_of(properties: Mapping[str, Json], hash_property: Hash, renewed_by: int | None = None) -> Wish:
    """The wish that resolved properties state. A property that is null is as one not given.

    `renewed_by`: the revision, for a type that each revision replaces; it counts as one more property.
    """
    hashes: dict[str, str] = {}
    if renewed_by is not None:
        hashes[_REVISION] = hash_property(_REVISION, renewed_by)
    unknown: set[str] = set()
    for name, value in properties.items():
        if has_unknown(value):
            unknown.add(name)
        elif value is not None:
            hashes[name] = hash_property(name, value)
    return Wish(hashes, frozenset(unknown))


class _Foresight:
    """A view of the resources as they will probably be: what is kept has its recorded attributes."""

    def __init__(self, attributes_of: AttributesOf) -> None:
        self._attributes_of = attributes_of
        self._kept: dict[Path, Incarnation] = {}

    def keep(self, incarnation: Incarnation) -> None:
        self._kept[incarnation.path] = incarnation

    def reference(self, path: Path) -> Json:
        return self.attribute(path, "")

    def attribute(self, path: Path, name: str) -> Json:
        kept = self._kept.get(path)
        attributes = self._attributes_of(kept) if kept else {}
        return attributes[name] if name in attributes else Unknown(path)


def plan_apply(
    number: int,
    parent: int,
    revision: int,
    action: Action,
    tree: Tree,
    recorded: Collection[Incarnation],
    schemas: Schemas,
    hash_property: Hash,
    attributes_of: AttributesOf,
) -> Plan:
    """The plan that makes the resources of `tree` out of what is recorded. Raises `Invalid`, located."""
    by_path = _by_path(recorded)
    foresight = _Foresight(attributes_of)
    steps: list[Step] = []
    faults: list[Fault] = []
    openings = tree.groups.opening
    needs = {path: tuple(sorted(tree.requires(path))) for path in (*tree.definitions, *openings)}
    for path in TopologicalSorter(needs).static_order():
        if path in openings:
            type, stays = tree.groups.type_of(path), _keeps_its_members(tree, path, foresight)
            forecast = Forecast.KEEP if stays else Forecast.CHANGE
            steps.append(Step(Kind.EXPAND, path, openings[path], type, forecast, needs=needs[path]))
            continue
        definition = tree.definitions[path]
        here = [i for i in by_path.get(path, ()) if i.region == definition.region]
        external = definition.external_id is not None
        props = {} if external else tree.properties(path, foresight)
        rules = None if external else schemas.rules(definition.type)
        faults += _faults_of(path, rules, props)
        faults += _missing_beside(definition, tree, rules, props)
        forces = forcing(schemas, definition.type, props)
        wish = wish_of(props, hash_property, revision if rules is not None and rules.renews else None)
        if external:
            wish = external_wish(definition.external_id, hash_property)
        decision = decide_apply(here, definition.type, wish, forces, number)
        forecast, changed, forced_by, kept = _foresee(decision)
        standing = {i.region for i in by_path.get(path, ()) if i.state is not State.LEAVING}
        if kept is None and forecast is Forecast.ADD and standing:
            forecast = Forecast.REPLACE
            forced_by = ("type",) if definition.region in standing else ("region",)
        if kept is not None:
            foresight.keep(kept)
        steps.append(
            Step(
                kind=Kind.APPLY,
                path=path,
                region=definition.region,
                type=definition.type,
                forecast=forecast,
                changed=changed,
                forcing=forced_by,
                refused=refusal(definition, tree, decision, recorded, number),
                needs=needs[path],
            )
        )
    if faults:
        raise Invalid("the template asks for what its resource types refuse", *faults)
    steps = in_batches(steps, tree)
    steps.extend(
        msgspec.structs.replace(step, refused=refusal_to_remove(tree, step.path, by_path[step.path], number))
        for step in _cleans(recorded, needs.keys())
    )
    return Plan(number=number, parent=parent, revision=revision, action=action, steps=tuple(steps))


def _keeps_its_members(tree: Tree, path: Path, foresight: _Foresight) -> bool:
    """Whether it can be foreseen that a group has the members that it shall have."""
    try:
        return tree.groups.has_shape(path, tree.groups.shape(path, foresight))
    except Invalid:
        return False


def _faults_of(path: Path, rules: Rules | None, props: Properties) -> list[Fault]:
    """What a type itself finds wrong with its properties, located."""
    found = rules.check(props) if rules is not None else []
    return [Fault(f"resources.{path}.properties", message) for message in found]


def _missing_beside(
    definition: Definition, tree: Tree, rules: Rules | None, props: Properties
) -> list[Fault]:
    """What a resource names of its own template, and is not there."""
    wanted = props.get(rules.beside) if rules is not None else None
    if not isinstance(wanted, list):
        return []
    there = {other.name for other in tree.definitions.values() if other.container == definition.container}
    there |= {other.name for other in tree.containers.values() if other.container == definition.container}
    at = f"resources.{definition.path}.properties"
    return [
        Fault(at, f"there is no resource {name} in its template")
        for name in wanted
        if isinstance(name, str) and name not in there
    ]


def plan_delete(number: int, parent: int, revision: int, recorded: Collection[Incarnation]) -> Plan:
    """The plan that removes all that is recorded: clean steps only."""
    return Plan(
        number=number,
        parent=parent,
        revision=revision,
        action=Action.DELETE,
        steps=tuple(_cleans(recorded, set())),
    )


def _foresee(decision: object) -> tuple[Forecast, tuple[str, ...], tuple[str, ...], Incarnation | None]:
    """Forecast, changed and forcing properties, and the incarnation that stays."""
    match decision:
        case Create(replaces=None):
            return Forecast.ADD, (), (), None
        case Create(forcing=forcing):
            return Forecast.REPLACE, forcing, forcing, None
        case Update(incarnation=kept, changed=changed):
            return Forecast.CHANGE, changed, (), kept
        case Resume(incarnation=kept) | Mend(incarnation=kept):
            return Forecast.CHANGE if kept.id else Forecast.ADD, (), (), kept
        case Keep(incarnation=kept) | Done(incarnation=kept) | Failed(incarnation=kept):
            return Forecast.KEEP, (), (), kept
    raise AssertionError(decision)


def _cleans(recorded: Collection[Incarnation], wished: Collection[Path]) -> list[Step]:
    """A clean step for each resource and region with something recorded.

    Whether it finds something to remove shows when the apply steps are done: a replacement may come
    out of values that nobody knows yet.
    """
    built_on: dict[str, set[Path]] = {}
    for incarnation in recorded:
        for ref in incarnation.requires:
            built_on.setdefault(ref, set()).add(incarnation.path)
    steps: dict[tuple[Path, str], Step] = {}
    for incarnation in sorted(recorded, key=lambda i: (i.path, i.region, i.n)):
        goes = incarnation.path not in wished
        forecast = Forecast.KEEP
        if goes and incarnation.state is not State.LEAVING:
            forecast = Forecast.RETAIN if incarnation.retain else Forecast.DELETE
        key = (incarnation.path, incarnation.region)
        needs = built_on.get(incarnation.ref, set())
        if (older := steps.get(key)) is not None:
            needs = needs | set(older.needs)
            forecast = max(forecast, older.forecast, key=_OF_A_CLEAN.index)
        steps[key] = Step(
            kind=Kind.CLEAN,
            path=incarnation.path,
            region=incarnation.region,
            type=incarnation.type,
            forecast=forecast,
            needs=tuple(sorted(needs - {incarnation.path})),
        )
    return list(steps.values())


def _by_path(recorded: Collection[Incarnation]) -> dict[Path, list[Incarnation]]:
    found: dict[Path, list[Incarnation]] = {}
    for incarnation in recorded:
        found.setdefault(incarnation.path, []).append(incarnation)
    return found
