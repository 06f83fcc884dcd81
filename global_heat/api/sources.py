"""What a client hands over, to and from a `Source`. Hidden parameters never go back."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import yaml

from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Region
from global_heat.model.values import Json
from global_heat.proto.v1 import stack_pb2
from global_heat.proto.values import json_to_struct, struct_to_json
from global_heat.template.document import parse_document, split_documents
from global_heat.template.merging import merge_environments, parameter_types
from global_heat.template.source import Source

REDACTED = "******"
_PARAMETER_SECTIONS = ("parameters", "parameter_defaults")


def source_of(spec: stack_pb2.StackSpec) -> Source:
    """Raises `Invalid` when the environment cannot be read; the template is read when it is compiled."""
    if not spec.template.strip():
        raise Invalid("there is no template", Fault("stack.spec.template", "must not be empty"))
    environment = environment_of(spec.environment, spec.template, spec.files)
    if spec.region:
        # What is said for this very stack wins over what an environment says for many.
        regions = environment.get("regions")
        others = regions if isinstance(regions, dict) else {}
        environment["regions"] = others | {"default": spec.region.removeprefix("regions/")}
    return Source(
        template=spec.template,
        environment=environment,
        files=dict(spec.files),
        parameters=struct_to_json(spec.parameters),
    )


def environment_of(text: str, template: str, files: Mapping[str, str]) -> dict[str, Json]:
    """The environment, out of one document or of several, which are merged for this template."""
    documents = split_documents(text)
    if len(documents) > 1:
        return merge_environments(documents, types=parameter_types(template, files))
    environment = parse_document(text, "environment") if text.strip() else None
    if environment is None:
        return {}
    if not isinstance(environment, dict):
        raise Invalid("the environment is no map", Fault("environment", "must be a map of its sections"))
    return environment


def region_in(source: Source) -> Region | None:
    """The default region that an environment names."""
    regions = source.environment.get("regions")
    named = regions.get("default") if isinstance(regions, Mapping) else None
    return Region(named) if isinstance(named, str) and named else None


def merged(old: Source, spec: stack_pb2.StackSpec, paths: Collection[str]) -> Source:
    """The source with those parts taken from `spec` that `paths` names; a parameter of value null goes."""
    new = {path.removeprefix("spec.") for path in paths}
    parameters = old.parameters
    if "parameters" in new:
        given = struct_to_json(spec.parameters)
        parameters = {name: value for name, value in (parameters | given).items() if value is not None}
    template = spec.template if "template" in new else old.template
    files = dict(spec.files) if "files" in new else old.files
    environment = old.environment
    if "environment" in new:
        environment = environment_of(spec.environment, template, files)
    return Source(template, environment, files, parameters)


def spec_of(source: Source, shown: Collection[str], region: Region) -> stack_pb2.StackSpec:
    """A source as a client reads it back. `shown`: names of the parameters whose values may be."""
    environment = dict(source.environment)
    for section in _PARAMETER_SECTIONS:
        if isinstance(environment.get(section), dict):
            environment[section] = redacted(environment[section], shown)
    return stack_pb2.StackSpec(
        template=source.template,
        environment=yaml.safe_dump(environment, sort_keys=False) if environment else "",
        files=source.files,
        parameters=json_to_struct(redacted(source.parameters, shown)),
        region=region,
    )


def redacted(values: Mapping[str, Json], shown: Collection[str]) -> dict[str, Json]:
    """Nested templates may have hidden parameters too, so what is not known to be open is not told."""
    return {name: value if name in shown else REDACTED for name, value in values.items()}
