"""What this project answers to a vector, in the shape of Heat's answer.

Of groups and chains Heat makes a template of its own; compared are the resources in it, in order, with what
each is given. Its outputs and its version are Heat's way to pass values, which nobody sees.
"""

from __future__ import annotations

import json
from typing import Any

from global_heat.model.errors import Invalid
from global_heat.model.names import Path
from global_heat.model.values import Json, has_unknown
from global_heat.resources.catalogue import load_schemas
from global_heat.store.checks import check_stack_name
from global_heat.template.compilation import compile_source
from global_heat.template.description import describe_source
from global_heat.template.document import parse_document
from global_heat.template.evaluator import ITERATIONS_MAX
from global_heat.template.expansion import Limits
from global_heat.template.merging import merge_environments, parameter_types
from global_heat.template.source import GroupPast, Identity, Source
from global_heat.template.tree import ROOT, ContainerDefinition, Definition, Tree
from global_heat.template.view import NothingYet
from global_heat.template.yaql import InProcess
from tests.conformance.comparing import ERROR
from tests.conformance.vectors import Vector

SCHEMAS = load_schemas()
STACK_ID = "c0ffee00-0000-4000-8000-000000000001"
PROJECT = "test_tenant_id"


class Faked:
    """Resources as the vector fakes them; null is what it says nothing of, or what is not there yet."""

    def __init__(self, vector: Vector) -> None:
        self._fakes = {name: fake for name, fake in vector.attributes.items() if fake.get("action") != "INIT"}
        self._gone = vector.attributes.keys() - self._fakes.keys()

    def reference(self, path: Path) -> Json:
        fake = self._fakes.get(path, {})
        return None if path in self._gone or fake.get("status") == "FAILED" else fake.get("ref", path)

    def attribute(self, path: Path, name: str) -> Json:
        return self._fakes.get(path, {}).get("attrs", {}).get(name)


PARENT, CHILD = Path("parent"), "child.yaml"
"""The resource that a vector's template stands for, where it says what that is given."""


def refusal(error: Invalid) -> dict[str, Any]:
    return {ERROR: str(error), "http": 400}


class Answer:
    """Our answer to one vector, part by part."""

    def __init__(self, vector: Vector) -> None:
        self.vector = vector
        self.tree: Tree | None = None
        self.refused: Invalid | None = None
        try:
            self.source = source_of(vector)
            self.tree = compile_vector(vector, self.source)
        except Invalid as error:
            self.refused = error

    def part(self, name: str) -> Any:
        return getattr(self, f"_{name}")()

    def _validate(self) -> dict[str, Any]:
        return {"ok": True} if self.refused is None else {"ok": False, ERROR: str(self.refused)}

    def _parameters(self) -> dict[str, Any]:
        assert self.tree is not None
        return {
            "values": self.tree.pseudo_parameters() | self.tree.parameters(),
            "shown": self.tree.parameters_shown(),
        }

    def _resolve(self) -> dict[str, Any]:
        assert self.tree is not None
        view = Faked(self.vector)
        inside = PARENT if self.vector.parent else ROOT
        outputs = {
            name: {ERROR: output.error} if output.error else output.value
            for name, output in self.tree.outputs(view, inside).items()
        }
        names = [] if self.vector.parent else self.tree.names()
        resources = {name: _resource(self.tree, name, view) for name in names}
        return {"resources": resources, "outputs": outputs, "disabled": self.tree.disabled()}

    def _dependencies(self) -> dict[str, Any]:
        assert self.tree is not None
        return {"edges": [list(edge) for edge in sorted(self.tree.edges())]}

    def _template_validate(self) -> dict[str, Any]:
        try:
            described = describe_source(
                source_of(self.vector), SCHEMAS, evaluator_of(self.vector), limits=limits_of(self.vector)
            )
            return described.as_heat()
        except Invalid as error:
            return refusal(error)

    def _nested(self) -> dict[str, Any]:
        assert self.tree is not None
        found: dict[str, Any] = {}
        for path, container in self.tree.containers.items():
            if container.container != ROOT:
                continue
            if container.file:
                text = parse_document(self.source.files[container.file], container.file)
                found[path] = {"template": text, "parameters": self.tree.properties(path, NothingYet())}
                continue
            members = {
                name: _member(self.tree, Path(f"{path}/{name}")) for name in self.tree.names(container=path)
            }
            found[path] = {"resources": members}
            if container.declared_type == "OS::Heat::ResourceGroup":
                found[path]["names"] = list(members)
            if path in self.vector.groups:
                found[path]["skiplist"] = list(self.tree.groups.past(NothingYet())[path].removed)
        return found

    def _update(self) -> dict[str, Any]:
        assert self.tree is not None
        wished = self.vector.update_to
        source = Source(
            wished["template"], {}, wished.get("files") or {}, parameters=wished.get("parameters") or {}
        )
        changes = self.tree.immutable_changes(compile_vector(self.vector, source))
        return {"ok": False, ERROR: changes[0].message} if changes else {"ok": True}


