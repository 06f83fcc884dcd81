"""The regions as this process knows them: the operator's records, kept up to date by the composition root."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Annotated

import msgspec

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Region
from global_heat.model.records import RegionRecord

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class RegionSpec(RegionRecord, frozen=True, kw_only=True):
    """A region's record, read in full: also how its cloud behaves and how to trust it.

    It is the record of `regions/NAME`; what the record does not say has a default. The first three say what
    is assumed of the cloud, see the engine's fence.
    """

    exec_seconds: Seconds = 900.0
    """From a request's admission to its effect, at most."""
    lag_seconds: Seconds = 5.0
    """From an effect until every list shows it, at most."""
    skew_seconds: Seconds = 5.0
    """Between two clocks, at most."""
    verify: bool = True
    """Whether certificates are checked."""
    ca_file: str = ""
    """Of the authority that signed them; empty: the system's."""
    microversions: Mapping[str, str] = {}
    """By service (compute, volume), where the cloud is older than what we ask for."""
    distances: Mapping[Region, float] = {}
    """Round trips to other regions, in seconds."""

    @property
    def catalogue_name(self) -> str:
        return self.catalog_region or self.name


class Registry:
    """The current set of regions. `update` is called with all of them whenever the records changed."""

    def __init__(self, specs: Iterable[RegionSpec] = ()) -> None:
        self._specs: dict[Region, RegionSpec] = {spec.name: spec for spec in specs}
        self._listeners: list[Callable[[Region], None]] = []

    def update(self, specs: Iterable[RegionSpec]) -> None:
        before = self._specs
        self._specs = {spec.name: spec for spec in specs}
        for name in [*before, *(name for name in self._specs if name not in before)]:
            if before.get(name) != self._specs.get(name):
                for listener in self._listeners:
                    listener(name)

    def on_change(self, listener: Callable[[Region], None]) -> None:
        """Call it with the name of every region that is added, changed or removed."""
        self._listeners.append(listener)

    def get(self, name: Region) -> RegionSpec:
        """Raises `Invalid` (NOT_FOUND)."""
        spec = self._specs.get(name)
        if spec is None:
            known = ", ".join(sorted(self._specs)) or "none"
            raise Invalid(f"there is no region {name!r}; registered: {known}", reason=Reason.NOT_FOUND)
        return spec

    def find(self, name: Region) -> RegionSpec | None:
        return self._specs.get(name)

    @property
    def names(self) -> list[Region]:
        return list(self._specs)

    @property
    def distances(self) -> Mapping[Region, Mapping[Region, float]]:
        return {name: spec.distances for name, spec in self._specs.items()}
