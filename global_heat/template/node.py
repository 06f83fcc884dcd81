"""The nodes of a tree: leaves, nested stacks, groups, and those that are not there."""

from __future__ import annotations

from global_heat.model.names import Path
from global_heat.model.schema import TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.template.evaluation import Evaluation, Run
from global_heat.template.given import Given
from global_heat.template.instance import Instance, Node, Title
from global_heat.template.location import At, Wrong
from global_heat.template.members import Members
from global_heat.template.outline import ResourceText
from global_heat.template.values import FAULTY, OMITTED, describe, walk

NONE_TYPE = "OS::Heat::None"
_ANY_ATTRIBUTE = frozenset(
    {
        NONE_TYPE,
        "OS::Heat::SoftwareDeployment",
        "OS::Heat::SoftwareDeploymentGroup",
        "OS::Heat::StructuredDeployment",
        "OS::Heat::StructuredDeploymentGroup",
    }
)
"""Types whose attributes depend on what they are given."""


def takes_anything(type: str, schema: TypeSchema) -> bool:
    """Whether a type has no properties of its own and refuses none: it does nothing, or is long gone."""
    return type == NONE_TYPE or (not schema.properties and schema.support.get("status") == "HIDDEN")


class Place:
    """What every node has: where it stands in the tree and in the text, and what it waits for."""

    def __init__(
        self,
        path: Path,
        name: str,
        at: At,
        text: ResourceText,
        scope: Instance,
        region: str,
        region_at: At,
        deletion_policy: str = "Delete",
        parent: Container | None = None,
        after: tuple[Path, ...] = (),
        hooks: tuple[str, ...] = (),
        restricted: tuple[str, ...] = (),
        external_id: Json = None,
    ) -> None:
        self.path = path
        self.name = name
        self.at = at
        """Where its definition stands: for a group's member, that of the group."""
        self.text = text
        self.scope = scope
        self.region = region
        self.region_at = region_at
        """What says so."""
        self.deletion_policy = deletion_policy
        self.parent = parent
        """The nested stack or group that it is in."""
        self.after = after
        """Members of the same chain that come before it."""
        self.hooks = hooks
        self.restricted = restricted
        """Actions that the environment forbids: update, replace."""
        self.external_id = external_id
        """Of a thing that is there already; null: it is ours to make."""

    def metadata(self, run: Run) -> Json:
        def resolve() -> Json:
            at = (self.at, self.scope.template.version.word("metadata"))
            return Evaluation(self.scope, run).resolve(self.text.metadata, at)

        return run.memoized((self.path, "metadata"), resolve)

    def update_policy(self, run: Run) -> Json:
        """What its functions read is no reason to wait for it."""

        def resolve() -> Json:
            at = (self.at, self.scope.template.version.word("update_policy"))
            return Evaluation(self.scope, run).resolve(self.text.update_policy, at)

        value, _ = run.traced(lambda: run.memoized((self.path, "update_policy"), resolve))
        return value


class Leaf:
    """A resource that a step makes."""

    exists = True

    def __init__(self, place: Place, type: str, schema: TypeSchema, given: Given) -> None:
        self.place = place
        self.path = place.path
        self.region = place.region
        self.type = type
        self.schema = schema
        self.given = given

    def reference(self, run: Run) -> Json:
        run.trace.reads.add((self.path, ""))
        return run.view.reference(self.path)

    def attribute(self, keys: list[Json], run: Run) -> Json:
        name, *path = keys
        if not isinstance(name, str):
            raise Wrong(f"expected an attribute's name, found {describe(name)}")
        if not self._has(name):
            known = ", ".join(sorted(self.schema.attributes)) or "none at all"
            raise Wrong(f"{self.type} has no attribute {name}; it has {known}")
        run.trace.reads.add((self.path, name))
        found = walk(run.view.attribute(self.path, name), path, text_indexes=False)
        return None if found is OMITTED else found

    def attributes(self, run: Run) -> Json:
        """All of them; null for what is not there."""
        if self.reference(run) is None:
            return None
        return {name: self.attribute([name], run) for name in self.schema.attributes}

    def _has(self, name: str) -> bool:
        return (
            takes_anything(self.type, self.schema)
            or name in self.schema.attributes
            or name in self.schema.base_attributes
            or self.type in _ANY_ATTRIBUTE
        )


