"""Leaves with an `external_id`: what has to be looked for, and where they cannot be carried out."""

from __future__ import annotations

from global_heat.model.names import Region
from global_heat.model.schema import Schemas
from global_heat.template.deploying import DEPLOYMENTS
from global_heat.template.location import At, spell
from global_heat.template.node import Leaf
from global_heat.template.scaling import SCALING
from global_heat.template.shapes import CHAIN_TYPE, GROUP_TYPE
from global_heat.template.tree import EXTERNAL, Lookup

_GROUPS = (GROUP_TYPE, CHAIN_TYPE, *DEPLOYMENTS, *SCALING)


def external_at(leaf: Leaf) -> At:
    return (leaf.place.at, "external_id")


def external_gap(leaf: Leaf, schemas: Schemas) -> str:
    """What of it cannot be carried out; empty: nothing."""
    if leaf.type in _GROUPS or schemas.rules(leaf.type) is None:
        return f"external_id of {leaf.type}"
    known = isinstance(leaf.place.external_id, str)
    return "" if known else "external_id that is not known beforehand"


def external_lookup(leaf: Leaf) -> Lookup:
    """Whether a thing of its type has that id. As it is known."""
    type, id = EXTERNAL + leaf.type, str(leaf.place.external_id)
    return Lookup(leaf.path, Region(leaf.region), type, id, spell(external_at(leaf)))
