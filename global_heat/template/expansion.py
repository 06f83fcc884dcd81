"""From a source to the nodes of its tree: conditions, types, regions, nested templates, groups."""

from __future__ import annotations

import hashlib
from collections.abc import Collection

import msgspec

from global_heat.model.errors import Fault, Invalid
from global_heat.model.names import Path
from global_heat.model.schema import Schemas, TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.template.arguments import argument_of_nested, argument_of_root
from global_heat.template.builtin import BUILTIN_FILES
from global_heat.template.deploying import DEPLOYMENTS, SERVERS, DeploymentGroup, ForServer
from global_heat.template.environment import Environment
from global_heat.template.evaluation import Evaluation, Run, Trace
from global_heat.template.evaluator import Evaluator
from global_heat.template.given import Given, Indexed, Written, must_be_known
from global_heat.template.grouping import Grouping
from global_heat.template.instance import Facade, Instance, Node, Title
from global_heat.template.location import At, Faults, Wrong, place, spell
from global_heat.template.members import Members
from global_heat.template.node import Broken, Container, Disabled, Group, Leaf, Nested, Place
from global_heat.template.outline import ResourceText, Template, read_template
from global_heat.template.registry import Registry, Target
from global_heat.template.scaling import ASG_TYPE, SCALING, ScalingGroup
from global_heat.template.shapes import CHAIN_TYPE, GROUP_TYPE
from global_heat.template.source import Identity, Source, file_name
from global_heat.template.values import FAULTY, describe
from global_heat.template.versions import CONDITIONS_SINCE
from global_heat.template.view import NothingYet

_KINDS = dict.fromkeys(DEPLOYMENTS, DeploymentGroup) | dict.fromkeys(SCALING, ScalingGroup)
_WITHIN = {GROUP_TYPE: "resource_def", CHAIN_TYPE: "resources", ASG_TYPE: "resource"} | dict.fromkeys(
    SCALING.keys() - {ASG_TYPE}, "LaunchConfigurationName"
)
"""The property in which the members of a group are described."""


class Limits(msgspec.Struct, frozen=True):
    """Of the whole tree."""

    depth_max: int = 5
    """Nested stacks in nested stacks, a group counting as one."""
    resources_max: int = 10_000


class _Around(msgspec.Struct, frozen=True):
    """What surrounds a resource that is being built."""

    scope: Instance
    region: str
    region_at: At
    registry: Registry
    title: Title
    depth: int = 0
    parent: Container | None = None


