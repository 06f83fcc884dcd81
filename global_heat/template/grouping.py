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
from global_heat.template.location import At, Faults
from global_heat.template.property import Coercion
from global_heat.template.shaping import shape
from global_heat.template.source import GroupPast
from global_heat.template.values import FAULTY, first_unknown

GROUP_TYPE = "OS::Heat::ResourceGroup"
CHAIN_TYPE = "OS::Heat::ResourceChain"
MEMBERS_MAX = 10_000


class Members(msgspec.Struct, frozen=True):
    types: Mapping[str, str]
    """Each member's name and type, in order."""
    definition: Given
    """The properties that each is given."""
    servers: bool = False
    """Whether each has a server of its own, out of the group's map."""
    index_var: str = ""
    """Stands for the member's name in them; empty: nothing does."""
    metadata: dict[str, Json] = {}
    in_turn: bool = False
    """Whether each waits for the one before it."""
    removed: list[str] = []
    """The names that are taken out for good."""


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
    ) -> None:
        self._type = type
        self._schema = schema
        self._given = given
        self._run = run
        self._faults = faults
        self._is_secret = is_secret
        self._past = past

    def read(self) -> Members | None:
        """None, with the faults noted, when it is not known which members there are."""
        before = len(self._faults)
        coercion = Coercion(self._faults)
        shaped = shape(self._type, self._schema, self._given, self._run, coercion, self._is_secret)
        if self._type == GROUP_TYPE and "resource_def" not in shaped:
            self._faults.add(self._given.at, "the property resource_def is required and missing; add it")
        if len(self._faults) > before:
            return None
        if self._type in DEPLOYMENTS:
            members = self._deployments(shaped)
        else:
            members = self._group(shaped) if self._type == GROUP_TYPE else self._chain(shaped)
        return members if len(self._faults) == before else None

    def _group(self, shaped: Mapping[str, Json]) -> Members | None:
        definition = shaped.get("resource_def")
        for name in ("count", "index_var", "removal_policies", "removal_policies_mode", "resource_def"):
            self._expect_known(shaped.get(name), (self._given.at, name), deep=name == "removal_policies")
        if isinstance(definition, dict):
            for name in ("type", "metadata"):
                self._expect_known(definition.get(name), ((self._given.at, "resource_def"), name))
        count = shaped.get("count")
        if not isinstance(count, int) or not isinstance(definition, dict) or definition.get("type") == FAULTY:
            return None
        if count < 0:
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
            definition=self._inside("resource_def", "properties"),
            index_var=shaped["index_var"],
            metadata=definition.get("metadata") or {},
            removed=sorted(removed),
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
        types, concurrent = shaped.get("resources"), shaped.get("concurrent")
        self._expect_known(types, (self._given.at, "resources"), deep=True)
        self._expect_known(concurrent, (self._given.at, "concurrent"))
        if not isinstance(types, list) or first_unknown(types) is not None:
            return None
        for index, type in enumerate(types):
            if not isinstance(type, str):
                at = ((self._given.at, "resources"), index)
                self._faults.add(at, "expected the name of a resource type")
        return Members(
            types={str(index): str(type) for index, type in enumerate(types)},
            definition=self._inside("resource_properties"),
            in_turn=concurrent is not True,
        )

    def _deployments(self, shaped: Mapping[str, Json]) -> Members | None:
        servers = shaped.get(SERVERS)
        self._expect_known(servers, (self._given.at, SERVERS))
        if not isinstance(servers, dict):
            return None
        type = DEPLOYMENTS[self._type]
        return Members(types=dict.fromkeys(servers, type), definition=self._given, servers=True)

    def _inside(self, *names: str) -> Given:
        """A map among the properties, as it is written where that is possible."""
        written = self._given.within(*names) if isinstance(self._given, Written) else None
        return written or Part(self._given, *names)

    def _expect_known(self, value: Json, at: At, *, deep: bool = False) -> None:
        unknown = first_unknown(value) if deep else value if isinstance(value, Unknown) else None
        if unknown is not None and unknown != FAULTY:
            self._faults.add(
                at,
                f"must be known beforehand, found {unknown}; steps that expand a group while the stack is"
                " carried out are not supported yet; use a parameter",
            )


def _free_names(count: int, removed: Collection[str]) -> list[str]:
    """The smallest numbers that are not taken out."""
    free = (str(number) for number in itertools.count() if str(number) not in removed)
    return list(itertools.islice(free, count))
