"""A template put to use at one place of the tree: its parameters have values, its resources are nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from global_heat.model.names import Path
from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Function, Run
from global_heat.template.evaluator import Evaluator
from global_heat.template.location import At, Faults, Wrong
from global_heat.template.outline import Template
from global_heat.template.parameter import ParameterSchema
from global_heat.template.values import FAULTY, OMITTED, kind_of

Argument = Callable[[str, ParameterSchema, Run], Json]
"""Gives a parameter's value, noting its faults in the run."""


AWS_REGION = "ap-southeast-1"
"""What Heat says to every CloudFormation template; regions of ours have names of their own."""


class Node(Protocol):
    """A resource as the functions of its template see it."""

    @property
    def exists(self) -> bool:
        """False: its condition is false."""
        ...

    def reference(self, run: Run) -> Json: ...
    def attribute(self, keys: list[Json], run: Run) -> Json:
        """The attribute named by the first key, or what the others lead to inside it."""
        ...

    def attributes(self, run: Run) -> Json: ...


class Title(msgspec.Struct, frozen=True):
    """What a stack, also a nested one, is called."""

    name: str
    id: str
    project: str

    @property
    def arn(self) -> str:
        return f"arn:openstack:heat::{self.project}:stacks/{self.name}/{self.id}"

    def pseudo(self, *, is_hot: bool = True) -> dict[str, str]:
        """The pseudo parameters."""
        if is_hot:
            return {"OS::stack_name": self.name, "OS::stack_id": self.id, "OS::project_id": self.project}
        return {"AWS::StackName": self.name, "AWS::StackId": self.arn, "AWS::Region": AWS_REGION}


class Facade(msgspec.Struct, frozen=True):
    """What the resource that stands for a nested template is given besides properties."""

    deletion_policy: str = "Delete"
    metadata: Callable[[Run], Json] = lambda run: {}
    update_policy: Callable[[Run], Json] = lambda run: {}


class Instance:
    """A template in use. The `Scope` of its functions."""

    def __init__(
        self,
        path: Path,
        at: At,
        template: Template,
        title: Title,
        files: Mapping[str, str],
        argument: Argument,
        evaluator: Evaluator,
    ) -> None:
        self.path = path
        self.at = at
        self.template = template
        self.title = title
        self.evaluator = evaluator
        self.nodes: dict[str, Node] = {}
        """By name; while the tree is being built, those built so far."""
        self.facade_of: Facade | None = None
        self._files = files
        self._argument = argument

    @property
    def functions(self) -> Mapping[str, Function]:
        return self.template.version.functions

    @property
    def conditions(self) -> Mapping[str, Function]:
        return self.template.version.conditions

    @property
    def files(self) -> Mapping[str, str]:
        return self._files

    @property
    def mappings(self) -> Mapping[str, Json]:
        return self.template.mappings

    @property
    def pseudo(self) -> dict[str, str]:
        return self.title.pseudo(is_hot=self.template.version.is_hot)

    def section(self, name: str) -> At:
        """Where a section of this template stands."""
        return (self.at, self.template.version.word(name))

    def has_resource(self, name: str) -> bool:
        if name in self.nodes:
            return self.nodes[name].exists
        return name in self.template.resources

    def parameter(self, name: str, run: Run) -> Json:
        if name not in self.template.parameters:
            value = self.pseudo.get(name)
            if value is None:
                raise Wrong(f"there is no parameter {name}; declare it under parameters", late=True)
            return value
        schema = self.template.parameters[name]
        run.trace.parameters.add((self.path, name))
        if schema is None:
            return FAULTY
        return run.memoized((self.path, "parameter", name), lambda: self._argument(name, schema, run))

    def condition(self, name: str, run: Run) -> Json:
        """Whether a condition holds; `FAULTY` when its definition has a fault, which is noted."""
        if name not in self.template.conditions:
            raise Wrong(f"there is no condition {name}; define it under conditions")
        at = (self.section("conditions"), name)

        def evaluate() -> Json:
            definition = self.template.conditions[name]
            evaluation = Evaluation(self, run, in_condition=True)
            holds = evaluation.resolve(definition, at) if isinstance(definition, dict) else definition
            if holds == FAULTY or isinstance(holds, bool):
                return holds
            if isinstance(holds, Unknown):
                run.faults.add(at, f"a condition must be known beforehand, found {holds}; use parameters")
            else:
                message = f"expected true, false or a function of conditions, found {kind_of(holds)}"
                run.faults.add(at, message, late=isinstance(definition, dict))
            return FAULTY

        def decide() -> Json:
            outer, run.faults = run.faults, Faults()
            try:
                return evaluate()
            finally:
                inner, run.faults = run.faults, outer
                if run.asks:
                    inner.harden()
                outer.include(inner)

        return run.memoized((self.path, "condition", name), decide)

    def holds(self, condition: Json, run: Run, at: At) -> Json:
        """Whether what is written as the condition of a resource or an output holds; `FAULTY` if unclear."""
        try:
            return Evaluation(self, run).decide(condition, at)
        except Wrong as wrong:
            run.faults.add(at, wrong.message)
            return FAULTY

    def node(self, name: str, *, late: bool = False) -> Node:
        if name in self.nodes:
            return self.nodes[name]
        if name in self.template.resources:
            return NOT_BUILT
        raise Wrong(f"there is no resource {name}; declare it under resources", late=late)

    def reference(self, name: str, run: Run) -> Json:
        return self.node(name, late=True).reference(run)

    def attribute(self, name: str, keys: list[Json], run: Run) -> Json:
        return self.node(name).attribute(keys, run)

    def attributes(self, name: str, run: Run) -> Json:
        return self.node(name).attributes(run)

    def facade(self, what: str, run: Run) -> Json:
        if self.facade_of is None:
            raise Wrong("only a nested template stands for a resource", late=True)
        match what:
            case "metadata":
                return self.facade_of.metadata(run)
            case "deletion_policy":
                return self.facade_of.deletion_policy
        return self.facade_of.update_policy(run)

    def output(self, name: str, run: Run) -> Json:
        """An output's value; null when its condition is false. Its faults are noted in the run."""
        output = self.template.outputs.get(name)
        if output is None:
            return FAULTY
        at = (self.section("outputs"), name)

        def evaluate() -> Json:
            holds = self.holds(output.condition, run, (at, self.template.version.word("condition")))
            if holds is not True:
                return FAULTY if holds == FAULTY else None
            value = Evaluation(self, run).resolve(output.value, (at, self.template.version.word("value")))
            return None if value is OMITTED else value

        return run.memoized((self.path, "output", name), evaluate)


class _NotBuilt:
    """A resource of which nothing is known while the tree is being built."""

    exists = True
    _value = Unknown("a resource")

    def reference(self, run: Run) -> Json:
        return self._value

    def attribute(self, keys: list[Json], run: Run) -> Json:
        return self._value

    def attributes(self, run: Run) -> Json:
        return {"show": self._value}


NOT_BUILT = _NotBuilt()
