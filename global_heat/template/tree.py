"""A compiled stack: its leaves, their order, and what can be asked of it as things come to exist."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import msgspec

from global_heat.model.errors import Fault
from global_heat.model.names import Path, Region
from global_heat.model.values import Json
from global_heat.template.batching import policy_of
from global_heat.template.constraint import Constraint
from global_heat.template.environment import Environment, Placement
from global_heat.template.evaluation import Run, Trace
from global_heat.template.groups import Groups
from global_heat.template.instance import Instance
from global_heat.template.location import At, Faults, spell
from global_heat.template.node import Container, Group, Leaf, Nested
from global_heat.template.parameter import PSEUDO_PARAMETER
from global_heat.template.property import Coercion, Keys, Visit, renamed, unchanged
from global_heat.template.shaping import shape
from global_heat.template.values import OMITTED
from global_heat.template.view import NothingYet, View

ROOT = Path("")
EXTERNAL = "external "
"""Before a type's name: the constraint that a thing of that type has this id."""


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
    external_id: Json = None
    """The id of a thing that is there already and is only looked at; null: it is ours to make."""
    hooks: tuple[str, ...] = ()
    """When to wait for a person: pre-create, post-update, …"""
    restricted: tuple[str, ...] = ()
    """Actions that the environment forbids: update, replace."""


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
    deletion_policy: str = "Delete"
    update_policy: dict[str, Json] = {}
    """A group's `rolling_update` and `batch_create`, as its type has them."""
    hooks: tuple[str, ...] = ()
    restricted: tuple[str, ...] = ()


class Output(msgspec.Struct, frozen=True):
    value: Json
    """May hold `Unknown`s; null beside an error."""
    description: str = ""
    error: str = ""
    """Empty: none."""


class Gap(msgspec.Struct, frozen=True):
    """Something that is known, and right, and that nobody carries out yet."""

    path: Path
    """The resource; empty: the stack."""
    what: str
    """A type's name, or what else it is: `the property x of OS::Y`, `hooks`."""
    location: str


class Lookup(msgspec.Struct, frozen=True):
    """A question to a service: does what a constraint names exist in that region?"""

    path: Path
    """The resource that asks; empty: a parameter."""
    region: Region
    constraint: str
    """Such as `nova.flavor`, or `EXTERNAL` and a type."""
    value: str
    location: str
    """Where in the template it stands."""


