"""From a source to a tree, or to all its faults at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from functools import partial

from global_heat.model.names import Path, Region
from global_heat.model.schema import Schemas, TypeSchema
from global_heat.model.values import Json
from global_heat.template.batching import faults_of
from global_heat.template.constraint import Constraint
from global_heat.template.crossing import Crossable, find_crossings
from global_heat.template.deleting import SNAPSHOT, check_snapshot
from global_heat.template.environment import Environment, read_environment
from global_heat.template.evaluation import Run, Trace
from global_heat.template.evaluator import Evaluator, NoEvaluator
from global_heat.template.expansion import Expansion, Limits
from global_heat.template.external import external_at, external_gap, external_lookup
from global_heat.template.implied import Implied
from global_heat.template.instance import Instance
from global_heat.template.location import At, Faults, place, spell
from global_heat.template.members import membership
from global_heat.template.merging import merge_given
from global_heat.template.node import Container, Group, Leaf, Nested, Place
from global_heat.template.ordering import Ordering, reads_of
from global_heat.template.property import Coercion, Keys, Visit
from global_heat.template.shapes import CHAIN_TYPE
from global_heat.template.shaping import shape
from global_heat.template.sizes import check_sizes
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Definition, Gap, Lookup, Tree, renaming
from global_heat.template.values import FAULTY, OMITTED, first_unknown
from global_heat.template.view import NothingYet

WHAT = "The template"
DEFAULT_LIMITS = Limits()


def compile_source(
    source: Source,
    identity: Identity,
    schemas: Schemas,
    regions: Collection[str] | None,
    *,
    evaluator: Evaluator | None = None,
    limits: Limits = DEFAULT_LIMITS,
    draft: bool = False,
) -> Tree:
    """Compile a source. `regions`: those there are; None: their names are not checked.

    `draft`: what parameters and properties are given is not looked at: only the form must be right.

    Raises `Invalid` with all the faults, each with its path in the template.
    """
    faults = Faults()
    environment = read_environment(source.environment, faults)
    source = merge_given(source, faults)
    expansion = Expansion(
        source, identity, environment, schemas, regions, faults, evaluator or NoEvaluator(), limits, draft
    )
    root = expansion.build()
    if root is None:
        faults.raise_any(WHAT)
    assert root is not None
    given = {**environment.parameters, **source.parameters}
    return _Compiler(expansion, root, environment, schemas, faults, draft, given).compile()


class _Compiler:
    """Evaluates everything once, before anything exists, and notes what each part touches."""

    def __init__(
        self,
        expansion: Expansion,
        root: Instance,
        environment: Environment,
        schemas: Schemas,
        faults: Faults,
        draft: bool,
        inputs: Mapping[str, Json],
    ) -> None:
        self._expansion = expansion
        self._root = root
        self._environment = environment
        self._placement = environment.placement
        self._draft = draft
        self._inputs = inputs
        self._schemas = schemas
        self._faults = faults
        self._run = Run(NothingYet(), faults)
        self._properties: dict[Path, dict[str, Json]] = {}
        self._metadata: dict[Path, Json] = {}
        self._traces: dict[Path, Trace] = {}
        self._needed: dict[Path, set[str]] = defaultdict(set)
        self._lookups: dict[Lookup, None] = {}
        self._gaps: list[Gap] = []
        self._reads: dict[Path, set[Path]] = {}
        """What each leaf reads; what each container reads itself: only what uses it inside waits for that."""
        self._opens: dict[Path, set[Path]] = {}
        """Of each group whose shape does not follow from the template alone: what says it."""

    def compile(self) -> Tree:
        leaves, containers = self._expansion.leaves, self._expansion.containers
        probes = self._expansion.probes
        # Not chains: their members have types of their own, and so faults of their own.
        groups = {
            path for path, each in containers.items() if isinstance(each, Group) and each.type != CHAIN_TYPE
        }
        for leaf in (*leaves.values(), *probes.values()):
            self._faults.member = membership(leaf.path, groups)
            self._evaluate_leaf(leaf)
        for container in containers.values():
            self._faults.member = membership(container.path, groups)
            self._evaluate_container(container)
        for instance in self._instances():
            self._faults.member = membership(instance.path, groups)
            self._evaluate_outputs(instance)
            self._look_up_parameters(instance)
        self._faults.member = {}
        implied = Implied(leaves, self._properties)
        order = Ordering(leaves, containers, self._reads, self._opens, implied.needs, self._faults)
        circular = order.graph.find_circles(self._faults)
        crossable = Crossable(leaves, self._properties)
        for leaf in (*leaves.values(), *probes.values()):
            self._faults.member = membership(leaf.path, groups)
            find_crossings(leaf, self._properties[leaf.path], crossable, self._faults)
        self._faults.raise_any(WHAT, values=not self._draft)
        assert not circular
        return Tree(
            instances={instance.path: instance for instance in self._instances()},
            leaves=leaves,
            containers=containers,
            definitions={path: self._define(leaf) for path, leaf in leaves.items()},
            requires=order.graph.close(),
            needed={path: frozenset(names) for path, names in self._needed.items()},
            lookups=list(self._lookups),
            gaps=self._gaps,
            environment=self._environment,
            inputs=self._inputs,
            direct=order.direct(),
            inferred=implied.shown,
            is_secret=self._expansion.is_secret,
            sketched=self._expansion.sketched,
        )

    def _instances(self) -> Iterator[Instance]:
        yield self._root
        for container in self._expansion.containers.values():
            if isinstance(container, Nested):
                yield container.inner

    def _evaluate_leaf(self, leaf: Leaf) -> None:
        def evaluate() -> tuple[dict[str, Json], Json]:
            return self._shape(leaf), leaf.place.metadata(self._run)

        (properties, metadata), trace = self._run.traced(evaluate)
        self._properties[leaf.path] = properties
        self._metadata[leaf.path] = metadata
        self._traces[leaf.path] = trace
        self._reads[leaf.path] = reads_of(trace)
        self._note_reads(trace)
        self._check_policy(leaf.place, leaf.schema)
        check_snapshot(leaf.place, leaf.type, leaf.schema, self._faults)
        self._note_gaps(leaf)

    def _shape(self, leaf: Leaf) -> dict[str, Json]:
        """A leaf's properties. What is there already is only looked at, whatever is written beside it."""
        external, is_secret = leaf.place.external_id is not None, self._expansion.is_secret
        before = self._faults.noted
        run = Run(NothingYet()) if external else self._run
        coercion = Coercion(run.faults) if external else Coercion(self._faults, self._visit(leaf))
        shaped = shape(leaf.type, leaf.schema, leaf.given, run, coercion, is_secret)
        if not external and self._faults.noted == before:
            for message in self._checks(leaf, shaped):
                self._faults.add(leaf.given.at, message, value=True)
        return shaped

    def _checks(self, leaf: Leaf, shaped: dict[str, Json]) -> list[str]:
        rules = self._schemas.rules(leaf.type)
        return rules.check(shaped) if rules is not None else check_sizes(leaf.type, shaped)

    def _note_gaps(self, leaf: Leaf) -> None:
        """Note what is known and cannot be carried out."""
        standing = leaf.place
        supported = self._schemas.supported(leaf.type)
        if supported is None:
            self._gap(leaf.path, leaf.type, (standing.at, "type"))
            return
        if standing.external_id is not None:
            if what := external_gap(leaf, self._schemas):
                self._gap(leaf.path, what, external_at(leaf))
            else:
                self._lookups.setdefault(external_lookup(leaf))
            return
        self._note_unsupported(leaf, supported)
        rules = self._schemas.rules(leaf.type)
        for what in rules.gaps(self._properties[leaf.path]) if rules is not None else ():
            self._gap(leaf.path, f"{what} of {leaf.type}", leaf.given.at)
        if standing.deletion_policy == SNAPSHOT and rules is not None and not rules.saves:
            what = f"the deletion policy Snapshot of {leaf.type}"
            self._gap(leaf.path, what, (standing.at, "deletion_policy"))

    def _note_unsupported(self, node: Leaf | Group, supported: Collection[str]) -> None:
        for name in node.given.names(self._run):
            value = node.given.value(name, self._run)
            if name in node.schema.properties and name not in supported and value not in (None, OMITTED):
                self._gap(node.path, f"the property {name} of {node.type}", (node.given.at, name))

    def _gap(self, path: Path, what: str, at: At) -> None:
        self._gaps.append(Gap(path, what, spell(at)))

    def _check_policy(self, standing: Place, schema: TypeSchema) -> None:
        """Check what is said about updates, which only groups know something of."""
        policy = standing.update_policy(self._run)
        if isinstance(policy, dict) and policy:
            at = (standing.at, standing.scope.template.version.word("update_policy"))
            said = Coercion(self._faults).children(schema.update_policy, policy, (), at)
            for message in faults_of(said):
                self._faults.add(at, message, value=True)
            unknown = first_unknown(policy)
            if unknown is not None and unknown != FAULTY:
                self._faults.add(at, f"must be known beforehand, found {unknown}; use parameters", value=True)

    def _visit(self, leaf: Leaf) -> Visit:
        rename = renaming(leaf, self._placement)

        def visit(keys: Keys, constraints: tuple[Constraint, ...], value: Json, at: At) -> Json:
            value = rename(keys, constraints, value, at)
            for constraint in constraints:
                self._look_up(constraint, value, leaf.path, leaf.region, at)
            return value

        return visit

    def _look_up(self, constraint: Constraint, value: Json, path: Path, region: str, at: At) -> None:
        if constraint.is_lookup:
            for item in value if isinstance(value, list) else [value]:
                if isinstance(item, str) and item:
                    lookup = Lookup(path, Region(region), constraint.bound, item, spell(at))
                    self._lookups.setdefault(lookup)

    def _look_up_parameters(self, instance: Instance) -> None:
        """A parameter's value is looked up in the regions of the leaves that use it."""
        container = self._expansion.containers.get(instance.path)
        for name, schema in instance.template.parameters.items():
            asks = [c for c in schema.constraints if c.is_lookup] if schema else []
            if not asks:
                continue
            value = instance.parameter(name, self._run)
            used = {
                self._expansion.leaves[path].region
                for path, trace in self._traces.items()
                if (instance.path, name) in trace.parameters
            }
            at = (instance.section("parameters"), name)
            for region in sorted(used) or [container.place.region if container else self._expansion.region]:
                for constraint in asks:
                    here = self._placement.rename(region, constraint.bound, value)
                    self._look_up(constraint, here, Path(""), region, at)

    def _evaluate_container(self, container: Container) -> None:
        """Evaluate what no leaf inside may have asked for."""
        _, trace = self._run.traced(lambda: self._evaluate_given(container))
        self._reads[container.path] = reads_of(trace)
        if isinstance(container, Group) and container.members.open:
            _, trace = self._run.traced(lambda: self._evaluate_open(container))
            self._opens[container.path] = reads_of(trace)
            self._note_reads(trace)
        container.place.metadata(self._run)
        check_snapshot(container.place, container.place.text.type, None, self._faults)
        if container.place.external_id is not None:
            what = "external_id of a nested stack"
            self._gap(container.path, what, (container.place.at, "external_id"))
        if container.place.hooks:
            at = place("environment", "resource_registry", "resources", *container.path.split("/"), "hooks")
            self._gap(container.path, "hooks of a nested stack or group", at)

    def _evaluate_open(self, group: Group) -> None:
        """Evaluate what says which members a group has."""
        for name in group.members.open:
            group.given.value(name.partition(".")[0], self._run)

    def _evaluate_given(self, container: Container) -> None:
        if isinstance(container, Group):
            for name in container.given.names(self._run):
                container.given.value(name, self._run)
            for name in container.definition.names(self._run):
                container.definition.value(name, self._run)
            self._note_unsupported(container, self._schemas.supported(container.type) or ())
            self._check_policy(container.place, container.schema)
        else:
            schemas = container.inner.template.parameters
            for name in container.given.names(self._run):
                if name not in schemas:
                    known = ", ".join(sorted(schemas)) or "none at all"
                    message = (
                        f"the template {container.inner.template.file} has no such parameter; it has {known}"
                    )
                    self._faults.add((container.given.at, name), message)
                container.given.value(name, self._run)
            for name in schemas:
                container.inner.parameter(name, self._run)

    def _evaluate_outputs(self, instance: Instance) -> None:
        """Note what outputs read. What Heat would only find when asked for them is no fault yet."""
        run, outer = self._run, self._run.faults
        for name in instance.template.outputs:
            run.faults = Faults()
            _, trace = run.traced(partial(instance.output, name, run))
            outer.include(run.faults, late=False)
            self._note_reads(trace)
        run.faults = outer

    def _note_reads(self, trace: Trace) -> None:
        for path, name in trace.reads:
            self._needed[path].add(name)

    def _define(self, leaf: Leaf) -> Definition:
        standing, metadata = leaf.place, self._metadata[leaf.path]
        return Definition(
            path=leaf.path,
            name=standing.name,
            type=leaf.type,
            region=Region(leaf.region),
            declared_type=standing.text.type,
            deletion_policy=standing.deletion_policy,
            metadata=metadata if isinstance(metadata, dict) else {},
            description=standing.text.description,
            container=standing.parent.path if standing.parent else Path(""),
            external_id=standing.external_id,
            hooks=standing.hooks,
            restricted=standing.restricted,
        )
