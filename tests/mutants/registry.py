"""What a mutant is, and the list of all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pytest import MonkeyPatch

from global_heat.sim.stage import Story

Put = Callable[[MonkeyPatch], None]


@dataclass(frozen=True)
class Mutant:
    """`finds`: the invariants that it breaks; only they count. The stories are played first, then seeds."""

    name: str
    about: str
    put: Put
    finds: frozenset[int]
    stories: tuple[Story, ...]
    profile: str


ALL: list[Mutant] = []


def mutant(*stories: Story, finds: set[int], profile: str = "rough") -> Callable[[Put], Put]:
    """Register a function that puts a bug in. Its name is the mutant's, its docstring says what is wrong."""

    def register(put: Put) -> Put:
        assert put.__doc__, put.__name__
        name = put.__name__.replace("_", "-")
        ALL.append(Mutant(name, put.__doc__.splitlines()[0], put, frozenset(finds), stories, profile))
        return put

    return register
