"""What a step does: decided from the records when it starts, forecast by the planner with the same rules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

import msgspec

from global_heat.model.records import Incarnation, State
from global_heat.model.schema import Schemas
from global_heat.model.values import Properties


class Wish(msgspec.Struct, frozen=True):
    """What a resource shall be: keyed hashes of its properties; `unknown` ones cannot be told yet."""

    hashes: Mapping[str, str]
    unknown: frozenset[str] = frozenset()


class Done(msgspec.Struct, frozen=True):
    """The incarnation is finished for this plan."""

    incarnation: Incarnation


class Failed(msgspec.Struct, frozen=True):
    """The step failed under this plan."""

    incarnation: Incarnation


class Create(msgspec.Struct, frozen=True):
    """Make incarnation `n`. `replaces` is the one that goes later."""

    n: int
    replaces: Incarnation | None = None
    forcing: tuple[str, ...] = ()


class Resume(msgspec.Struct, frozen=True):
    """Something is open: an attempt whose outcome is not known, a thing not ready, an update half-way."""

    incarnation: Incarnation


class Mend(msgspec.Struct, frozen=True):
    """Its step failed under an earlier plan. Only a look tells whether the thing itself is good: then it is
    gone on with; if not, it is replaced, and this becomes `Create`."""

    incarnation: Incarnation
    replacement: Create


class Keep(msgspec.Struct, frozen=True):
    """It is as wished already."""

    incarnation: Incarnation


class Update(msgspec.Struct, frozen=True):
    incarnation: Incarnation
    changed: tuple[str, ...]


Decision = Done | Failed | Create | Resume | Mend | Keep | Update

Forces = Callable[[Collection[str]], tuple[str, ...]]
"""Which of the changed properties force a replacement."""


def forcing(schemas: Schemas, type: str, props: Properties) -> Forces:
    """By Heat's rule: a property without `update_allowed` replaces; so does what the type itself says."""
    schema, rules = schemas.get(type), schemas.rules(type)
    assert schema is not None, type
    allowed = {name for name, prop in schema.properties.items() if prop.update_allowed}

    def forces(changed: Collection[str]) -> tuple[str, ...]:
        by_schema = tuple(sorted(set(changed) - allowed))
        if not by_schema and rules is not None and changed and rules.replaces(changed, props):
            return tuple(sorted(changed))
        return by_schema

    return forces


def live(incarnations: Iterable[Incarnation]) -> Incarnation | None:
    """The incarnation that stands for the resource: the newest that is not on its way out."""
    return max((i for i in incarnations if i.state is not State.LEAVING), key=lambda i: i.n, default=None)


def finished(incarnations: Iterable[Incarnation], plan: int) -> Incarnation | None:
    """The incarnation with which this plan's apply is done."""
    return next((i for i in incarnations if i.state is State.READY and i.plan == plan), None)


def differences(have: Mapping[str, str], wish: Wish) -> tuple[str, ...]:
    """The properties that differ, or may: unknown values count as different."""
    names = set(have) | set(wish.hashes)
    differing = {name for name in names if have.get(name) != wish.hashes.get(name)}
    return tuple(sorted(differing | wish.unknown))


def decide_apply(
    incarnations: Collection[Incarnation], type: str, wish: Wish, forces: Forces, plan: int
) -> Decision:
    """What to do to have the resource as wished under this plan.

    `incarnations` are those recorded in the wished region; one of another type cannot become it.
    """
    newest = max((i.n for i in incarnations), default=0)
    alike = [i for i in incarnations if i.type == type]
    if (done := finished(alike, plan)) is not None:
        return Done(done)
    current = live(alike)
    if current is None:
        return Create(newest + 1)
    if current.state is State.INTENT:
        return Resume(current)
    standing = live(i for i in alike if i.state is State.READY and not differences(i.hashes, wish))
    if standing is not None:
        # After a replacement that was broken off, its predecessor may be what is wished again.
        return Keep(standing)
    match current.state:
        case State.FAILED if current.tried == plan:
            return Failed(current)
        case State.FAILED:
            forcing = forces(differences(current.target or current.hashes, wish))
            replacement = Create(newest + 1, current, forcing)
            return Mend(current, replacement) if current.id and not forcing else replacement
        case State.CREATED | State.UPDATING:
            forcing = forces(differences(current.target, wish))
            return Create(newest + 1, current, forcing) if forcing else Resume(current)
        case State.READY:
            changed = differences(current.hashes, wish)
            forcing = forces(changed)
            return Create(newest + 1, current, forcing) if forcing else Update(current, changed)
    raise AssertionError(f"{current.ref} is {current.state}")


def superseded(
    incarnations: Collection[Incarnation], wished_here: bool, plan: int
) -> tuple[Incarnation, ...] | None:
    """The incarnations that a clean step shall remove, oldest first; None: its apply is not done yet.

    `incarnations` are all of the path, of every region, since a resource may have moved.
    """
    if not wished_here:
        return tuple(sorted(incarnations, key=lambda i: i.n))
    current = finished(incarnations, plan)
    if current is None:
        return None
    return tuple(sorted((i for i in incarnations if i.ref != current.ref), key=lambda i: i.n))
