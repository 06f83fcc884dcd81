"""A plan: the immutable graph of steps that leads from the records to a revision."""

from __future__ import annotations

import enum
from functools import cached_property

import msgspec

from global_heat.model.names import Path, Region
from global_heat.model.records import Action


class Kind(enum.StrEnum):
    APPLY = "apply"
    """Make the resource as wished: create, update or replace it, or leave it as it is."""
    CLEAN = "clean"
    """Delete what of the resource is no longer wished."""
    EXPAND = "expand"
    """See which members a group has, once what says so is known; plan again if it has others than planned."""


class Forecast(enum.StrEnum):
    """What a step will probably do. What it does is decided from the records when it starts."""

    ADD = "add"
    CHANGE = "change"
    REPLACE = "replace"
    DELETE = "delete"
    RETAIN = "retain"
    KEEP = "keep"


class Step(msgspec.Struct, frozen=True, omit_defaults=True):
    """One node of a plan. It names a resource, never an incarnation."""

    kind: Kind
    path: Path
    region: Region
    type: str
    forecast: Forecast = Forecast.KEEP
    changed: tuple[str, ...] = ()
    """The properties that differ, for people; `forcing` are those that force a replacement."""
    forcing: tuple[str, ...] = ()
    refused: str = ""
    """Why it will fail, before it does anything, if all is as foreseen."""
    needs: tuple[Path, ...] = ()
    """Of an apply or expand: what must be done first. Of a clean: what may hold it up while recorded."""

    pause_seconds: float = 0.0
    """Of an apply: how long to wait after the last of its needs was changed: a pause between two batches."""

    @property
    def ref(self) -> str:
        return f"{self.kind} {self.path}@{self.region}"


class Plan(msgspec.Struct, frozen=True, omit_defaults=True, dict=True):
    number: int
    parent: int
    revision: int
    action: Action
    steps: tuple[Step, ...]
    began: int = 0
    """The plan that its wish began with, where that was planned again on the way."""

    @property
    def first(self) -> int:
        """What was tried under a plan before this one, was tried for another wish."""
        return self.began or self.number

    @cached_property
    def regions(self) -> tuple[Region, ...]:
        return tuple(sorted({step.region for step in self.steps}))

    @cached_property
    def applies(self) -> dict[Path, Step]:
        """What finishes each wished resource: its apply, or a group's expand."""
        return {step.path: step for step in self.steps if step.kind is not Kind.CLEAN}

    @cached_property
    def cleans(self) -> dict[tuple[Path, Region], Step]:
        return {(step.path, step.region): step for step in self.steps if step.kind is Kind.CLEAN}

    @cached_property
    def dependants(self) -> dict[Path, tuple[Step, ...]]:
        """The apply and expand steps that need a resource."""
        found: dict[Path, list[Step]] = {}
        for step in self.applies.values():
            for need in step.needs:
                found.setdefault(need, []).append(step)
        return {path: tuple(steps) for path, steps in found.items()}

    def of(self, region: Region) -> tuple[Step, ...]:
        """The shard's steps."""
        return tuple(step for step in self.steps if step.region == region)

    @cached_property
    def totals(self) -> dict[Region, dict[Forecast, int]]:
        """How many of each forecast, by region."""
        counts = {region: dict.fromkeys(Forecast, 0) for region in self.regions}
        for step in self.steps:
            counts[step.region][step.forecast] += 1
        return counts
