"""Find what a resource's properties name among the records: configs, and handles to wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import msgspec

from global_heat.engine.backoff import Backoff
from global_heat.engine.job import Job
from global_heat.model.errors import Transient
from global_heat.model.names import PhysicalId
from global_heat.model.records import ConfigRecord, Incarnation, State
from global_heat.model.values import Properties
from global_heat.resources.local import LocalType
from global_heat.resources.type import Found, ResourceType
from global_heat.store import keys
from global_heat.store.codec import decode

T = TypeVar("T")


async def find(job: Job, type: ResourceType, props: Properties) -> dict[str, Found]:
    """What the properties of such a resource name: by name, in this stack, or shared by another one."""
    wanted = set(type.looks_at(props))
    found: dict[str, Found] = {}
    for incarnation in job.book.all() if wanted else ():
        if incarnation.external:
            continue  # it is another stack's
        if incarnation.type in type.seeks and incarnation.state is not State.LEAVING:
            made = job.opened(incarnation)["made"]
            reference = job.world.types[incarnation.type].reference(incarnation.id, made)
            for name in wanted & {incarnation.id, reference}:
                found[name] = Found(incarnation.type, incarnation.ref, made)
    for name in sorted(wanted - found.keys()):
        elsewhere = await shared_config(job, PhysicalId(name))
        if elsewhere is not None and elsewhere.type in type.seeks:
            found[name] = elsewhere
    return found


async def ask_store(job: Job, ask: Callable[[], Awaitable[T]]) -> T:
    """Ask the store until it answers."""
    backoff = Backoff(job.world.settings)
    while True:
        try:
            return await ask()
        except Transient:
            await asyncio.sleep(backoff.next())


async def shared_config(job: Job, id: PhysicalId) -> Found | None:
    """A config of any stack of the project, by its id."""
    return await ask_store(job, partial(_shared, job, id))


async def _shared(job: Job, id: PhysicalId) -> Found | None:
    """A config of another stack of the same project."""
    project = job.book.shard.project
    entry = await job.world.store.get(keys.config(project, id))
    if entry is None:
        return None
    place = decode(ConfigRecord, entry.value)
    recorded = await job.world.store.get(
        keys.resource(project, place.stack, place.path, place.region, place.n)
    )
    if recorded is None:
        return None
    incarnation = decode(Incarnation, recorded.value)
    type = job.world.types.get(incarnation.type)
    assert isinstance(type, LocalType) and type.shared, incarnation.type
    header = msgspec.structs.replace(job.book.header, id=place.stack)
    return Found(incarnation.type, "", job.world.documents.open_incarnation(header, incarnation)["made"])