class Tree:
    """Immutable. Made by `compilation.compile_source`."""

    def __init__(
        self,
        instances: Mapping[Path, Instance],
        leaves: Mapping[Path, Leaf],
        containers: Mapping[Path, Container],
        definitions: Mapping[Path, Definition],
        requires: Mapping[Path, Sequence[Path]],
        needed: Mapping[Path, Collection[str]],
        lookups: Sequence[Lookup],
        gaps: Sequence[Gap],
        environment: Environment,
        inputs: Mapping[str, Json],
        direct: Mapping[Path, Collection[Path]],
        inferred: Callable[[Path], Collection[Path]],
        is_secret: Callable[[Trace], bool],
        sketched: Mapping[Path, Container],
    ) -> None:
        self.definitions = definitions
        """The leaves alone."""
        self.containers = {path: _describe(container) for path, container in containers.items()}
        self.sketched = {path: _describe(container) for path, container in sketched.items()}
        """What members would hold of groups that have none: only to be shown."""
        self.instances = instances
        """The templates in use, by the place of what they stand for; the root's is ""."""
        self.groups = Groups(containers, is_secret)
        self.environment = environment
        self._root = instances[ROOT]
        self._leaves = leaves
        self._nested = containers
        self._requires = requires
        self._needed = needed
        self._lookups = lookups
        self._gaps = gaps
        self._inputs = inputs
        self._direct = direct
        self._inferred = inferred
        self._is_secret = is_secret
        self._sketched = sketched

    @property
    def description(self) -> str:
        return self._root.template.description

    @property
    def regions(self) -> frozenset[Region]:
        """Those that its resources live in."""
        return frozenset(definition.region for definition in self.definitions.values())

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
        faults = Faults()
        run = Run(view, faults)
        node = self._leaves.get(path) or self._nested[path]
        if isinstance(node, Nested):
            properties = _as_properties(node, run)
        else:
            visit = renaming(node, self.environment.placement) if isinstance(node, Leaf) else unchanged
            coercion = Coercion(faults, visit)
            properties = shape(node.type, node.schema, node.given, run, coercion, self._is_secret)
            properties = renamed(node.schema.properties, properties)
        faults.raise_any(f"The resource {path}")
        return properties

    def given(self, path: Path, view: View) -> dict[str, Json]:
        """What a leaf or container is given, evaluated, before its type's schema is applied."""
        node, run = self._leaves.get(path) or self._nested.get(path) or self._sketched[path], Run(view)
        values = {name: node.given.value(name, run) for name in node.given.names(run)}
        return {name: value for name, value in values.items() if value is not OMITTED}

    def instance(self, path: Path) -> Instance:
        """The template in use at a place, sketched ones too."""
        sketched = self._sketched.get(path)
        return sketched.inner if isinstance(sketched, Nested) else self.instances[path]

    def names(self, container: Path = ROOT) -> list[str]:
        """The names of the leaves and containers in the root, a nested stack or a group."""
        nodes = (
            self.instances[container].nodes if container in self.instances else self._nested[container].nodes
        )
        inside = f"{container}/" if container else ""
        return [name for name in nodes if f"{inside}{name}" in self._direct]

    def disabled(self, container: Path = ROOT) -> list[str]:
        """The names whose condition is false."""
        return [name for name, node in self.instances[container].nodes.items() if not node.exists]

    def edges(self, container: Path = ROOT) -> list[tuple[str, str]]:
        """Who needs whom, as Heat has it, among the names directly in the root, a nested stack or a group."""
        inside = f"{container}/" if container else ""
        depth = len(inside)
        found: dict[tuple[str, str], None] = {}
        for path, needs in self._direct.items():
            if path.startswith(inside):
                name = path[depth:].partition("/")[0]
                besides = self._inferred(path) if path in self._leaves else ()
                for need in sorted({*needs, *besides}):
                    other = need[depth:].partition("/")[0]
                    if need.startswith(inside) and other != name:
                        found[name, other] = None
        return list(found)

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

    def unsupported(self) -> Sequence[Gap]:
        """What is known and cannot be carried out: types, properties, policies, hooks."""
        return self._gaps

    def location(self, path: Path) -> str:
        """Where in the template a leaf stands; a member of a group, where the group does."""
        return spell(self._leaves[path].place.at)

    def lookups(self) -> Sequence[Lookup]:
        return self._lookups

    def parameters(self) -> dict[str, Json]:
        """The stack's parameters, typed, hidden ones too."""
        run = Run(NothingYet())
        return {name: self._root.parameter(name, run) for name in self._root.template.parameters}

    def parameters_shown(self) -> dict[str, str]:
        """The stack's parameters, pseudo ones too, as texts that people may see."""
        schemas = self._root.template.parameters
        shown = self.pseudo_parameters()
        for name, value in self.parameters().items():
            shown[name] = (schemas[name] or PSEUDO_PARAMETER).show(value)
        return shown

    def pseudo_parameters(self) -> dict[str, str]:
        """Those that the template does not declare itself."""
        declared = self._root.template.parameters
        return {name: value for name, value in self._root.pseudo.items() if name not in declared}

    def immutable_changes(self, new: Tree) -> list[Fault]:
        """Faults of a new wish that changes parameters which it declares immutable."""
        values, new_values = self.parameters(), new.parameters()
        message = "the parameter is immutable; give it the value that the stack has"
        changes = []
        for name, schema in new._root.template.parameters.items():
            if schema is None or not schema.immutable or name not in values:
                continue
            given, before = new._inputs.get(name), self._inputs.get(name)
            kept = given is not None and type(given) is type(before) and given == before
            # As in Heat: what is given is compared as it is written, so "1" is not 1.
            if not kept and (new_values[name] if given is None else given) != values[name]:
                changes.append(Fault(f"parameters.{name}", message))
        return changes


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
        deletion_policy=standing.deletion_policy,
        update_policy=dict(policy_of(container)) if isinstance(container, Group) else {},
        hooks=standing.hooks,
        restricted=standing.restricted,
    )


def _as_properties(nested: Nested, run: Run) -> dict[str, Json]:
    """What a template is given as properties of what it stands for; its defaults are its own matter."""
    coercion = Coercion(run.faults)
    properties = {}
    for name, schema in nested.inner.template.parameters.items():
        value = nested.given.value(name, run)
        if schema is not None and value is not OMITTED:
            at = (nested.given.at, name)
            properties[name] = coercion.value(schema.as_property(), value, (name,), at, lenient=True)
    return properties
