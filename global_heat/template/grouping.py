"""Groups and chains: which members there are, and what each of them is given."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping

import msgspec

from global_heat.model.schema import TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.template.deploying import DEPLOYMENTS, SERVERS
from global_heat.template.evaluation import Run, Trace
from global_heat.template.given import Given, Part, Written
from global_heat.template.instance import Instance, Title
from global_heat.template.launching import INSTANCE_TYPE, Launched, launched_metadata
from global_heat.template.location import At, Faults
from global_heat.template.members import Members
from global_heat.template.outline import ResourceText
from global_heat.template.scaling import ASG_TYPE, SCALING, digest_of, names_of, size_of
from global_heat.template.shapes import CHAIN_TYPE, GROUP_TYPE, open_parts, put, shape_of
from global_heat.template.sizes import check_sizes
from global_heat.template.source import GroupPast
from global_heat.template.values import FAULTY, describe

MEMBERS_MAX = 10_000
_PROPERTIES = {
    GROUP_TYPE: ("resource_def", "properties"),
    CHAIN_TYPE: ("resource_properties",),
    ASG_TYPE: ("resource", "properties"),
}
"""Where the properties of the members stand."""
_OF_A_MEMBER = frozenset(
    {"type", "properties", "metadata", "deletion_policy", "update_policy", "description"}
)
_KEYS_SAID = ", ".join(sorted(_OF_A_MEMBER))


class Grouping:
    """Reads what shapes a group or a chain."""

    def __init__(
        self,
        type: str,
        schema: TypeSchema,
        given: Given,
        run: Run,
        faults: Faults,
        is_secret: Callable[[Trace], bool],
        past: GroupPast | None,
        scope: Instance,
        title: Title,
    ) -> None:
        self._type = type
        self._schema = schema
        self._given = given
        self._run = run
        self._faults = faults
        self._is_secret = is_secret
        self._past = past
        self._scope = scope
        self._title = title

    def read(self) -> Members | None:
        """None, with the faults noted, when it is not known which members there are."""
        before = self._faults.noted
        shaped = shape_of(self._type, self._schema, self._given, self._run, self._is_secret)
        if self._type == GROUP_TYPE and "resource_def" not in shaped:
            self._faults.add(self._given.at, "the property resource_def is required and missing; add it")
        if self._faults.noted > before:
            return None
        open = open_parts(self._type, shaped)
        found = self._past.shape if self._past is not None else None
        if open and (found is None or not found.keys() >= set(open)):
            return self._nobody_yet(shaped, open)
        shape = {name: found[name] for name in open} if found is not None else {}
        members = self._members(put(shaped, shape))
        if members is None or self._faults.noted > before:
            return None
        return msgspec.structs.replace(members, open=open, shape=shape)

    def _nobody_yet(self, shaped: Mapping[str, Json], open: tuple[str, ...]) -> Members:
        definition = shaped.get("resource" if self._type == ASG_TYPE else "resource_def")
        variable = shaped.get("index_var")
        type = definition.get("type") if isinstance(definition, dict) else DEPLOYMENTS.get(self._type)
        return Members(
            types={},
            definition=self._definition(),
            servers=self._type in DEPLOYMENTS,
            index_var=variable if isinstance(variable, str) else "",
            open=open,
            shape=None,
            probe=type if isinstance(type, str) else "",
        )

    def _members(self, shaped: Mapping[str, Json]) -> Members | None:
        if self._type in SCALING:
            return self._scaling(shaped)
        if self._type in DEPLOYMENTS:
            return self._deployments(shaped)
        return self._group(shaped) if self._type == GROUP_TYPE else self._chain(shaped)

    def _group(self, shaped: Mapping[str, Json]) -> Members | None:
        definition = shaped.get("resource_def")
        self._expect_known(definition, (self._given.at, "resource_def"))
        if isinstance(definition, dict):
            self._expect_known(definition.get("metadata"), ((self._given.at, "resource_def"), "metadata"))
        count = shaped.get("count")
        if not isinstance(definition, dict) or definition.get("type") == FAULTY:
            return None
        if count == FAULTY:
            count = 0
        if not isinstance(count, int) or count < 0:
            return None
        if count > MEMBERS_MAX:
            self._faults.add((self._given.at, "count"), f"expected at most {MEMBERS_MAX}, found {count}")
            return None
        removed = self._removed(shaped)
        type = definition.get("type")
        if not isinstance(type, str):
            return None
        return Members(
            types=dict.fromkeys(_free_names(count, removed), type),
            definition=self._definition(),
            index_var=shaped["index_var"],
            text=ResourceText("", metadata=definition.get("metadata") or {}),
            removed=tuple(sorted(removed)),
            sketch="" if count else type,
        )

    def _removed(self, shaped: Mapping[str, Json]) -> set[str]:
        """The names that no member gets: those of before, and what the removal policies name now.

        A policy names a member by its name or by its reference; once the group exists, what names none of
        its members is passed over.
        """
        listed = [item for policy in shaped["removal_policies"] for item in policy["resource_list"] or []]
        if self._past is None:
            return {str(item) for item in listed}
        named = {name: name for name in (*self._past.removed, *self._past.members)}
        named |= {str(ref): name for name, ref in self._past.members.items() if ref is not None}
        now = {named[str(item)] for item in listed if str(item) in named}
        return now if shaped.get("removal_policies_mode") == "update" else now | set(self._past.removed)

    def _chain(self, shaped: Mapping[str, Json]) -> Members | None:
        types = shaped.get("resources")
        if not isinstance(types, list):
            return None
        for index, type in enumerate(types):
            if not isinstance(type, str):
                at = ((self._given.at, "resources"), index)
                self._faults.add(at, "expected the name of a resource type")
        return Members(
            types={str(index): str(type) for index, type in enumerate(types)},
            definition=self._definition(),
            in_turn=shaped.get("concurrent") is not True,
        )

    def _deployments(self, shaped: Mapping[str, Json]) -> Members | None:
        servers = shaped.get(SERVERS)
        if not isinstance(servers, dict):
            return None
        type = DEPLOYMENTS[self._type]
        return Members(types=dict.fromkeys(servers, type), definition=self._definition(), servers=True)

    def _scaling(self, shaped: Mapping[str, Json]) -> Members | None:
        before = self._faults.noted
        text = self._member_text(shaped) if self._type == ASG_TYPE else self._instance_text()
        for message in check_sizes(self._type, shaped):
            self._faults.add(self._given.at, message, value=True)
        if text is None or self._faults.noted > before:
            return None
        digest = digest_of(shaped)
        size = size_of(SCALING[self._type], shaped, self._past, digest)
        if size > MEMBERS_MAX:
            self._faults.add(self._given.at, f"expected at most {MEMBERS_MAX} members, found {size}")
            return None
        past = self._past or GroupPast()
        names, named = names_of(size, past, self._title.id)
        return Members(
            types=dict.fromkeys(names, text.type),
            definition=self._definition(),
            text=text,
            named=named,
            digest=digest,
            scaled_at=past.scaled_at,
            scaled_by=past.scaled_by,
            probe="" if names else text.type,
        )

    def _instance_text(self) -> ResourceText:
        return ResourceText(INSTANCE_TYPE, metadata=launched_metadata(self._scope, self._given))

    def _member_text(self, shaped: Mapping[str, Json]) -> ResourceText | None:
        """What a group says of its members, as if each of them stood in the template."""
        definition, at = shaped.get("resource"), (self._given.at, "resource")
        self._expect_known(definition, at)
        if not isinstance(definition, dict):
            return None
        for key in definition.keys() - _OF_A_MEMBER:
            self._faults.add((at, str(key)), f"is no key of a member; expected one of {_KEYS_SAID}")
        type = definition.get("type")
        if not isinstance(type, str):
            self._faults.add((at, "type"), f"expected the name of a resource type, found {describe(type)}")
            return None
        maps = {key: definition.get(key) or {} for key in ("metadata", "update_policy")}
        for key, value in maps.items():
            if not isinstance(value, dict):
                self._faults.add((at, key), f"expected a map, found {describe(value)}")
        return ResourceText(
            type,
            metadata=maps["metadata"],
            update_policy=maps["update_policy"],
            deletion_policy=definition.get("deletion_policy", "Delete"),
            description=str(definition.get("description") or ""),
        )

    def _definition(self) -> Given:
        """The properties that each member is given, as they are written where that is possible."""
        if self._type in DEPLOYMENTS:
            return self._given
        if self._type in SCALING and self._type != ASG_TYPE:
            return Launched(self._scope, self._given, self._title, self._type)
        names = _PROPERTIES[self._type]
        written = self._given.within(*names) if isinstance(self._given, Written) else None
        return written or Part(self._given, *names)

    def _expect_known(self, value: Json, at: At) -> None:
        if isinstance(value, Unknown) and value != FAULTY:
            self._faults.add(at, f"must be known beforehand, found {value}; use a parameter")


def _free_names(count: int, removed: Collection[str]) -> list[str]:
    """The smallest numbers that are not taken out."""
    free = (str(number) for number in itertools.count() if str(number) not in removed)
    return list(itertools.islice(free, count))
