"""What a resource is given: its properties as written, evaluated one by one when somebody asks."""

from __future__ import annotations

from typing import Protocol

from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Run, Scope, is_function
from global_heat.template.location import At, Wrong
from global_heat.template.values import FAULTY, OMITTED, describe


class Given(Protocol):
    """The properties that a resource is given, resolved, before its type's schema is applied."""

    @property
    def at(self) -> At:
        """Where they stand."""
        ...

    def names(self, run: Run) -> list[str]: ...
    def value(self, name: str, run: Run) -> Json:
        """One property; `OMITTED` when it is not given."""
        ...


class Written:
    """Properties as they stand in a template: a map, or a function that gives one."""

    def __init__(self, scope: Scope, expression: Json, at: At, key: str) -> None:
        self.at = at
        self._scope = scope
        self._expression = expression
        self._key = key
        self._whole = not isinstance(expression, dict) or is_function(expression, scope.functions)

    def names(self, run: Run) -> list[str]:
        return list(self._map(run) if self._whole else self._expression)

    def value(self, name: str, run: Run) -> Json:
        if self._whole:
            return self._map(run).get(name, OMITTED)
        if name not in self._expression:
            return OMITTED

        def resolve() -> Json:
            return Evaluation(self._scope, run).resolve(self._expression[name], (self.at, name))

        return run.memoized((self._key, "given", name), resolve)

    def written(self, name: str) -> Json:
        """One property as it stands in the template; null when it is not given, or only a function tells."""
        return None if self._whole else self._expression.get(name)

    def within(self, *names: str) -> Written | None:
        """The map that stands some names further in, to be evaluated property by property too."""
        expression, at = self._expression, self.at
        for name in names:
            if not isinstance(expression, dict) or name not in expression:
                return None
            if is_function(expression, self._scope.functions):
                return None
            expression, at = expression[name], (at, name)
        return Written(self._scope, expression, at, f"{self._key}#{'.'.join(names)}")

    def _map(self, run: Run) -> dict[str, Json]:
        def resolve() -> Json:
            return Evaluation(self._scope, run).resolve(self._expression, self.at)

        return _as_map(run.memoized((self._key, "given"), resolve), run, self.at)


class Part:
    """A map inside a property, known only as a whole."""

    def __init__(self, given: Given, *names: str) -> None:
        self._given = given
        self._names = names
        at = given.at
        for name in names:
            at = (at, name)
        self.at = at

    def names(self, run: Run) -> list[str]:
        return list(self._map(run))

    def value(self, name: str, run: Run) -> Json:
        return self._map(run).get(name, OMITTED)

    def _map(self, run: Run) -> dict[str, Json]:
        first, *others = self._names
        value = self._given.value(first, run)
        for name in others:
            if isinstance(value, dict):
                value = value.get(name)
        return _as_map({} if value is None else value, run, self.at)


class Indexed:
    """The properties of one member of a group: those of the definition with the member's name put in."""

    def __init__(self, definition: Given, variable: str, index: str) -> None:
        self.at = definition.at
        self._definition = definition
        self._variable = variable
        self._index = index

    def names(self, run: Run) -> list[str]:
        return self._definition.names(run)

    def value(self, name: str, run: Run) -> Json:
        value = self._definition.value(name, run)
        return OMITTED if value is OMITTED or value is None else self._put_in(value)

    def _put_in(self, value: Json) -> Json:
        match value:
            case str():
                return value.replace(self._variable, self._index)
            case list():
                return [self._put_in(item) for item in value]
            case dict():
                return {key: self._put_in(item) for key, item in value.items()}
        return value


def _as_map(properties: Json, run: Run, at: At) -> dict[str, Json]:
    if isinstance(properties, dict):
        return properties
    if isinstance(properties, Unknown) and properties != FAULTY:
        run.faults.add(at, f"the names of properties must be known beforehand, found {properties}")
    elif properties is not OMITTED and properties != FAULTY:
        run.faults.add(at, f"expected a map of properties, found {describe(properties)}")
    return {}


def must_be_known(value: Json, what: str) -> Json:
    """The value itself. Raises `Wrong` when it is not known yet."""
    if isinstance(value, Unknown) and value != FAULTY:
        raise Wrong(f"{what} must be known beforehand, found {value}; use parameters and conditions")
    return value