def source_of(vector: Vector) -> Source:
    """What a front door makes of a request: where files of environments are named, they are all there is."""
    body = vector.environment
    parameters = vector.parameters
    if vector.environment_files:
        environment = merge_environments(
            vector.environment_files, vector.files, parameter_types(vector.template, vector.files)
        )
        merged = environment.get("parameter_merge_strategies") or {}
        named = (environment.get("parameters") or {}).keys() - merged.keys()
        parameters = {name: value for name, value in parameters.items() if name not in named}
    else:
        environment = merge_environments([body] if body else [])
    past = {name: _past(group) for name, group in vector.groups.items()}
    if vector.parent:
        around = {"heat_template_version": "wallaby", "resources": {PARENT: {"type": CHILD, **vector.parent}}}
        return Source(json.dumps(around), environment, {**vector.files, CHILD: vector.template})
    return Source(vector.template, environment, vector.files, parameters, groups=past)


def _past(group: dict[str, Any]) -> GroupPast:
    return GroupPast(members=group["members"], removed=tuple(group.get("skiplist", ())))


def compile_vector(vector: Vector, source: Source) -> Tree:
    identity = Identity(vector.stack_name, STACK_ID, PROJECT, "RegionOne")
    check_stack_name(vector.stack_name)
    tree = compile_source(
        source, identity, SCHEMAS, None, evaluator=evaluator_of(vector), limits=limits_of(vector)
    )
    for lookup in tree.lookups():
        there = vector.constraints.get(lookup.constraint)
        if there is not None and lookup.value not in there:
            raise Invalid(f"{lookup.location}: there is no {lookup.value}")
    return tree


def limits_of(vector: Vector) -> Limits:
    return Limits(depth_max=vector.config.get("max_nested_stack_depth", Limits().depth_max))


def evaluator_of(vector: Vector) -> InProcess:
    return InProcess(vector.config.get("yaql.limit_iterators", ITERATIONS_MAX))


def _resource(tree: Tree, name: str, view: Faked) -> dict[str, Any]:
    path = Path(name)
    given = tree.given(path, view)
    answer: dict[str, Any] = {
        "type": _definition(tree, path).declared_type,
        "raw": given,
        "deletion_policy": _definition(tree, path).deletion_policy,
    }
    external = getattr(_definition(tree, path), "external_id", None)
    if external is not None:
        answer["external_id"] = external
    try:
        answer["properties"] = tree.properties(path, view)
        answer["defaulted"] = sorted(answer["properties"].keys() - given.keys())
    except Invalid as error:
        answer["create_error"] = {ERROR: str(error)}
    return answer


def _definition(tree: Tree, path: Path) -> Definition | ContainerDefinition:
    return tree.definitions.get(path) or tree.containers[path]


def _member(tree: Tree, path: Path) -> dict[str, Any]:
    member: dict[str, Any] = {"type": _definition(tree, path).declared_type}
    given = tree.given(path, NothingYet())
    if given:
        member["properties"] = given
    assert not has_unknown(given)
    return member
