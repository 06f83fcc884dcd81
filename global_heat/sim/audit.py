"""Compare what is recorded and what was wished with what there is, through the resource types' own eyes."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from global_heat.model.names import Path, Project, Region
from global_heat.model.records import Incarnation, State
from global_heat.model.values import Body
from global_heat.regions.calls import Calls
from global_heat.regions.circuit import HealthPolicy
from global_heat.regions.cloud import Cloud
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import Credential
from global_heat.regions.health import RegionHealth
from global_heat.regions.identity import PlainIdentity
from global_heat.regions.limits import Limits
from global_heat.regions.registry import Registry
from global_heat.regions.sessions import Sessions
from global_heat.regions.transport import Transport
from global_heat.resources.type import Handle, ResourceType
from global_heat.sim.blueprints import Blueprint
from global_heat.sim.checker import Violation

Seen = Mapping[str, Body | None]
"""By an incarnation's ref: the thing as it is; None: it is gone."""


class Auditor:
    """A person of the project with a client of his own."""

    def __init__(
        self,
        transport: Transport,
        registry: Registry,
        project: Project,
        credential: Credential,
        types: Mapping[str, ResourceType],
        clock: Callable[[], float],
    ) -> None:
        # A person asks again whatever happened before: no circuit opens.
        health = RegionHealth(transport, HealthPolicy(failures_max=1_000_000))
        calls = Calls(transport, health, Limits())
        sessions = Sessions(PlainIdentity(calls, clock), registry, clock)
        self._clouds = Clouds(registry, sessions, calls, clock)
        self._project = project
        self._credential = credential
        self.types = types

    async def open(self, region: Region) -> Cloud:
        return await self._clouds.open(region, self._project, self._credential)

    async def look(self, records: Iterable[Incarnation]) -> dict[str, Body | None]:
        """What there is of all that is recorded as finished in a cloud."""
        seen: dict[str, Body | None] = {}
        for record in records:
            type = self.types[record.type]
            if record.state is State.READY and type.handle is not Handle.LOCAL:
                seen[record.ref] = await type.show(await self.open(record.region), record.id)
        return seen


def check_seen(records: Iterable[Incarnation], seen: Seen, meddled: Callable[[str], bool]) -> list[Violation]:
    """What is recorded as finished exists, unless a person had his hands in it, or its successor took its
    place: an address that leads elsewhere now."""
    newest = {(each.path, each.region): each for each in sorted(records, key=lambda each: each.n)}
    return [
        Violation(17, f"{record.ref} is READY but {record.id} does not exist")
        for record in newest.values()
        if record.ref in seen and seen[record.ref] is None and not _any_part(record.id, meddled)
    ]


def check_complete(
    name: str, blueprint: Blueprint, records: list[Incarnation], seen: Seen, meddled: Callable[[str], bool]
) -> list[Violation]:
    """A stack that is COMPLETE is what its blueprint says."""
    finished = {record.path: record for record in records if record.state is State.READY}
    wished = blueprint.paths()
    violations = [
        Violation(17, f"{name} is COMPLETE with {', '.join(sorted(differing))} amiss")
        for differing in [set(map(str, finished)) ^ set(wished)]
        if differing
    ]
    for path, key, value in _wished_values(blueprint):
        record = finished.get(path)
        body = seen.get(record.ref) if record is not None else None
        if record is None or body is None or _any_part(record.id, meddled):
            continue
        if body.get(key) != value and not _contains(body.get(key), value):
            violations.append(Violation(17, f"{name}: {record.ref} has {key} {body.get(key)}, not {value}"))
        if record.region != wished[path]:
            violations.append(Violation(17, f"{name}: {record.ref} is in the wrong region"))
    return violations


def _wished_values(blueprint: Blueprint) -> Iterator[tuple[Path, str, object]]:
    """Path, key of the shown thing, and what stands there if the blueprint was carried out."""
    for site in blueprint.sites:
        yield Path(f"{site.name}_net"), "name", site.network_name
        yield Path(f"{site.name}_subnet"), "cidr", site.cidr
        for n in range(site.placed):
            yield Path(f"{site.name}_server{n}"), "metadata", {"title": str(site.title)}
        for n in range(site.volumes):
            yield Path(f"{site.name}_volume{n}"), "size", site.volume_size(n)


def _contains(have: object, wished: object) -> bool:
    return isinstance(have, dict) and isinstance(wished, dict) and have | wished == have


def _any_part(id: str, meddled: Callable[[str], bool]) -> bool:
    """A relation's id names its parts."""
    return any(meddled(part) for part in (id, *id.replace("subnet_id=", "").split(":")))
