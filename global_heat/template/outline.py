"""A template as it is written: its sections and what stands in them, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.document import parse_document
from global_heat.template.location import At, Faults, place
from global_heat.template.parameter import ParameterSchema, read_parameter
from global_heat.template.values import describe
from global_heat.template.versions import CONDITIONS_SINCE, DATES, VERSIONS, Version

_SECTIONS = ("description", "parameter_groups", "parameters", "resources", "outputs")
_RESOURCE_KEYS = (
    "type",
    "region",
    "properties",
    "metadata",
    "depends_on",
    "deletion_policy",
    "update_policy",
    "description",
)


class ResourceText(msgspec.Struct, frozen=True):
    type: str
    properties: dict[str, Json] = {}
    metadata: dict[str, Json] = {}
    depends_on: tuple[str, ...] = ()
    deletion_policy: Json = "Delete"
    update_policy: dict[str, Json] = {}
    condition: Json = True
    region: Json = None
    description: str = ""


class OutputText(msgspec.Struct, frozen=True):
    value: Json
    description: str = ""
    condition: Json = True


class ParameterGroup(msgspec.Struct, frozen=True):
    label: str
    description: str
    parameters: tuple[str, ...]


class Template(msgspec.Struct, frozen=True):
    file: str
    """Empty: the stack's own."""
    version: Version
    description: str = ""
    parameters: Mapping[str, ParameterSchema | None] = {}
    """None: the declaration has a fault, which is noted."""
    groups: tuple[ParameterGroup, ...] = ()
    conditions: Mapping[str, Json] = {}
    resources: Mapping[str, ResourceText | None] = {}
    outputs: Mapping[str, OutputText | None] = {}


def read_template(text: str, file: str, faults: Faults) -> Template | None:
    """Read a template and note its faults; None: there is no going on with it.

    Raises `Invalid` for a text of the stack's own template that cannot be read at all.
    """
    at = place(f"<{file}>") if file else None
    try:
        data = parse_document(text, file)
    except Invalid as error:
        if not file:
            raise
        for fault in error.faults:
            faults.add(at, fault.message)
        return None
    if not isinstance(data, dict):
        faults.add(at or place("template"), f"expected a map of sections, found {describe(data)}")
        return None
    version = _read_version(data, at, faults)
    return None if version is None else _Reader(version, at, faults).read(data, file)


def _read_version(data: dict[str, Json], at: At, faults: Faults) -> Version | None:
    if "heat_template_version" not in data:
        if data.keys() & {"HeatTemplateFormatVersion", "AWSTemplateFormatVersion"}:
            faults.add(
                at or place("template"), "CloudFormation templates are not supported yet; write it as HOT"
            )
        else:
            faults.add((at, "heat_template_version"), f"is missing; add it, for example {DATES[-1]}")
        return None
    written = data["heat_template_version"]
    version = VERSIONS.get(written) if isinstance(written, str) else None
    if version is None:
        faults.add(
            (at, "heat_template_version"), f"expected one of {', '.join(VERSIONS)}, found {describe(written)}"
        )
    return version


