"""What is pure, on made-up names: a source to its tree, and that to its plan."""

from __future__ import annotations

from collections.abc import Sequence

from global_heat.model.names import Project, StackId
from global_heat.model.plan import Plan
from global_heat.model.records import Action
from global_heat.model.schema import Schemas
from global_heat.planner.planning import plan_apply
from global_heat.store.sealing import Seal
from global_heat.template.compilation import compile_source
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree

_PROJECT, _STACK = Project("p"), StackId("s")
_SEAL = Seal({"k": b"k" * 32}, lambda n: b"0" * n)


def compiled(source: Source, schemas: Schemas, regions: Sequence[str]) -> Tree:
    identity = Identity(stack_name="big", stack_id=_STACK, project=_PROJECT, default_region=regions[0])
    return compile_source(source, identity, schemas, regions)


def planned(tree: Tree, schemas: Schemas) -> Plan:
    """The plan of a stack of which there is nothing yet."""
    return plan_apply(
        number=1,
        parent=0,
        revision=1,
        action=Action.CREATE,
        tree=tree,
        recorded=(),
        schemas=schemas,
        hash_property=lambda name, value: _SEAL.fingerprint(value, "property", _PROJECT, _STACK, name),
        attributes_of=lambda incarnation: {},
    )