class Expansion:
    """Builds a tree once. What it evaluates, it evaluates before anything exists."""

    def __init__(
        self,
        source: Source,
        identity: Identity,
        environment: Environment,
        schemas: Schemas,
        regions: Collection[str] | None,
        faults: Faults,
        evaluator: Evaluator,
        limits: Limits,
        draft: bool = False,
    ) -> None:
        self.leaves: dict[Path, Leaf] = {}
        self.containers: dict[Path, Container] = {}
        self.probes: dict[Path, Leaf] = {}
        """What members of groups would be whose number is not known yet: only looked at."""
        self.sketched: dict[Path, Container] = {}
        """The nested stacks and groups among them, in a draft also of groups of none: only shown."""
        self.region = identity.default_region
        """Of what is placed nowhere else."""
        self._hidden: set[tuple[Path, str]] = set()
        """Hidden parameters, by the place of their template and their name."""
        self._source = source
        self._identity = identity
        self._environment = environment
        self._schemas = schemas
        self._regions = regions
        self._faults = faults
        self._evaluator = evaluator
        self._limits = limits
        self._draft = draft
        self._run = Run(NothingYet(), faults)
        self._templates: dict[str, Template | None] = {}
        self._nodes = 0

    def build(self) -> Instance | None:
        """Build the root; None, with the faults noted, when its template cannot be gone on with."""
        template = read_template(self._source.template, "", self._faults, self._evaluator)
        if template is None:
            return None
        identity, placement = self._identity, self._environment.placement
        title = Title(identity.stack_name, identity.stack_id, identity.project)
        argument = argument_of_root(template, self._source, self._environment, self._faults)
        root = Instance(Path(""), None, template, title, self._source.files, argument, self._evaluator)
        region = placement.default or identity.default_region
        region_at = place("environment", "regions", "default") if placement.default else place("region")
        self.region = region
        self._build_nodes(_Around(root, region, region_at, self._environment.registry, title), root.nodes)
        return root

    def is_secret(self, trace: Trace) -> bool:
        """Whether a value made of these may not be repeated: attributes may be passwords."""
        return bool(trace.reads) or not trace.parameters.isdisjoint(self._hidden)

    def _build_nodes(self, around: _Around, nodes: dict[str, Node]) -> None:
        scope = around.scope
        schemas = scope.template.parameters
        self._hidden |= {(scope.path, name) for name, schema in schemas.items() if schema and schema.hidden}
        apart = Run(NothingYet())
        apart.asks = False
        for name in scope.template.conditions:
            scope.condition(name, apart)
        # What only a condition's value shows is a fault for who asks for it.
        self._faults.include(apart.faults, late=False)
        for name, text in scope.template.resources.items():
            at = (scope.section("resources"), name)
            nodes[name] = Broken() if text is None else self._build_resource(name, text, at, around)

    def _build_resource(self, name: str, text: ResourceText, at: At, around: _Around) -> Node:
        word = around.scope.template.version.word
        holds = around.scope.holds(text.condition, self._run, (at, word("condition")))
        if holds is not True:
            return Broken() if holds == FAULTY else Disabled(name)
        path = Path(f"{around.scope.path}/{name}" if around.scope.path else name)
        given = Written(around.scope, text.properties, (at, word("properties")), path)
        return self._build_node(path, name, text, at, given, around)

    def _build_node(
        self,
        path: Path,
        name: str,
        text: ResourceText,
        at: At,
        given: Given,
        around: _Around,
        after: tuple[Path, ...] = (),
    ) -> Node:
        self._count(at)
        word = around.scope.template.version.word
        try:
            target = around.registry.find(text.type, name, lambda name: self._schemas.get(name) is not None)
        except Wrong as wrong:
            self._faults.add((at, word("type")), wrong.message)
            return Broken()
        if target is None:
            self._faults.add((at, word("type")), self._unknown_type(text.type))
            return Broken()
        region, region_at = self._region(path, text, at, around)
        policy = self._deletion_policy(text, at, around.scope)
        standing = Place(
            path,
            name,
            at,
            text,
            around.scope,
            region,
            region_at,
            policy,
            around.parent,
            after,
            around.registry.setting("hooks", name),
            around.registry.setting("restricted_actions", name),
            self._external_id(text, at, around.scope),
        )
        if target.is_file:
            return self._build_nested(standing, target, given, around)
        schema = self._schemas.get(target.name)
        assert schema is not None, target
        if target.name in (GROUP_TYPE, CHAIN_TYPE, *DEPLOYMENTS, *SCALING) and text.external_id is None:
            return self._build_group(standing, target.name, schema, given, around)
        leaf = Leaf(standing, target.name, schema, given)
        self.leaves[path] = leaf
        return leaf

    def _look_at(self, group: Path, type: str, at: At, given: Given, below: _Around) -> dict[Path, Leaf]:
        """Build a member that is not there; its leaves."""
        leaves, containers = self.leaves, self.containers
        self.leaves, self.containers = {}, {}
        try:
            self._build_node(Path(f"{group}/0"), "0", ResourceText(type=type), at, given, below)
            return self.leaves
        finally:
            self.sketched |= self.containers
            self.leaves, self.containers = leaves, containers

    def _sketch(self, group: Path, type: str, at: At, given: Given, below: _Around) -> None:
        """Build a member that is not there only to be shown: its faults are nobody's."""
        faults, run, templates = self._faults, self._run, self._templates
        self._faults, self._templates = Faults(), dict(templates)
        self._run = Run(NothingYet(), self._faults)
        try:
            self._look_at(group, type, at, given, below)
        finally:
            self._faults, self._run, self._templates = faults, run, templates

    def _unknown_type(self, name: str) -> str:
        message = f'the resource type "{name}" is not known'
        near = [known for known in self._schemas.names() if known.lower() == name.lower()]
        return f"{message}; did you mean {near[0]}?" if near else f"{message}; map it in resource_registry"

    def _count(self, at: At) -> None:
        self._nodes += 1
        most = self._limits.resources_max
        if self._nodes > most:
            message = f"The stack has more than {most} resources"
            raise Invalid(message, Fault(spell(at), f"is more than {most} resources; split the stack"))

    def _region(self, path: Path, text: ResourceText, at: At, around: _Around) -> tuple[str, At]:
        """The one rule: the resource's own region, else the environment's, else that of what encloses it."""
        placed = self._environment.placement.find(path)
        if text.region is not None:
            region_at: At = (at, "region")
            region = self._known(
                Evaluation(around.scope, self._run).resolve(text.region, region_at), region_at
            )
        elif placed is not None:
            region, glob = placed
            region_at = place("environment", "regions", "resources", glob)
        else:
            region, region_at = around.region, around.region_at
        if region == FAULTY:
            return around.region, around.region_at
        if not isinstance(region, str) or not region:
            self._faults.add(region_at, f"expected a region's name, found {describe(region)}")
            return around.region, around.region_at
        if self._regions is not None and region not in self._regions:
            known = ", ".join(sorted(self._regions)) or "none at all"
            self._faults.add(region_at, f'there is no region "{region}"; there are {known}')
        return region, region_at

    def _known(self, value: Json, at: At) -> Json:
        try:
            return must_be_known(value, "this")
        except Wrong as wrong:
            self._faults.add(at, wrong.message)
            return FAULTY

    def _deletion_policy(self, text: ResourceText, at: At, scope: Instance) -> str:
        at = (at, scope.template.version.word("deletion_policy"))
        written = self._known(Evaluation(scope, self._run).resolve(text.deletion_policy, at), at)
        policies = {policy: policy for policy in ("Delete", "Retain", "Snapshot")}
        if scope.template.version.has(CONDITIONS_SINCE):
            policies |= {policy.lower(): policy for policy in policies}
        policy = policies.get(written) if isinstance(written, str) else None
        if policy is None and written != FAULTY and isinstance(text.deletion_policy, str | dict):
            self._faults.add(at, f"expected Delete, Retain or Snapshot, found {describe(written)}")
        return "Retain" if text.external_id is not None else policy or "Delete"

    def _external_id(self, text: ResourceText, at: At, scope: Instance) -> Json:
        """What it reads is no reason to wait for it."""
        if text.external_id is None:
            return None
        at = (at, "external_id")
        written = Evaluation(scope, self._run).resolve(text.external_id, at)
        if not isinstance(written, str | Unknown) or not written:
            self._faults.add(at, f"expected the id of a thing, found {describe(written)}")
        return written

    def _title(self, standing: Place, around: _Around) -> Title:
        """A nested stack's name and id follow from the root's id and the path alone."""
        digest = hashlib.sha256(f"{self._identity.stack_id}/{standing.path}".encode()).hexdigest()
        id = f"{digest[:8]}-{digest[8:12]}-8{digest[13:16]}-a{digest[17:20]}-{digest[20:32]}"
        name = f"{around.title.name}-{standing.name}-{digest[32:44]}"
        return Title(name, id, self._identity.project)

    def _is_too_deep(self, standing: Place, around: _Around) -> bool:
        most = self._limits.depth_max
        if around.depth >= most:
            self._faults.add(standing.at, f"is nested more than {most} stacks deep; does it nest itself?")
        return around.depth >= most

    def _build_nested(self, standing: Place, target: Target, given: Given, around: _Around) -> Node:
        template = self._template(target.name, (standing.at, "type"))
        if template is None or self._is_too_deep(standing, around):
            return Broken()
        argument = argument_of_nested(given, self._environment.defaults, self.is_secret)
        title = self._title(standing, around)
        at = (standing.at, f"<{target.name}>")
        inner = Instance(standing.path, at, template, title, self._source.files, argument, self._evaluator)
        inner.facade_of = Facade(standing.deletion_policy, standing.metadata, standing.update_policy)
        nested = Nested(standing, inner, given)
        self.containers[standing.path] = nested
        below = _Around(
            scope=inner,
            region=standing.region,
            region_at=standing.region_at,
            registry=around.registry.inside(standing.name, target.through),
            title=title,
            depth=around.depth + 1,
            parent=nested,
        )
        self._build_nodes(below, inner.nodes)
        return nested

    def _template(self, file: str, at: At) -> Template | None:
        name = file_name(file, self._source.files)
        text = BUILTIN_FILES.get(file) if name is None else self._source.files[name]
        if text is None:
            self._faults.add(at, f'there is no file "{file}" among those handed over; send it along')
            return None
        if file not in self._templates:
            self._templates[file] = read_template(text, name or file, self._faults, self._evaluator)
        return self._templates[file]

    def _build_group(
        self, standing: Place, type: str, schema: TypeSchema, given: Given, around: _Around
    ) -> Node:
        past, title = self._source.groups.get(standing.path), self._title(standing, around)
        grouping = Grouping(
            type, schema, given, self._run, self._faults, self.is_secret, past, around.scope, title
        )
        members = grouping.read()
        definition = members.definition if members else given
        group = _KINDS.get(type, Group)(standing, title, type, schema, given, definition)
        self.containers[standing.path] = group
        if members is None or self._is_too_deep(standing, around):
            return Broken()
        group.members = members
        below = _Around(
            scope=around.scope,
            region=standing.region,
            region_at=standing.region_at,
            registry=around.registry.inside(standing.name),
            title=title,
            depth=around.depth + 1,
            parent=group,
        )
        at: At = (given.at, _WITHIN.get(type, SERVERS))
        self._build_members(standing.path, members, at, group, below)
        if members.probe:
            member = _given_to("0", members)
            self.probes |= self._look_at(standing.path, members.probe, at, member, below)
        elif members.sketch and self._draft:
            self._sketch(standing.path, members.sketch, at, _given_to("0", members), below)
        return group

    def _build_members(self, of: Path, members: Members, at: At, group: Group, below: _Around) -> None:
        before: tuple[Path, ...] = ()
        around = self._faults.member
        for name, type in members.types.items():
            path = Path(f"{of}/{name}")
            self._faults.member = {**around, of: name} if group.type != CHAIN_TYPE else around
            given = _given_to(name, members)
            text = msgspec.structs.replace(members.text, type=type)
            group.nodes[name] = self._build_node(path, name, text, at, given, below, before)
            before = (path,) if members.in_turn else ()
        self._faults.member = around


def _given_to(name: str, members: Members) -> Given:
    """The properties of one member."""
    if members.servers:
        return ForServer(members.definition, name)
    return Indexed(members.definition, members.index_var, name) if members.index_var else members.definition
