"""Whether a literal of a template names something: asked of the clouds, with the caller's token."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from urllib.parse import quote

import msgspec

from global_heat.api.auth import Tokens, Who
from global_heat.api.ports import Checked, LookUp
from global_heat.cli.serving.callers import Proof
from global_heat.model.errors import Error, Fault, Invalid
from global_heat.model.names import PhysicalId, Region
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

    async def check(self, who: Who, tokens: Tokens, lookups: Sequence[LookUp]) -> Checked:
        """Each different question once. What is not answered in time was not checked."""
        shown: set[TokenCredential] = set()
        asked: dict[tuple[str, str, str], LookUp] = {}
        for lookup in lookups:
            known = lookup.constraint in PLACES or _external_type(lookup) is not None
            if known and isinstance(lookup.value, str) and lookup.value:
                asked.setdefault(_question(lookup), lookup)
        gate = asyncio.Semaphore(AT_ONCE_MAX)
        try:
            answers = await asyncio.gather(
                *(self._ask(gate, who, tokens, shown, lookup) for lookup in asked.values())
            )
        finally:
            # The caller's tokens are kept no longer than the call.
            for credential in shown:
                self._sessions.forget(credential)
        troubles = dict(zip(asked, answers, strict=True))
        told = [(lookup, troubles.get(_question(lookup))) for lookup in lookups]
        return Checked(
            tuple(Fault(it.path, trouble.text) for it, trouble in told if trouble and trouble.certain),
            tuple(Fault(it.path, trouble.text) for it, trouble in told if trouble and not trouble.certain),
        )

    async def _ask(
        self, gate: asyncio.Semaphore, who: Who, tokens: Tokens, shown: set[TokenCredential], lookup: LookUp
    ) -> _Trouble | None:
        where = f"{lookup.constraint} {lookup.value!r} in region {lookup.region}"
        try:
            async with asyncio.timeout(self._seconds), gate:
                await self._know(lookup.region)
                proof = await self._prove(who, tokens, lookup.region)
                credential = TokenCredential(proof.token, proof.who.project)
                shown.add(credential)
                cloud = await self._clouds.open(lookup.region, proof.who.project, credential)
                found = await _is_there(cloud, lookup)
        except TimeoutError:
            return _Trouble(f"{where} was not checked: no answer within {self._seconds:g} s")
        except Error as error:
            return _Trouble(f"{where} was not checked: {error}")
        return None if found else _Trouble(f"there is no {where}", certain=True)


class _Trouble(msgspec.Struct, frozen=True):
    text: str
    certain: bool = False


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
