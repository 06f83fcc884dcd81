"""A template as it is written: its sections and what stands in them, before anything is evaluated."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.cfn import declaration
from global_heat.template.document import parse_document
from global_heat.template.evaluator import Evaluator, NoEvaluator
from global_heat.template.location import At, Faults, place
from global_heat.template.parameter import ParameterSchema, read_parameter
from global_heat.template.values import describe, keys_of
from global_heat.template.versions import AWS, DATES, DIALECTS, HEAT, HOT, Version

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
    external_id: Json = None


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
    mappings: Mapping[str, Json] = {}
    """Of a CloudFormation template."""


def read_template(
    text: str, file: str, faults: Faults, evaluator: Evaluator | None = None
) -> Template | None:
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
    return (
        None if version is None else _Reader(version, at, faults, evaluator or NoEvaluator()).read(data, file)
    )


def _read_version(data: dict[str, Json], at: At, faults: Faults) -> Version | None:
    keys = [key for key in DIALECTS if isinstance(data.get(key), str)] or [
        key for key in DIALECTS if key in data
    ]
    if not keys:
        faults.add((at, HOT), f"is missing; add it, for example {DATES[-1]}")
        return None
    if len(keys) > 1:
        faults.add((at, keys[1]), f"stands beside {keys[0]}; a template has one version")
        return None
    written, versions = data[keys[0]], DIALECTS[keys[0]]
    version = versions.get(written) if isinstance(written, str) else None
    if version is None:
        faults.add((at, keys[0]), f"expected one of {', '.join(versions)}, found {describe(written)}")
    return version


class _Reader:
    """Reads the sections of one template. HOT's words stand for those of any language."""

    def __init__(self, version: Version, at: At, faults: Faults, evaluator: Evaluator) -> None:
        self._version = version
        self._word = version.word
        self._at = at
        self._faults = faults
        self._evaluator = evaluator

    def read(self, data: dict[str, Json], file: str) -> Template:
        sections = ["description", "parameters", "resources", "outputs"]
        sections.append("parameter_groups" if self._version.is_hot else "mappings")
        if self._version.has_conditions:
            sections.append("conditions")
        keys = (HOT,) if self._version.is_hot else (AWS, HEAT)
        expected = [self._word(section) for section in sections]
        for name in data.keys() - {*expected, *keys}:
            self._faults.add((self._at, str(name)), f"is no section; expected one of {', '.join(expected)}")
        parameters = {
            name: self._parameter(written, at) for name, written, at in self._section(data, "parameters")
        }
        resources = {
            name: self._resource(written, at) for name, written, at in self._section(data, "resources")
        }
        for name in resources:
            at = ((self._at, self._word("resources")), name)
            if name in parameters:
                self._faults.add(at, "is the name of a parameter as well; rename one of them")
            if not name or "/" in name:
                self._faults.add(at, 'a name must not be empty or hold a "/"')
        conditions = {}
        if self._version.has_conditions:
            conditions = {name: written for name, written, _ in self._section(data, "conditions")}
        mappings = {}
        if not self._version.is_hot:
            mappings = {name: written for name, written, _ in self._section(data, "mappings")}
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
            mappings=mappings,
        )

    def _section(self, data: dict[str, Json], section: str) -> list[tuple[str, Json, At]]:
        content, at = data.get(self._word(section)), (self._at, self._word(section))
        if content is None and section == "conditions" and self._word(section) in data:
            self._faults.add(at, "expected a map of names, found nothing; leave the section out")
        if content is None or (content == [] and section != "conditions"):
            return []
        if not isinstance(content, dict):
            self._faults.add(at, f"expected a map of names, found {describe(content)}")
            return []
        for name in content:
            if name in ("true", "false"):
                self._faults.add((at, name), "YAML reads this name as a boolean; choose another one")
        return [(name, written, (at, name)) for name, written in content.items()]

    def _parameter(self, written: Json, at: At) -> ParameterSchema | None:
        if not self._version.is_hot:
            written = declaration(written, at, self._faults)
        return read_parameter(written, self._version, at, self._faults, self._evaluator)

    def _text(self, written: dict[str, Json], key: str, at: At) -> str:
        text = written.get(self._word(key))
        if text is None:
            return ""
        return str(text)

    def _resource(self, written: Json, at: At) -> ResourceText | None:
        if not isinstance(written, dict):
            self._faults.add(at, f"expected a map with the resource's type, found {describe(written)}")
            return None
        said = {self._word(key): key for key in self._resource_keys()}
        if self._version.is_hot:
            for key in written.keys() - said.keys():
                self._faults.add(
                    (at, str(key)), f"is no key of a resource; expected one of {', '.join(said)}"
                )
        read = {key: written[word] for word, key in said.items() if word in written}
        maps = {key: self._map(read, key, at) for key in ("properties", "metadata", "update_policy")}
        policy, condition = read.get("deletion_policy", "Delete"), read.get("condition", True)
        if not isinstance(policy, str | dict):
            here = (at, self._word("deletion_policy"))
            self._faults.add(here, f"expected Delete, Retain or Snapshot, found {describe(policy)}")
        if not isinstance(condition, str | bool | dict):
            here = (at, self._word("condition"))
            self._faults.add(here, f"expected a condition's name, found {describe(condition)}")
            condition = True
        external = read.get("external_id")
        if external is not None and not isinstance(external, str | dict):
            self._faults.add((at, "external_id"), f"expected the id of a thing, found {describe(external)}")
            external = None
        if "description" in read and not isinstance(read["description"], str):
            here = (at, self._word("description"))
            self._faults.add(here, f"expected a text, found {describe(read['description'])}")
        if "external_id" in read and read["external_id"] is None:
            self._faults.add((at, "external_id"), "expected the id of a thing, found nothing")
        type_name = read.get("type")
        if not isinstance(type_name, str) or not type_name:
            here = (at, self._word("type"))
            self._faults.add(here, f"expected the name of a resource type, found {describe(type_name)}")
            return None
        return ResourceText(
            type=type_name,
            depends_on=self._depends_on(read, at),
            deletion_policy=policy,
            condition=condition,
            region=read.get("region"),
            description=self._text(written, "description", at),
            external_id=external,
            **maps,
        )

    def _resource_keys(self) -> tuple[str, ...]:
        keys: tuple[str, ...] = _RESOURCE_KEYS
        if self._version.has_conditions:
            keys = (*keys, "condition")
        return (*keys, "external_id") if self._version.is_hot and self._version.has_conditions else keys

    def _map(self, read: dict[str, Json], key: str, at: At) -> dict[str, Json]:
        value = read.get(key, {})
        if isinstance(value, dict):
            return value
        self._faults.add((at, self._word(key)), f"expected a map, found {describe(value)}")
        return {}

    def _depends_on(self, read: dict[str, Json], at: At) -> tuple[str, ...]:
        names = read.get("depends_on", [])
        if isinstance(names, str):
            return (names,)
        if isinstance(names, list) and all(isinstance(name, str) for name in names):
            return tuple(names)
        message = f"expected a resource's name or a list of names, found {describe(names)}"
        self._faults.add((at, self._word("depends_on")), message)
        return ()

    def _output(self, written: Json, at: At) -> OutputText | None:
        word = self._word("value")
        if not isinstance(written, dict) or word not in written:
            known = [self._word(key) for key in ("description", "condition")]
            found = keys_of(written, [word], known, describe)
            self._faults.add(at, f"expected a map with the output's {word}, found {found}")
            return None
        condition = written.get(self._word("condition"), True) if self._version.has_conditions else True
        return OutputText(written[word], self._text(written, "description", at), condition)

    def _groups(self, written: Json, parameters: Mapping[str, object]) -> list[ParameterGroup]:
        at: At = (self._at, "parameter_groups")
        if not written:
            return []
        if not isinstance(written, list):
            self._faults.add(at, f"expected a list of groups, found {describe(written)}")
            return []
        groups: list[ParameterGroup] = []
        seen: set[str] = set()
        for index, group in enumerate(written):
            names = group.get("parameters") if isinstance(group, dict) else None
            if not isinstance(names, list):
                here: At = (at, index)
                expected = "a map with a list of parameters"
                found = keys_of(group, ["parameters"], ["label", "description"], describe)
                if isinstance(group, dict) and "parameters" in group:
                    here = (here, "parameters")
                    expected, found = "a list of parameters", describe(names)
                self._faults.add(here, f"expected {expected}, found {found}")
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
