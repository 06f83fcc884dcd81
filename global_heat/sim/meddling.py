"""A person who works on the same project by hand: deletes, renames and copies what is ours."""

from __future__ import annotations

import random
from collections.abc import Callable

from global_heat.model.errors import Error
from global_heat.model.records import AttemptState, Incarnation, State
from global_heat.regions.cloud import Cloud
from global_heat.resources.type import Handle
from global_heat.sim.world import FENCE_SECONDS, SimWorld

_COPIED = {
    "network.network": ("network", "/networks", "network"),
    "network.router": ("network", "/routers", "router"),
}


class Meddler:
    """What he touches is noted in the world: nobody can be blamed for it."""

    def __init__(self, world: SimWorld, chance: random.Random, tell: Callable[[str], None]) -> None:
        self._world = world
        self._chance = chance
        self._tell = tell

    async def delete_something(self) -> None:
        """Delete one thing of ours, and with it what stands or falls with it."""
        record = self._choose()
        if record is None:
            return
        type = self._world.auditor.types[record.type]
        self._note(record)
        try:
            await type.delete(await self._world.auditor.open(record.region), record.id)
        except Error as error:
            self._tell(f"a person cannot delete {record.ref}: {error}")
        else:
            self._tell(f"a person deletes {record.ref}")

    async def rename_something(self) -> None:
        record = self._choose("OS::Neutron::Net")
        if record is None:
            return
        self._note(record)
        try:
            cloud = await self._world.auditor.open(record.region)
            await cloud.put("network", f"/networks/{record.id}", {"network": {"name": "renamed"}})
        except Error as error:
            self._tell(f"a person cannot rename {record.ref}: {error}")
        else:
            self._tell(f"a person renames {record.ref}")

    async def copy_something(self) -> None:
        """Make a thing with the description of one of ours, so late that no request of ours can have."""
        now = self._world.clock()
        old = [
            attempt
            for attempt in self._world.attempts()
            if attempt.kind in _COPIED and attempt.state is AttemptState.ADOPTED
            if now > attempt.cred_expires_at + FENCE_SECONDS + 2.0
        ]
        if not old:
            return
        attempt = self._chance.choice(old)
        service, path, singular = _COPIED[attempt.kind]
        try:
            cloud = await self._world.auditor.open(attempt.region)
            body = await _show(cloud, service, f"{path}/{attempt.id}", singular)
            made = await cloud.post(service, path, {singular: {"name": "copy", "description": body}})
        except Error as error:
            self._tell(f"a person cannot copy {attempt.id}: {error}")
            return
        self._world.foreign.add(made[singular]["id"])
        self._tell(f"a person copies the description of {attempt.kind} {attempt.id}")

    def _choose(self, type: str = "") -> Incarnation | None:
        types = self._world.auditor.types
        found = [
            record
            for record in self._world.records()
            if record.id and record.state is State.READY and type in ("", record.type)
            if types[record.type].handle is not Handle.LOCAL
        ]
        return self._chance.choice(found) if found else None

    def _note(self, record: Incarnation) -> None:
        """It, and all that is built on it: also what is only just being made, and has no id yet."""
        for stack, records in self._world.records_by_stack().items():
            refs = [record.ref] if record in records else []
            for ref in refs:
                refs += [r.ref for r in records if ref in r.requires and r.ref not in refs]
            self._world.meddled_with |= {(stack, ref) for ref in refs}
        self._world.learn_meddled()


async def _show(cloud: Cloud, service: str, path: str, singular: str) -> str:
    return str((await cloud.get(service, path))[singular]["description"])
