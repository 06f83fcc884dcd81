"""A compiled stack: its leaves, their order, and what can be asked of it as things come to exist."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from global_heat.model.errors import Fault
from global_heat.model.names import Path, Region
from global_heat.model.values import Json
from global_heat.template.constraint import Constraint
from global_heat.template.environment import Placement
from global_heat.template.evaluation import Run, Trace
from global_heat.template.instance import Instance
from global_heat.template.location import At, Faults
from global_heat.template.node import Container, Leaf, Nested
from global_heat.template.parameter import PSEUDO_PARAMETER
from global_heat.template.property import Coercion, Keys, Visit
from global_heat.template.shaping import shape
from global_heat.template.view import NothingYet, View

ROOT = Path("")
PSEUDO_PARAMETERS = ("OS::stack_name", "OS::stack_id", "OS::project_id")


class Definition(msgspec.Struct, frozen=True):
    """A leaf: a resource that a step makes."""

    path: Path
    name: str
    type: str
    region: Region
    declared_type: str
    """As the template calls it, before the environment's mapping."""
    deletion_policy: str = "Delete"
    """Delete, Retain or Snapshot."""
    metadata: dict[str, Json] = {}
    """What depends on other resources is `Unknown`."""
    description: str = ""
    container: Path = Path("")
    """The nested stack or group that it is in; empty: the root."""


class ContainerDefinition(msgspec.Struct, frozen=True):
    """A nested stack or a group: no step makes it, its record is derived from what is inside."""

    path: Path
    name: str
    declared_type: str
    region: Region
    stack_name: str
    stack_id: str
    description: str
    """Of the nested template."""
    file: str
    """The nested template's name among the files; empty: a group."""
    resources: tuple[str, ...]
    """The names inside."""
    container: Path = Path("")


class Output(msgspec.Struct, frozen=True):
    value: Json
    """May hold `Unknown`s; null beside an error."""
    description: str = ""
    error: str = ""
    """Empty: none."""


class Lookup(msgspec.Struct, frozen=True):
    """A question to a service: does what a constraint names exist in that region?"""

    path: Path
    """The resource that asks; empty: a parameter."""
    region: Region
    constraint: str
    """Such as `nova.flavor`."""
    value: str
    location: str
    """Where in the template it stands."""


class Tree:
    """Immutable. Made by `compilation.compile_source`."""

    def __init__(
        self,
        root: Instance,
        leaves: Mapping[Path, Leaf],
        containers: Mapping[Path, Container],
        definitions: Mapping[Path, Definition],
        requires: Mapping[Path, Sequence[Path]],
        needed: Mapping[Path, Collection[str]],
        lookups: Sequence[Lookup],
        unsupported: Sequence[tuple[Path, str]],
        placement: Placement,
        is_secret: Callable[[Trace], bool],
    ) -> None:
        self.definitions = definitions
        """The leaves alone."""
        self.containers = {path: _describe(container) for path, container in containers.items()}
        self._root = root
        self._leaves = leaves
        self._nested = containers
        self._requires = requires
        self._needed = needed
        self._lookups = lookups
        self._unsupported = unsupported
        self._placement = placement
        self._is_secret = is_secret

    @property
    def description(self) -> str:
        return self._root.template.description

    def requires(self, path: Path) -> Sequence[Path]:
        """The leaves that must be done before this one.

        All those that it reads, and of a nested stack or group that it waits for the last ones.
        """
        return self._requires[path]

    def needed_attributes(self, path: Path) -> Collection[str]:
        """The attributes of a leaf that properties, metadata or outputs read; "" is its reference."""
        return self._needed.get(path, ())

    def properties(self, path: Path, view: View) -> dict[str, Json]:
        """A leaf's properties as its type takes them; what is not known yet is `Unknown`.

        Raises `Invalid`, located, when a value that has become known does not fit.
        """
        leaf, faults = self._leaves[path], Faults()
        coercion = Coercion(faults, renaming(leaf, self._placement))
        run = Run(view, faults)
        properties = shape(leaf.type, leaf.schema, leaf.given, run, coercion, self._is_secret)
        faults.raise_any(f"The resource {path}")
        return properties

    def outputs(self, view: View, container: Path = ROOT) -> dict[str, Output]:
        """The outputs of the stack, or of a nested one. A fault is its output's error, of no other."""
        nested = self._nested.get(container)
        instance = nested.inner if isinstance(nested, Nested) else self._root
        if container and not isinstance(nested, Nested):
            return {}
        outputs = {}
        for name, text in instance.template.outputs.items():
            assert text is not None, name
            run = Run(view)
            value = instance.output(name, run)
            error = next((fault.message for fault in run.faults), "")
            outputs[name] = Output(None if error else value, text.description, error)
        return outputs

    def unsupported(self) -> Sequence[tuple[Path, str]]:
        """Leaves whose type is known and cannot be carried out, with the type."""
        return self._unsupported

    def lookups(self) -> Sequence[Lookup]:
        return self._lookups

    def parameters(self) -> dict[str, Json]:
        """The stack's parameters, typed, hidden ones too."""
        run = Run(NothingYet())
        return {name: self._root.parameter(name, run) for name in self._root.template.parameters}

    def parameters_shown(self) -> dict[str, str]:
        """The stack's parameters, pseudo ones too, as texts that people may see."""
        schemas = self._root.template.parameters
        shown = {
            name: self._root.title.pseudo(name) or "" for name in PSEUDO_PARAMETERS if name not in schemas
        }
        for name, value in self.parameters().items():
            shown[name] = (schemas[name] or PSEUDO_PARAMETER).show(value)
        return shown

    def immutable_changes(self, new: Tree) -> list[Fault]:
        """Faults of a new wish that changes parameters which it declares immutable."""
        old_values, new_values = self.parameters(), new.parameters()
        return [
            Fault(f"parameters.{name}", "the parameter is immutable; give it the value that the stack has")
            for name, schema in new._root.template.parameters.items()
            if schema and schema.immutable and name in old_values and new_values[name] != old_values[name]
        ]


def renaming(leaf: Leaf, placement: Placement) -> Visit:
    """Visit values to give names of the template those that they have in the leaf's region."""

    def visit(keys: Keys, constraints: tuple[Constraint, ...], value: Json, at: At) -> Json:
        for constraint in constraints:
            if constraint.kind == "custom_constraint":
                value = placement.rename(leaf.region, constraint.bound, value)
        return value

    return visit


def _describe(container: Container) -> ContainerDefinition:
    standing = container.place
    template = container.inner.template if isinstance(container, Nested) else None
    return ContainerDefinition(
        path=container.path,
        name=standing.name,
        declared_type=standing.text.type,
        region=Region(standing.region),
        stack_name=container.title.name,
        stack_id=container.title.id,
        description=template.description if template else "",
        file=template.file if template else "",
        resources=tuple(container.nodes),
        container=standing.parent.path if standing.parent else Path(""),
    )
