"""What shapes a group: the properties that say which members it has.

Where one of them follows from another resource's attribute, it is open until that resource is there: an
expand step asks for it then. Until then the group has the members that it had before.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import deepcopy

from global_heat.model.schema import TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.template.deploying import DEPLOYMENTS, SERVERS
from global_heat.template.evaluation import Run, Trace
from global_heat.template.given import Given
from global_heat.template.property import Coercion, unchanged
from global_heat.template.shaping import shape
from global_heat.template.values import FAULTY, first_unknown

GROUP_TYPE = "OS::Heat::ResourceGroup"
CHAIN_TYPE = "OS::Heat::ResourceChain"

_SHAPING: Mapping[str, tuple[str, ...]] = {
    GROUP_TYPE: ("count", "index_var", "removal_policies", "removal_policies_mode", "resource_def.type"),
    CHAIN_TYPE: ("resources", "concurrent"),
    "OS::Heat::AutoScalingGroup": ("desired_capacity", "min_size", "max_size", "resource.type"),
    "AWS::AutoScaling::AutoScalingGroup": ("DesiredCapacity", "MinSize", "MaxSize"),
    "OS::Heat::InstanceGroup": ("Size",),
    **dict.fromkeys(DEPLOYMENTS, (SERVERS,)),
}
"""By type; a dot leads into a map."""
_DEEP = ("removal_policies", "resources")
"""Those of which every value inside must be known."""

Shape = Mapping[str, Json]
"""The values of what is open: `count` to 3. Of servers their names."""


def shape_of(
    type: str, schema: TypeSchema, given: Given, run: Run, is_secret: Callable[[Trace], bool]
) -> dict[str, Json]:
    """The properties of a group under its type's schema; faults are noted in the run."""
    return shape(type, schema, given, run, Coercion(run.faults, unchanged), is_secret)


def open_parts(type: str, shaped: Mapping[str, Json]) -> tuple[str, ...]:
    """The names of what shapes the group and is not known yet."""
    return tuple(name for name in _SHAPING[type] if _is_open(name, _part(shaped, name)))


def take(shaped: Mapping[str, Json], names: tuple[str, ...]) -> dict[str, Json]:
    """The values of some parts, to be remembered; what is still not known stays `Unknown`."""
    return {name: _remembered(name, _part(shaped, name)) for name in names}


def put(shaped: Mapping[str, Json], past: Shape) -> dict[str, Json]:
    """The properties with parts as they are remembered."""
    filled = dict(shaped)
    for name, value in past.items():
        outer, _, inner = name.partition(".")
        if name == SERVERS:
            filled[name] = dict.fromkeys(value)
        elif inner:
            filled[outer] = {**filled[outer], inner: deepcopy(value)}
        else:
            filled[outer] = deepcopy(value)
    return filled


def _remembered(name: str, value: Json) -> Json:
    return list(value) if name == SERVERS and isinstance(value, dict) else value


def _part(shaped: Mapping[str, Json], name: str) -> Json:
    outer, _, inner = name.partition(".")
    value = shaped.get(outer)
    return value.get(inner) if inner and isinstance(value, dict) else value


def _is_open(name: str, value: Json) -> bool:
    unknown = first_unknown(value) if name in _DEEP else value if isinstance(value, Unknown) else None
    return unknown is not None and unknown != FAULTY
