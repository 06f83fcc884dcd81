"""Real templates and Heat's verdict on each, where the folder that has them is named."""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from global_heat.model import names
from global_heat.model.errors import Invalid
from global_heat.model.values import Json
from global_heat.template.compilation import compile_source
from global_heat.template.document import parse_document
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree
from global_heat.template.view import NothingYet
from global_heat.template.yaql import InProcess
from tests.conformance.answers import PROJECT, SCHEMAS, STACK_ID
from tests.conformance.comparing import differences

VARIABLE = "GLOBAL_HEAT_TEMPLATES"
VALID, INVALID = "valid", "invalid"
_SUFFIXES = (".yaml", ".template")
_TYPES = {
    "string": "String",
    "number": "Number",
    "boolean": "Boolean",
    "comma_delimited_list": "CommaDelimitedList",
    "json": "Json",
}


class Case(msgspec.Struct, frozen=True):
    path: str
    result: str
    """valid, invalid, or needs_service: what Heat could not tell without a cloud."""
    answer: dict[str, Any]
    source: Source


class BeforeCreate:
    """As Heat sees resources that do not exist: a reference is the name, an attribute is null."""

    def reference(self, path: names.Path) -> Json:
        return path

    def attribute(self, path: names.Path, name: str) -> Json:
        return None


def load_cases() -> list[Case]:
    """Empty when no folder is named."""
    named = os.environ.get(VARIABLE)
    if not named:
        return []
    folder = Path(named)
    manifest = json.loads((folder / "manifest.json").read_text())
    return [_case(folder, entry) for entry in manifest["templates"]]


def _case(folder: Path, entry: dict[str, Any]) -> Case:
    texts = {name: _as_sent(folder, name) for name in (entry["path"], *entry["files"])}
    template = texts.pop(entry["path"])
    source = Source(template, files=texts, parameters=entry["answer"]["dummy_parameters"])
    return Case(entry["path"], entry["result"], entry["answer"], source)


def _as_sent(folder: Path, name: str) -> str:
    """A template as clients send it: as JSON, with files named by where they lie."""
    text = (folder / name).read_text()
    return json.dumps(_renamed(parse_document(text, name), posixpath.dirname(name), folder))


def _renamed(value: Json, home: str, folder: Path) -> Json:
    match value:
        case dict():
            return {
                key: _file(item, home, folder)
                if key in ("type", "get_file")
                else _renamed(item, home, folder)
                for key, item in value.items()
            }
        case list():
            return [_renamed(item, home, folder) for item in value]
    return value


def _file(name: Json, home: str, folder: Path) -> Json:
    path = posixpath.normpath(posixpath.join(home, name)) if isinstance(name, str) else ""
    is_there = isinstance(name, str) and name.endswith(_SUFFIXES) and (folder / path).is_file()
    return path if is_there else _renamed(name, home, folder)


def check_case(case: Case) -> list[str]:
    """How our answer differs from Heat's."""
    identity = Identity("teststack", STACK_ID, PROJECT, "RegionOne")
    try:
        tree = compile_source(case.source, identity, SCHEMAS, None, evaluator=InProcess())
    except Invalid as error:
        return [] if case.result == INVALID else [f"Heat takes it, here: {error}"]
    if case.result == INVALID:
        return [f"Heat refuses it: {case.answer['error']['message']}"]
    return [*differences(_wanted(case.answer), _answer(tree)), *_properties(tree, case)]


def _wanted(answer: dict[str, Any]) -> dict[str, Any]:
    return {
        "edges": sorted(answer["edges"]),
        "outputs": sorted(answer["outputs"]),
        "disabled": sorted(answer["disabled"]),
        "resources": answer["resources"],
        "parameters": answer["parameters"],
    }


def _answer(tree: Tree) -> dict[str, Any]:
    found = {**tree.definitions, **tree.containers}
    schemas = tree.instances[names.Path("")].template.parameters
    return {
        "edges": sorted(list(edge) for edge in tree.edges()),
        "outputs": sorted(tree.outputs(NothingYet())),
        "disabled": sorted(tree.disabled()),
        "resources": {name: found[names.Path(name)].declared_type for name in tree.names()},
        "parameters": {name: _TYPES[schema.type] for name, schema in schemas.items() if schema is not None},
    }


def _properties(tree: Tree, case: Case) -> Iterator[str]:
    for name, wanted in case.answer["properties_sha256"].items():
        path = names.Path(name)
        try:
            properties = tree.properties(path, BeforeCreate())
        except Invalid:
            # Heat checks a value when what it is made of exists; its answer was made before that.
            properties = tree.given(path, BeforeCreate())
        text = json.dumps(properties, sort_keys=True)
        if any(f'"{file}"' in text for file in case.source.files):
            continue  # Heat was told of files by where they lay on its machine.
        if hashlib.sha256(text.encode()).hexdigest() != wanted:
            yield f"properties of {name}: another sha256 than Heat's; here {text[:300]}"