class _Reader:
    """Reads the sections of one template."""

    def __init__(self, version: Version, at: At, faults: Faults) -> None:
        self._version = version
        self._at = at
        self._faults = faults
        self._conditional = version.has(CONDITIONS_SINCE)

    def read(self, data: dict[str, Json], file: str) -> Template:
        sections = (*_SECTIONS, "conditions") if self._conditional else _SECTIONS
        for name in data.keys() - {*sections, "heat_template_version"}:
            self._faults.add((self._at, str(name)), f"is no section; expected one of {', '.join(sections)}")
        parameters = {
            name: read_parameter(written, self._version, at, self._faults)
            for name, written, at in self._section(data, "parameters")
        }
        resources = {
            name: self._resource(written, at) for name, written, at in self._section(data, "resources")
        }
        for name in resources.keys() & parameters.keys():
            self._faults.add(
                ((self._at, "resources"), name), "is the name of a parameter as well; rename one of them"
            )
        for name in resources:
            if not name or "/" in name:
                self._faults.add(((self._at, "resources"), name), 'a name must not be empty or hold a "/"')
        conditions = {}
        if self._conditional:
            conditions = {name: written for name, written, _ in self._section(data, "conditions")}
        outputs = {name: self._output(written, at) for name, written, at in self._section(data, "outputs")}
        return Template(
            file=file,
            version=self._version,
            description=self._text(data, "description", self._at),
            parameters=parameters,
            groups=tuple(self._groups(data.get("parameter_groups"), parameters)),
            conditions=conditions,
            resources=resources,
            outputs=outputs,
        )

    def _section(self, data: dict[str, Json], section: str) -> list[tuple[str, Json, At]]:
        content, at = data.get(section), (self._at, section)
        if content is None:
            return []
        if not isinstance(content, dict):
            self._faults.add(at, f"expected a map of names, found {describe(content)}")
            return []
        for name in content:
            if name in ("true", "false"):
                self._faults.add((at, name), "YAML reads this name as a boolean; choose another one")
        return [(name, written, (at, name)) for name, written in content.items()]

    def _text(self, written: dict[str, Json], key: str, at: At) -> str:
        text = written.get(key)
        if text is None:
            return ""
        if isinstance(text, dict | list):
            self._faults.add((at, key), f"expected a text, found {describe(text)}")
        return str(text)

    def _resource(self, written: Json, at: At) -> ResourceText | None:
        if not isinstance(written, dict):
            self._faults.add(at, f"expected a map with the resource's type, found {describe(written)}")
            return None
        keys = (*_RESOURCE_KEYS, "condition", "external_id") if self._conditional else _RESOURCE_KEYS
        for key in written.keys() - set(keys):
            self._faults.add((at, str(key)), f"is no key of a resource; expected one of {', '.join(keys)}")
        self._later(written, at)
        maps = {key: self._map(written, key, at) for key in ("properties", "metadata", "update_policy")}
        policy, condition = written.get("deletion_policy", "Delete"), written.get("condition", True)
        if not isinstance(policy, str | dict):
            self._faults.add((at, "deletion_policy"), f"expected Delete or Retain, found {describe(policy)}")
        if not isinstance(condition, str | bool | dict):
            self._faults.add((at, "condition"), f"expected a condition's name, found {describe(condition)}")
            condition = True
        type_name = written.get("type")
        if not isinstance(type_name, str) or not type_name:
            self._faults.add(
                (at, "type"), f"expected the name of a resource type, found {describe(type_name)}"
            )
            return None
        return ResourceText(
            type=type_name,
            depends_on=self._depends_on(written, at),
            deletion_policy=policy,
            condition=condition,
            region=written.get("region"),
            description=self._text(written, "description", at),
            **maps,
        )

    def _later(self, written: dict[str, Json], at: At) -> None:
        if self._conditional and "external_id" in written:
            self._faults.add((at, "external_id"), "is not supported yet; leave it out")
        if written.get("update_policy"):
            self._faults.add((at, "update_policy"), "is not supported yet; leave it out")

    def _map(self, written: dict[str, Json], key: str, at: At) -> dict[str, Json]:
        value = written.get(key, {})
        if isinstance(value, dict):
            return value
        self._faults.add((at, key), f"expected a map, found {describe(value)}")
        return {}

    def _depends_on(self, written: dict[str, Json], at: At) -> tuple[str, ...]:
        names = written.get("depends_on", [])
        if isinstance(names, str):
            return (names,)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
        message = f"expected a resource's name or a list of names, found {describe(names)}"
        self._faults.add((at, "depends_on"), message)
        return ()

    def _output(self, written: Json, at: At) -> OutputText | None:
        if not isinstance(written, dict) or "value" not in written:
            self._faults.add(at, f"expected a map with the output's value, found {describe(written)}")
            return None
        condition = written.get("condition", True) if self._conditional else True
        return OutputText(written["value"], self._text(written, "description", at), condition)

    def _groups(self, written: Json, parameters: Mapping[str, object]) -> list[ParameterGroup]:
        at: At = (self._at, "parameter_groups")
        if written is None:
            return []
        if not isinstance(written, list):
            self._faults.add(at, f"expected a list of groups, found {describe(written)}")
            return []
        groups: list[ParameterGroup] = []
        seen: set[str] = set()
        for index, group in enumerate(written):
            names = group.get("parameters") if isinstance(group, dict) else None
            if not isinstance(names, list):
                self._faults.add(
                    (at, index), f"expected a map with a list of parameters, found {describe(group)}"
                )
                continue
            for position, name in enumerate(names):
                here = (((at, index), "parameters"), position)
                if not isinstance(name, str) or name not in parameters:
                    self._faults.add(here, f"expected the name of a parameter, found {describe(name)}")
                elif name in seen:
                    self._faults.add(here, f"the parameter {name} is in a group already")
                else:
                    seen.add(name)
            texts = [self._text(group, key, (at, index)) for key in ("label", "description")]
            groups.append(ParameterGroup(texts[0], texts[1], tuple(map(str, names))))
        return groups
