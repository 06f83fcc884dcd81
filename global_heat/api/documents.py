"""What the front doors read from a stack's compiled template."""

from __future__ import annotations

import msgspec

from global_heat.api.ports import LookUp
from global_heat.model.names import Path, Region
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Json, has_unknown
from global_heat.planner.decision import live
from global_heat.proto.v1 import stack_service_pb2
from global_heat.store.documents import Documents, RecordedView
from global_heat.store.reading import StackView
from global_heat.template.tree import Tree


class Output(msgspec.Struct, frozen=True):
    """An output of a stack; `error` says why there is no value."""

    key: str
    value: Json
    description: str = ""
    error: str = ""


def regions_of(tree: Tree) -> set[Region]:
    """The regions that the template's resources live in."""
    return {definition.region for definition in tree.definitions.values()}


def lookups_of(tree: Tree) -> list[LookUp]:
    """The literal values that only a cloud can check."""
    return []


def hidden_parameters(tree: Tree) -> set[str]:
    return {name for name, each in tree.parameters.items() if each.get("hidden")}


def describe_template(tree: Tree) -> tuple[str, list[stack_service_pb2.TemplateParameter]]:
    return tree.description, [
        stack_service_pb2.TemplateParameter(name=name, type=each["type"])
        for name, each in tree.parameters.items()
    ]


def outputs_of(documents: Documents, view: StackView, tree: Tree) -> list[Output]:
    """The outputs out of what is recorded now."""
    recorded = RecordedView(documents, view.header, _finished(view))
    found = []
    for key, value in tree.outputs(recorded).items():
        if has_unknown(value):
            found.append(Output(key, None, error=f"not known yet: {value}"))
        else:
            found.append(Output(key, value))
    return found


def _finished(view: StackView) -> dict[Path, Incarnation]:
    """Each resource's incarnation that stands and is ready, by path."""
    found: dict[Path, list[Incarnation]] = {}
    for incarnation in view.incarnations:
        found.setdefault(incarnation.path, []).append(incarnation)
    standing = {path: live(each) for path, each in found.items()}
    return {path: each for path, each in standing.items() if each and each.state is State.READY}
