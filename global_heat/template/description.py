"""What a template is and what it wants to be given, without giving it anything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from global_heat.model.errors import Fault
from global_heat.model.names import Path
from global_heat.model.schema import Schemas
from global_heat.model.values import Json
from global_heat.template.compilation import DEFAULT_LIMITS, compile_source
from global_heat.template.evaluator import Evaluator
from global_heat.template.expansion import Limits
from global_heat.template.instance import Instance
from global_heat.template.location import Faults
from global_heat.template.merging import merge_given
from global_heat.template.outline import ParameterGroup, Template
from global_heat.template.parameter import ParameterSchema
from global_heat.template.property import Coercion
from global_heat.template.source import Identity, Source
from global_heat.template.tree import ROOT, Tree
from global_heat.template.values import first_unknown
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
SCALING = ("OS::Heat::AutoScalingGroup", "OS::Heat::InstanceGroup", "AWS::AutoScaling::AutoScalingGroup")
_NOBODY = Identity("dummy", "00000000-0000-4000-8000-000000000000", "project", "the default region")


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
    source: Source,
    schemas: Schemas,
    evaluator: Evaluator | None = None,
    identity: Identity = _NOBODY,
    limits: Limits = DEFAULT_LIMITS,
) -> Description:
    """Describe a template. Raises `Invalid` with what is wrong with it whatever it is given."""
    tree = compile_source(source, identity, schemas, None, evaluator=evaluator, limits=limits, draft=True)
    source = merge_given(source, Faults())
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
    used = [each for each in tree.containers.values() if each.container == ROOT]
    files = {each.file: each.file for each in used if each.file == each.declared_type}
    return {"resources": {}, **files, **written}


def _describe(tree: Tree, instance: Instance, source: Source) -> Description:
    template = instance.template
    defaults = source.environment.get("parameter_defaults", {})
    given = _given(tree, instance, source)
    return Description(
        description=template.description or NO_DESCRIPTION,
        parameters=dict(_parameters(template, given, defaults)),
        groups=[_group(group) for group in template.groups],
        nested=_nested(tree, instance.path, source),
    )


def _nested(tree: Tree, of: Path, source: Source) -> dict[str, Description]:
    """What is nested directly in a template or a group; of a group only one member is told."""
    nested = {}
    for path, container in (*tree.containers.items(), *tree.sketched.items()):
        if container.container != of:
            continue
        if container.file:
            inner = _describe(tree, tree.instance(path), source)
        else:
            members = _nested(tree, path, source)
            inner = Description(NO_DESCRIPTION, {}, nested=dict(list(members.items())[:1]))
        nested[container.name] = msgspec.structs.replace(inner, type=container.declared_type)
    for definition in tree.definitions.values():
        if definition.container == of and definition.type in SCALING:
            nested[definition.name] = Description(NO_DESCRIPTION, {}, type=definition.declared_type)
    return nested


def _given(tree: Tree, instance: Instance, source: Source) -> Mapping[str, Json]:
    if instance.path == ROOT:
        return {**source.environment.get("parameters", {}), **source.parameters}
    shown = {}
    for name, value in tree.given(instance.path, NothingYet()).items():
        schema, faults = instance.template.parameters.get(name), Faults()
        if schema is not None:
            value = Coercion(faults).value(schema.as_property(), value, (name,), None, lenient=True)
        if not faults and first_unknown(value) is None:
            shown[name] = ",".join(map(str, value)) if isinstance(value, list) else value
    return shown


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
                said["AllowedValues"] = list(constraint.written)
            case "allowed_pattern":
                said["AllowedPattern"] = bound.text
            case "custom_constraint":
                said["CustomConstraint"] = bound
    if texts:
        said["ConstraintDescription"] = " ".join(texts)
    return said
