"""Recorded incarnations and compiled templates: what the tests of this folder plan with."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping

from global_heat.model.names import Path, PhysicalId, Region
from global_heat.model.plan import Plan, Step
from global_heat.model.records import Action, Incarnation, State
from global_heat.model.values import Json
from global_heat.planner.planning import plan_apply
from global_heat.resources.catalogue import load_schemas
from global_heat.template.compilation import compile_source
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree

SCHEMAS = load_schemas()
NET, SUBNET = "OS::Neutron::Net", "OS::Neutron::Subnet"
_IDENTITY = Identity("web", "00000000-0000-4000-8000-000000000001", "red", "east")


def hashed(name: str, value: Json) -> str:
    return hashlib.sha256(f"{name}={value!r}".encode()).hexdigest()[:8]


def hashes(**properties: Json) -> dict[str, str]:
    return {name: hashed(name, value) for name, value in properties.items()}


def recorded(
    path: str,
    state: str = "READY",
    n: int = 1,
    *,
    region: str = "east",
    type: str = NET,
    plan: int = 1,
    properties: Mapping[str, Json] | None = None,
    **fields: object,
) -> Incarnation:
    return Incarnation(
        path=Path(path),
        region=Region(region),
        n=n,
        type=type,
        state=State(state),
        plan=plan,
        id=PhysicalId(f"id-{path}-{n}"),
        hashes=hashes(**(properties or {})),
        **fields,  # type: ignore[arg-type]
    )


def compiled(resources: str, environment: dict[str, Json] | None = None) -> Tree:
    """A tree of the resources as given in a template's text."""
    template = f"heat_template_version: 2021-04-16\nresources:\n{resources}"
    return compile_source(Source(template, environment or {}), _IDENTITY, SCHEMAS, ("east", "west"))


def built(resources: str, plan: int = 1) -> dict[str, Incarnation]:
    """The resources of a template's text as they are recorded once they are made, by path."""
    tree = compiled(resources)
    made = {}
    for path, definition in tree.definitions.items():
        properties = tree.properties(path, _Built())
        made[str(path)] = recorded(
            path,
            region=definition.region,
            type=definition.type,
            plan=plan,
            properties={name: value for name, value in properties.items() if value is not None},
            requires=tuple(f"{need}@{tree.definitions[need].region}#1" for need in tree.requires(path)),
            retain=definition.deletion_policy == "Retain",
        )
    return made


class _Built:
    """The view of resources of which each is its first incarnation."""

    def reference(self, path: Path) -> Json:
        return f"id-{path}-1"

    def attribute(self, path: Path, name: str) -> Json:
        return None


def attributes_of(incarnation: Incarnation) -> Mapping[str, Json]:
    """Every recorded thing is known by its id and shows nothing else."""
    return {"": incarnation.id}


def planned(
    resources: str,
    *incarnations: Incarnation,
    number: int = 2,
    environment: dict[str, Json] | None = None,
) -> Plan:
    return plan_apply(
        number,
        number - 1,
        number,
        Action.UPDATE,
        compiled(resources, environment),
        incarnations,
        SCHEMAS,
        hashed,
        attributes_of,
    )


def forecasts(steps: Collection[Step]) -> dict[str, str]:
    """What each step is foreseen to do, by its name."""
    return {step.ref: str(step.forecast) for step in steps}
