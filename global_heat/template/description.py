"""What a template is and what it wants to be given, without giving it anything: Heat's template validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from global_heat.model.errors import Fault
from global_heat.model.schema import Schemas
from global_heat.model.values import Json
from global_heat.template.compilation import compile_source
from global_heat.template.evaluator import Evaluator
from global_heat.template.instance import Instance
from global_heat.template.outline import ParameterGroup, Template
from global_heat.template.parameter import ParameterSchema
from global_heat.template.source import Identity, Source
from global_heat.template.tree import ROOT, Tree
from global_heat.template.view import NothingYet

NO_DESCRIPTION = "No description"
_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
}
_LIMITS = {"length": ("MinLength", "MaxLength"), "range": ("MinValue", "MaxValue")}
_NOBODY = Identity("dummy", "00000000-0000-4000-8000-000000000000", "project", "")


class Description(msgspec.Struct, frozen=True):
    """A template, or one nested in it."""

    description: str
    parameters: dict[str, dict[str, Json]]
    """By name, in the words of Heat's API: Type, Default, Description, NoEcho, Label, constraints."""
    groups: list[dict[str, Json]] = []
    environment: dict[str, Json] = {}
    nested: dict[str, Description] = {}
    type: str = ""
    """Of the resource that a nested one stands for."""
    warnings: list[Fault] = []
    """What is right, and probably not meant."""

    def as_heat(self) -> dict[str, Json]:
        """As Heat's API answers."""
        said = self._common()
        said["Environment"] = self.environment
        return said

    def _common(self) -> dict[str, Json]:
        said: dict[str, Json] = {"Description": self.description, "Parameters": self.parameters}
        if self.groups:
            said["ParameterGroups"] = self.groups
        if self.nested:
            said["NestedParameters"] = {
                name: {**inner._common(), "Type": inner.type} for name, inner in self.nested.items()
            }
        return said


def describe_source(
    source: Source, schemas: Schemas, evaluator: Evaluator | None = None, identity: Identity = _NOBODY
) -> Description:
    """Describe a template. Raises `Invalid` with what is wrong with it whatever it is given."""
    tree = compile_source(source, identity, schemas, None, evaluator=evaluator, draft=True)
    described = _describe(tree, tree.instances[ROOT], source)
    environment = {
        "parameters": {**source.environment.get("parameters", {}), **source.parameters},
        "parameter_defaults": source.environment.get("parameter_defaults", {}),
        "resource_registry": _registry(tree, source),
        "event_sinks": source.environment.get("event_sinks", []),
    }
    return msgspec.structs.replace(described, environment=environment)


def _registry(tree: Tree, source: Source) -> dict[str, Json]:
    """The mappings, and the files that are used as types."""
    written = source.environment.get("resource_registry", {})
    files = {each.file: each.file for each in tree.containers.values() if each.file == each.declared_type}
    return {"resources": {}, **files, **written}


def _describe(tree: Tree, instance: Instance, source: Source) -> Description:
    nested = {}
    template = instance.template
    for path, container in tree.containers.items():
        if container.container == instance.path and container.file:
            inner = _describe(tree, tree.instances[path], source)
            nested[container.name] = msgspec.structs.replace(inner, type=container.declared_type)
    defaults = source.environment.get("parameter_defaults", {})
    given = _given(tree, instance, source)
    return Description(
        description=template.description or NO_DESCRIPTION,
        parameters=dict(_parameters(template, given, defaults)),
        groups=[_group(group) for group in template.groups],
        nested=nested,
    )


def _given(tree: Tree, instance: Instance, source: Source) -> Mapping[str, Json]:
    if instance.path == ROOT:
        return {**source.environment.get("parameters", {}), **source.parameters}
    return tree.given(instance.path, NothingYet())


def _group(group: ParameterGroup) -> dict[str, Json]:
    said: dict[str, Json] = {"parameters": list(group.parameters)}
    for key, text in (("label", group.label), ("description", group.description)):
        if text:
            said[key] = text
    return said


def _parameters(
    template: Template, given: Mapping[str, Json], defaults: Mapping[str, Json]
) -> Iterator[tuple[str, dict[str, Json]]]:
    for name, schema in template.parameters.items():
        if schema is None:
            continue
        said: dict[str, Json] = {
            "Type": _TYPES[schema.type],
            "Description": schema.description,
            "NoEcho": "true" if schema.hidden else "false",
            "Label": schema.label or name,
        }
        default = defaults.get(name)
        if default is None:
            default = schema.default
        if default is not None:
            said["Default"] = default
        if given.get(name):
            said["Value"] = given[name]
        if schema.tags:
            said["Tags"] = list(schema.tags)
        yield name, {**said, **_constraints(schema)}


def _constraints(schema: ParameterSchema) -> dict[str, Json]:
    said: dict[str, Json] = {}
    texts: Sequence[str] = [each.description for each in schema.constraints if each.description]
    for constraint in schema.constraints:
        bound = constraint.bound
        match constraint.kind:
            case "length" | "range":
                least, most = _LIMITS[constraint.kind]
                limits = {least: bound.get("min"), most: bound.get("max")}
                said |= {key: limit for key, limit in limits.items() if limit is not None}
            case "modulo":
                said |= {"Step": bound["step"], "Offset": bound["offset"]}
            case "allowed_values":
                said["AllowedValues"] = list(bound)
            case "allowed_pattern":
                said["AllowedPattern"] = bound.text
            case "custom_constraint":
                said["CustomConstraint"] = bound
    if texts:
        said["ConstraintDescription"] = " ".join(texts)
    return said
