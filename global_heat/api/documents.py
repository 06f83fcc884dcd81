"""What the front doors read from a stack's template and from its compiled tree."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from global_heat.api.ports import LookUp, Need
from global_heat.model.names import Path
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Json, has_unknown
from global_heat.planner.decision import live
from global_heat.store.documents import Documents, RecordedView
from global_heat.store.reading import StackView
from global_heat.template.location import Faults
from global_heat.template.outline import read_template
from global_heat.template.parameter import ParameterSchema
from global_heat.template.source import Source
from global_heat.template.tree import Tree


class Output(msgspec.Struct, frozen=True):
    """An output of a stack; `error` says why there is no value."""

    key: str
    value: Json
    description: str = ""
    error: str = ""


def lookups_of(tree: Tree) -> list[LookUp]:
    """The literal values that only a cloud can check."""
    return [LookUp(each.location, each.region, each.constraint, each.value) for each in tree.lookups()]


def needs_of(tree: Tree) -> list[Need]:
    """What the resources need of their regions; members of a group that stand together, once."""
    found = {
        Need(tree.location(path), each.region, each.type): None for path, each in tree.definitions.items()
    }
    return list(found)


def parameters_of(source: Source) -> Mapping[str, ParameterSchema]:
    """The parameters that the template declares, in its order."""
    template = read_template(source.template, "", Faults())
    declared = template.parameters if template else {}
    return {name: schema for name, schema in declared.items() if schema is not None}


def outputs_of(documents: Documents, view: StackView, tree: Tree) -> list[Output]:
    """The outputs out of what is recorded now, in the template's order."""
    recorded = RecordedView(documents, view.header, _standing(view))
    found = []
    for key, output in tree.outputs(recorded).items():
        error, value = output.error, output.value
        if not error and has_unknown(value):
            error, value = "not known yet: what it is computed from is not there", None
        found.append(Output(key, value, output.description, error))
    return found


def _standing(view: StackView) -> dict[Path, Incarnation]:
    """Each resource's incarnation that stands and is ready, or was before an update of it failed."""
    by_path: dict[Path, list[Incarnation]] = {}
    for incarnation in view.incarnations:
        by_path.setdefault(incarnation.path, []).append(incarnation)
    standing = {path: live(incarnations) for path, incarnations in by_path.items()}
    return {path: each for path, each in standing.items() if each and _is_told(each)}


def _is_told(incarnation: Incarnation) -> bool:
    return incarnation.state is State.READY or (
        incarnation.state is State.FAILED and bool(incarnation.hashes)
    )
