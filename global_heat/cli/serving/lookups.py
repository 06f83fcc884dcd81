"""Whether a literal of a template names something, and a region has what its resources need: asked of the
clouds, with the caller's token."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from global_heat.api.auth import Tokens, Who
from global_heat.api.ports import Checked, LookUp, Need
from global_heat.cli.serving.callers import Proof
from global_heat.model.errors import Error, Fault, Invalid, Reason
from global_heat.model.names import PhysicalId, Project, Region
from global_heat.regions.cloud import Cloud, Gone
from global_heat.regions.clouds import Clouds
from global_heat.regions.credentials import TokenCredential
from global_heat.regions.sessions import Sessions
from global_heat.resources.catalogue import ALL
from global_heat.resources.external import show_external
from global_heat.resources.type import Handle, ResourceType
from global_heat.template.tree import EXTERNAL

CHECK_SECONDS = 5.0
AT_ONCE_MAX = 16


class Place(msgspec.Struct, frozen=True):
    """Where things of a kind stand: by id at `path/ID`, by name in the list at `path` under `key`."""

    service: str
    path: str
    key: str
    filtered: bool = True
    """Whether the service can list by name."""


PLACES: Mapping[str, Place] = {
    "nova.flavor": Place("compute", "/flavors", "flavors", filtered=False),
    "nova.keypair": Place("compute", "/os-keypairs", "keypairs", filtered=False),
    "nova.server": Place("compute", "/servers", "servers"),
    "glance.image": Place("image", "/images", "images"),
    "neutron.network": Place("network", "/networks", "networks"),
    "neutron.subnet": Place("network", "/subnets", "subnets"),
    "neutron.subnetpool": Place("network", "/subnetpools", "subnetpools"),
    "neutron.port": Place("network", "/ports", "ports"),
    "neutron.router": Place("network", "/routers", "routers"),
    "neutron.security_group": Place("network", "/security-groups", "security_groups"),
    "neutron.qos_policy": Place("network", "/qos/policies", "policies"),
    "cinder.volume": Place("volume", "/volumes", "volumes"),
    "cinder.snapshot": Place("volume", "/snapshots", "snapshots"),
    "cinder.vtype": Place("volume", "/types", "volume_types", filtered=False),
    "cinder.backup": Place("volume", "/backups", "backups"),
}
"""What can be asked for each of Heat's constraints. A constraint that is not here is left to the service."""


class CloudLookUps:
    """`api.ports.LookUps` over the regions' clouds."""

    def __init__(
        self,
        clouds: Clouds,
        sessions: Sessions,
        know: Callable[[Region], Awaitable[None]],
        prove: Callable[[Who, Tokens, Region], Awaitable[Proof]],
        seconds: float = CHECK_SECONDS,
    ) -> None:
        """`know` reads a region's record if it is not known here yet; `prove` says whom a caller is in a
        region's cloud."""
        self._clouds = clouds
        self._sessions = sessions
        self._know = know
        self._prove = prove
        self._seconds = seconds

    async def check(
        self, who: Who, tokens: Tokens, lookups: Sequence[LookUp], needs: Sequence[Need] = ()
    ) -> Checked:
        """Each different question once. What is not answered in time was not checked."""
        shown: set[TokenCredential] = set()
        services = _services(needs)
        asked: dict[tuple[str, str, str], LookUp] = {}
        for lookup in lookups:
            known = lookup.constraint in PLACES or _external_type(lookup) is not None
            if known and isinstance(lookup.value, str) and lookup.value:
                asked.setdefault(_question(lookup), lookup)
        gate = asyncio.Semaphore(AT_ONCE_MAX)
        try:
            answers, lacks = await asyncio.gather(
                asyncio.gather(*(self._ask(gate, who, tokens, shown, each) for each in asked.values())),
                asyncio.gather(*(self._lacks(who, tokens, shown, *each) for each in services.items())),
            )
        finally:
            # The caller's tokens are kept no longer than the call.
            for credential in shown:
                self._sessions.forget(credential)
        return _judge(lookups, dict(zip(asked, answers, strict=True)), needs, lacks)

    async def _lacks(
        self,
        who: Who,
        tokens: Tokens,
        shown: set[TokenCredential],
        region: Region,
        services: Mapping[str, str],
    ) -> _Lacks:
        """Which of the types, each given with its service, find none in the region."""
        try:
            async with asyncio.timeout(self._seconds):
                _, credential = await self._credential(who, tokens, shown, region)
                there = await self._clouds.endpoints(
                    region, credential, tuple(sorted(set(services.values())))
                )
        except (TimeoutError, Error) as error:
            why = str(error) or f"no answer within {self._seconds:g} s"
            named = ", ".join(sorted(set(services.values())))
            return _Lacks(region, not_checked=f"whether region {region} has {named} was not checked: {why}")
        return _Lacks(region, {type: name for type, name in services.items() if name not in there})

    async def _ask(
        self, gate: asyncio.Semaphore, who: Who, tokens: Tokens, shown: set[TokenCredential], lookup: LookUp
    ) -> _Trouble | None:
        where = f"{lookup.constraint} {lookup.value!r} in region {lookup.region}"
        try:
            async with asyncio.timeout(self._seconds), gate:
                project, credential = await self._credential(who, tokens, shown, lookup.region)
                cloud = await self._clouds.open(lookup.region, project, credential)
                found = await _is_there(cloud, lookup)
        except TimeoutError:
            return _Trouble(f"{where} was not checked: no answer within {self._seconds:g} s")
        except Error as error:
            if (
                isinstance(error, Invalid)
                and error.reason is Reason.PRECONDITION
                and "service" in error.metadata
            ):
                return _Trouble(f"{where} cannot be there: {error.message}", _Sort.LACKING)
            return _Trouble(f"{where} was not checked: {error}")
        return None if found else _Trouble(f"there is no {where}", _Sort.FAULT)

    async def _credential(
        self, who: Who, tokens: Tokens, shown: set[TokenCredential], region: Region
    ) -> tuple[Project, TokenCredential]:
        """Whom the caller is in a region's cloud, and with what he shows it."""
        await self._know(region)
        proof = await self._prove(who, tokens, region)
        credential = TokenCredential(proof.token, proof.who.project)
        shown.add(credential)
        return proof.who.project, credential