class Nested:
    """A resource that a template stands for."""

    exists = True

    def __init__(self, place: Place, inner: Instance, given: Given) -> None:
        self.place = place
        self.path = place.path
        self.inner = inner
        self.given = given

    @property
    def nodes(self) -> dict[str, Node]:
        return self.inner.nodes

    @property
    def title(self) -> Title:
        return self.inner.title

    def reference(self, run: Run) -> Json:
        run.trace.awaited.add(self.path)
        if "OS::stack_id" in self.inner.template.outputs:
            return self.inner.output("OS::stack_id", run)
        return self.title.arn

    def attribute(self, keys: list[Json], run: Run) -> Json:
        name, *path = keys
        run.trace.awaited.add(self.path)
        if not isinstance(name, str):
            raise Wrong(f"expected an output's name, found {describe(name)}")
        if name in self.inner.template.outputs:
            found = walk(self.inner.output(name, run), path, text_indexes=False)
            return None if found is OMITTED else found
        if name.startswith("resource."):
            return _inside(self.nodes, [name, *path], run)
        known = ", ".join(sorted(self.inner.template.outputs)) or "none at all"
        raise Wrong(f"the nested template has no output {name}; it has {known}", late=True)

    def attributes(self, run: Run) -> Json:
        return {name: self.attribute([name], run) for name in self.inner.template.outputs}


class Group:
    """A ResourceGroup or a ResourceChain: the same definition several times."""

    exists = True

    def __init__(
        self, place: Place, title: Title, type: str, schema: TypeSchema, given: Given, definition: Given
    ) -> None:
        self.place = place
        self.path = place.path
        self.title = title
        self.type = type
        self.schema = schema
        self.given = given
        self.definition = definition
        """The properties of each member."""
        self.nodes: dict[str, Node] = {}
        self.members = Members({}, definition)
        """As they were found, once they were."""

    def reference(self, run: Run) -> Json:
        run.trace.awaited.add(self.path)
        return self.title.arn

    def attribute(self, keys: list[Json], run: Run) -> Json:
        name, *path = keys
        run.trace.awaited.add(self.path)
        if not isinstance(name, str):
            raise Wrong(f"expected an attribute's name, found {describe(name)}")
        if self.members.shape is None:
            return Unknown(f"{self.path}.{name}")
        return self.answer(name, path, run)

    def answer(self, name: str, path: list[Json], run: Run) -> Json:
        """`refs`, `refs_map`, `removed_rsrc_list`, `resource.N`, `attributes`; else a list, one a member."""
        match name:
            case "refs":
                found = walk([node.reference(run) for node in self.nodes.values()], path, text_indexes=False)
            case "refs_map" if name in self.schema.attributes:
                refs = {name: node.reference(run) for name, node in self.nodes.items()}
                found = walk(refs, path, text_indexes=False)
            case "removed_rsrc_list" if name in self.schema.attributes:
                found = walk(list(self.members.removed), path, text_indexes=False)
            case "attributes":
                if not path:
                    raise Wrong("expected the name of the members' attribute after attributes")
                return {name: self.of(node, path, run) for name, node in self.nodes.items()}
            case _ if name.startswith("resource."):
                return self.inside([name, *path], run)
            case _:
                return [self.of(node, [name, *path], run) for node in self.nodes.values()]
        return None if found is OMITTED else found

    def of(self, member: Node, keys: list[Json], run: Run) -> Json:
        """A member's attribute; what members have is no matter of the form of the template around them."""
        try:
            return member.attribute(keys, run)
        except Wrong as wrong:
            raise Wrong(wrong.message, late=wrong.late, value=True) from None

    def inside(self, keys: list[Json], run: Run) -> Json:
        return _inside(self.nodes, keys, run)

    def attributes(self, run: Run) -> Json:
        names = [name for name in ("refs", "refs_map", "removed_rsrc_list") if name in self.schema.attributes]
        return {name: self.attribute([name], run) for name in names}


Container = Nested | Group


def _inside(nodes: dict[str, Node], keys: list[Json], run: Run) -> Json:
    """`resource.NAME` is a member's reference; with more keys, or `resource.NAME.KEY`, its attribute."""
    _, name, *rest = keys[0].split(".", 2)
    keys = [*rest, *keys[1:]]
    if name not in nodes:
        raise Wrong(f"there is no resource {name} inside; there are {', '.join(nodes) or 'none'}", late=True)
    return nodes[name].attribute(keys, run) if keys else nodes[name].reference(run)


class Disabled:
    """A resource whose condition is false."""

    exists = False

    def __init__(self, name: str) -> None:
        self._name = name

    def reference(self, run: Run) -> Json:
        raise self._wrong(late=True)

    def attribute(self, keys: list[Json], run: Run) -> Json:
        raise self._wrong(late=False)

    def attributes(self, run: Run) -> Json:
        raise self._wrong(late=False)

    def _wrong(self, *, late: bool) -> Wrong:
        return Wrong(f"the resource {self._name} is not there: its condition is false", late=late)


class Broken:
    """A resource with a fault that is noted; nothing more is said about it."""

    exists = True

    def reference(self, run: Run) -> Json:
        return FAULTY

    def attribute(self, keys: list[Json], run: Run) -> Json:
        return FAULTY

    def attributes(self, run: Run) -> Json:
        return {"show": FAULTY}
