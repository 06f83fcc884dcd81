"""Looks at clouds in bulk: one list serves all that ask for the same kind at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from global_heat.model.errors import Invalid
from global_heat.model.names import Project, Region
from global_heat.model.values import Body
from global_heat.regions.cloud import Cloud
from global_heat.resources.type import ResourceType


class Look(msgspec.Struct, frozen=True):
    """A complete list. What it leaves out did not exist, as far as the service knew, when it was begun."""

    begun: float
    """Loop time, seconds."""
    bodies: Sequence[Body]


class Observer:
    """Shares lists between those that wait in one region, project and kind."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[Region, Project, str], asyncio.Task[Look]] = {}
        self._next: dict[tuple[Region, Project, str], asyncio.Task[Look]] = {}

    async def look(self, type: ResourceType, cloud: Cloud) -> Look:
        """A list that is begun after this call. Raises `Transient`, or `Invalid` when this cloud refuses."""
        key = (cloud.region, cloud.project, type.kind)
        task = self._next.get(key)
        own = task is None
        if task is None:
            task = self._next[key] = asyncio.ensure_future(self._list(key, type, cloud))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())
        try:
            return await asyncio.shield(task)
        except Invalid:
            if own:
                raise
        # The list was asked for under another stack's credential: what is wrong with that is not ours.
        return Look(asyncio.get_running_loop().time(), await type.observe(cloud))

    async def _list(self, key: tuple[Region, Project, str], type: ResourceType, cloud: Cloud) -> Look:
        before = self._under_way.get(key)
        if before is not None:
            await asyncio.wait({before})
        task = self._next.pop(key)
        self._under_way[key] = task
        try:
            begun = asyncio.get_running_loop().time()
            return Look(begun, await type.observe(cloud))
        finally:
            if self._under_way.get(key) is task:
                del self._under_way[key]

    def close(self) -> None:
        for task in (*self._under_way.values(), *self._next.values()):
            task.cancel()