class _Sort(enum.Enum):
    FAULT = enum.auto()
    LACKING = enum.auto()
    NOT_CHECKED = enum.auto()


class _Trouble(msgspec.Struct, frozen=True):
    text: str
    sort: _Sort = _Sort.NOT_CHECKED


class _Lacks(msgspec.Struct, frozen=True):
    """Of the types whose service a region has not, that service; or why nobody knows."""

    region: Region
    services: Mapping[str, str] = {}
    not_checked: str = ""


def _services(needs: Sequence[Need]) -> dict[Region, dict[str, str]]:
    """The services that are needed: by region and type."""
    found: dict[Region, dict[str, str]] = {}
    for need in needs:
        type = ALL.get(need.type)
        if type is not None and type.service:
            found.setdefault(need.region, {})[need.type] = type.service
    return found


def _judge(
    lookups: Sequence[LookUp],
    troubles: Mapping[tuple[str, str, str], _Trouble | None],
    needs: Sequence[Need],
    lacks: Sequence[_Lacks],
) -> Checked:
    told: dict[_Sort, list[Fault]] = {sort: [] for sort in _Sort}
    by_region = {each.region: each.services for each in lacks}
    for need in needs:
        if (service := by_region.get(need.region, {}).get(need.type)) is not None:
            message = f"region {need.region} has no {service} service, which {need.type} needs"
            told[_Sort.LACKING].append(Fault(need.path, message, "NO_SERVICE"))
    for lookup in lookups:
        if (trouble := troubles.get(_question(lookup))) is not None:
            reason = "NO_SERVICE" if trouble.sort is _Sort.LACKING else "INVALID"
            told[trouble.sort].append(Fault(lookup.path, trouble.text, reason))
    told[_Sort.NOT_CHECKED] += [Fault("", each.not_checked) for each in lacks if each.not_checked]
    return Checked(tuple(told[_Sort.FAULT]), tuple(told[_Sort.LACKING]), tuple(told[_Sort.NOT_CHECKED]))


def _external_type(lookup: LookUp) -> ResourceType | None:
    """The type of the thing that an `external_id` names, if a cloud has such things."""
    type = ALL.get(lookup.constraint.removeprefix(EXTERNAL))
    return type if type is not None and type.handle is not Handle.LOCAL else None


async def _is_there(cloud: Cloud, lookup: LookUp) -> bool:
    type = _external_type(lookup)
    if type is None:
        return await _exists(cloud, PLACES[lookup.constraint], str(lookup.value))
    try:
        return await show_external(type, cloud, PhysicalId(lookup.value)) is not None
    except Invalid as refusal:
        if refusal.metadata.get("status") not in ("400", "403"):
            raise
        return False


async def _exists(cloud: Cloud, place: Place, value: str) -> bool:
    """By id, then by name."""
    try:
        await cloud.get(place.service, f"{place.path}/{quote(value, safe='')}")
        return True
    except Gone:
        pass
    except Invalid as refusal:
        # Some services answer 400 to what is no id of theirs.
        if refusal.metadata.get("status") not in ("400", "403"):
            raise
    items = await cloud.list(place.service, place.path, place.key, {"name": value} if place.filtered else {})
    return any(value in (item.get("name"), item.get("id")) for item in items)


def _question(lookup: LookUp) -> tuple[str, str, str]:
    return (lookup.region, lookup.constraint, str(lookup.value))
