"""Evaluating the functions of a template, and noting what each evaluation touched.

A `Run` is one pass over one view; an `Evaluation` is that run inside one template of the tree.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from functools import wraps
from typing import Final, Protocol

from global_heat.model.names import Path
from global_heat.model.values import Json, Unknown
from global_heat.template.evaluator import Evaluator
from global_heat.template.location import At, Faults, Wrong
from global_heat.template.values import FAULTY, OMITTED, first_unknown, kind_of
from global_heat.template.view import View

_BUSY: Final = object()


class Function(Protocol):
    """A function of the language. Its arguments come as they are written."""

    def __call__(self, arguments: Json, evaluation: Evaluation, at: At) -> Json: ...


class Scope(Protocol):
    """One template at one place in the tree, as functions see it."""

    @property
    def functions(self) -> Mapping[str, Function]: ...
    @property
    def conditions(self) -> Mapping[str, Function]:
        """The functions that conditions may use."""
        ...

    @property
    def files(self) -> Mapping[str, str]: ...
    @property
    def evaluator(self) -> Evaluator: ...
    @property
    def mappings(self) -> Mapping[str, Json]:
        """Of a CloudFormation template."""
        ...

    def has_resource(self, name: str) -> bool:
        """Whether there is such a resource; one whose condition is false is not there."""
        ...

    def parameter(self, name: str, run: Run) -> Json: ...
    def condition(self, name: str, run: Run) -> Json: ...
    def reference(self, name: str, run: Run) -> Json: ...
    def attribute(self, name: str, path: list[Json], run: Run) -> Json: ...
    def attributes(self, name: str, run: Run) -> Json: ...
    def facade(self, what: str, run: Run) -> Json:
        """The metadata or a policy of the resource that this template stands for."""
        ...


class Trace:
    """What an evaluation touched."""

    __slots__ = ("awaited", "parameters", "reads")

    def __init__(self) -> None:
        self.reads: set[tuple[Path, str]] = set()
        """Leaves and the attribute read of them; "" is the reference."""
        self.awaited: set[Path] = set()
        """Leaves that must exist although no value of theirs is read."""
        self.parameters: set[tuple[Path, str]] = set()
        """Parameters by the place of their template and their name."""

    def include(self, other: Trace) -> None:
        self.reads |= other.reads
        self.awaited |= other.awaited
        self.parameters |= other.parameters


class Run:
    """One pass over one view. What several places need is evaluated once and remembered."""

    def __init__(self, view: View, faults: Faults | None = None) -> None:
        self.view = view
        self.trace = Trace()
        self.faults = Faults() if faults is None else faults
        self.asks = True
        """Whether the values of conditions are asked for; else only their form is looked at."""
        self._memo: dict[Hashable, object] = {}

    def memoized(self, key: Hashable, compute: Callable[[], Json]) -> Json:
        """Compute once in this run; what it touched counts for everyone who asks."""
        hit = self._memo.get(key)
        if hit is _BUSY:
            raise Wrong("the value depends on itself; break the circle of references")
        if hit is None:
            self._memo[key] = _BUSY
            try:
                hit = self.traced(compute)
            except BaseException:
                del self._memo[key]
                raise
            self._memo[key] = hit
        assert isinstance(hit, tuple)
        value, trace = hit
        self.trace.include(trace)
        return value

    def traced(self, compute: Callable[[], Json]) -> tuple[Json, Trace]:
        """Compute apart: what it touches is told, not added to the run's own trace."""
        outer, self.trace = self.trace, Trace()
        try:
            value = compute()
            return value, self.trace
        finally:
            self.trace = outer


class Evaluation:
    """A run inside one template."""

    __slots__ = ("_functions", "in_condition", "run", "scope")

    def __init__(self, scope: Scope, run: Run, *, in_condition: bool = False) -> None:
        self.scope = scope
        self.run = run
        self.in_condition = in_condition
        self._functions = scope.conditions if in_condition else scope.functions

    def resolve(self, value: Json, at: At) -> Json:
        """Evaluate all functions inside a value. `OMITTED` when the value itself is left out.

        A fault is noted in the run and the value of its function is `FAULTY`, so that one pass
        finds all faults.
        """
        if type(value) is dict:
            if len(value) == 1:
                [(name, arguments)] = value.items()
                function = self._functions.get(name)
                if function is not None:
                    return self.call(function, arguments, (at, name))
                if self.in_condition and name in self.scope.functions:
                    self.run.faults.add((at, name), f"the function {name} cannot be used in a condition")
                    return FAULTY
            resolved = {}
            for key, item in value.items():
                if type(item) is not str:
                    item = self.resolve(item, (at, key))
                if item is not OMITTED:
                    resolved[key] = item
            return resolved
        if type(value) is list:
            items = [
                item if type(item) is str else self.resolve(item, (at, index))
                for index, item in enumerate(value)
            ]
            return [item for item in items if item is not OMITTED]
        return value

    def call(self, function: Function, arguments: Json, at: At) -> Json:
        try:
            return function(arguments, self, at)
        except Wrong as wrong:
            self.run.faults.add(at, wrong.message, late=wrong.late, value=wrong.value)
            return FAULTY

    def decide(self, condition: Json, at: At) -> Json:
        """Tell whether a condition holds: a boolean, a condition's name, or a function of conditions.

        True, false, or an `Unknown`, which only a fault makes of a condition.
        """
        inside = Evaluation(self.scope, self.run, in_condition=True)
        value = inside.resolve(condition, at) if isinstance(condition, dict) else condition
        if isinstance(value, bool | Unknown):
            return value
        # What a condition says of others, Heat only notices when somebody asks for it.
        if not isinstance(value, str):
            message = f"expected a condition's name or a boolean, found {kind_of(value)}"
            raise Wrong(message, late=self.in_condition)
        try:
            return self.scope.condition(value, self.run)
        except Wrong as wrong:
            raise Wrong(wrong.message, late=wrong.late or self.in_condition) from None


def is_function(value: Json, functions: Mapping[str, Function]) -> bool:
    """Tell whether a value is written as the call of a function."""
    return type(value) is dict and len(value) == 1 and next(iter(value)) in functions


def plain(compute: Callable[[Json], Json]) -> Function:
    """Make a function of one that needs nothing but its evaluated arguments, all of them known."""

    @wraps(compute)
    def call(arguments: Json, evaluation: Evaluation, at: At) -> Json:
        resolved = evaluation.resolve(arguments, at)
        if resolved is OMITTED:
            resolved = None
        unknown = first_unknown(resolved)
        return compute(resolved) if unknown is None else unknown

    return call
