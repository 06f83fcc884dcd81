"""Schemas of resource types as data: what Heat 27 says of each type's properties and attributes.

The data file is `resources/resource-types.json`; the composition root reads it and hands the schemas in.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar, Protocol

import msgspec

from global_heat.model.scaling import Adjustment
from global_heat.model.signal import Signal
from global_heat.model.values import Json, Properties


class PropertySchema(msgspec.Struct, frozen=True):
    type: str
    """String, Integer, Number, Boolean, List, Map, Any."""
    required: bool = False
    default: Json = None
    update_allowed: bool = False
    immutable: bool = False
    implemented: bool = True
    """False: Heat knows the name and takes no value."""
    constraints: list[dict[str, Any]] = []
    schema: dict[str, PropertySchema] | None = None
    """Of a Map: by key; of a List: under `*`."""
    support: dict[str, Any] = {}


class AttributeSchema(msgspec.Struct, frozen=True):
    type: str = "String"
    cache_mode: str = "cache_local"


class TypeSchema(msgspec.Struct, frozen=True):
    properties: dict[str, PropertySchema] = {}
    attributes: dict[str, AttributeSchema] = {}
    base_attributes: list[str] = []
    update_policy: dict[str, PropertySchema] = {}
    handles: list[str] = []
    client: str = ""
    support: dict[str, Any] = {}


class _File(msgspec.Struct):
    types: dict[str, TypeSchema]


class Rules(Protocol):
    """What an implemented type decides itself, beyond its schema. Pure."""

    beside: ClassVar[str]
    """The property that lists names of resources which must stand in the same template; empty: none."""
    renews: ClassVar[bool]
    """Whether each new revision of its stack replaces it, whatever its properties say."""
    scales: ClassVar[bool]
    """Whether a signal to it changes a group's size."""

    saves: ClassVar[bool]
    """Whether the deletion policy Snapshot can be carried out."""

    def check(self, props: Properties) -> list[str]:
        """Faults that the schema alone cannot tell; values may be `Unknown`."""
        ...

    def gaps(self, props: Properties) -> list[str]:
        """What of its properties is right and cannot be carried out yet; values may be `Unknown`."""
        ...

    def replaces(self, changed: Collection[str], props: Properties) -> bool:
        """Whether this change needs a new incarnation although the schema allows an update."""
        ...

    def adjustment(self, props: Properties) -> Adjustment:
        """How a signal to it changes a group's size, if it does."""
        ...

    def accept(self, said: Json, number: int) -> Signal | None:
        """What a signal tells it, if anything; one without an id is called `number`. Raises `Invalid`."""
        ...


class Schemas:
    """All types that can be validated, and which of them (and of their properties) can be carried out."""

    def __init__(
        self,
        types: Mapping[str, TypeSchema],
        supported: Mapping[str, Collection[str]],
        rules: Mapping[str, Rules],
    ) -> None:
        self._types = types
        self._supported = supported
        self._rules = rules

    @classmethod
    def decode(
        cls,
        data: bytes,
        supported: Mapping[str, Collection[str]],
        rules: Mapping[str, Rules] = {},
    ) -> Schemas:
        """Read the data file. `supported`: type name → its implemented properties."""
        return cls(msgspec.json.decode(data, type=_File).types, supported, rules)

    def rules(self, name: str) -> Rules | None:
        return self._rules.get(name)

    def get(self, name: str) -> TypeSchema | None:
        return self._types.get(name)

    def names(self) -> Collection[str]:
        return self._types.keys()

    def supported(self, name: str) -> Collection[str] | None:
        """The implemented properties of an implemented type; None: the type is not implemented."""
        return self._supported.get(name)
