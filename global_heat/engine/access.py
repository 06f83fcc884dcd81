"""The engine's way to the clouds: each stack's shard under the stack's own credential."""

from __future__ import annotations

from global_heat.engine.ports import Bounds, Opened
from global_heat.model.names import Region
from global_heat.regions.clouds import Clouds, FindCredential
from global_heat.store.keys import Shard


class StackClouds:
    """`engine.ports.CloudAccess` over `regions.clouds`."""

    def __init__(self, clouds: Clouds, find_credential: FindCredential) -> None:
        self._clouds = clouds
        self._find_credential = find_credential

    async def open(self, shard: Shard) -> Opened:
        cloud = await self._clouds.open_for_stack(
            shard.region, shard.project, shard.stack, self._find_credential
        )
        return Opened(cloud, cloud.expires_at)

    def bounds(self, region: Region) -> Bounds:
        spec = self._clouds.registry.get(region)
        return Bounds(spec.exec_seconds, spec.lag_seconds, spec.skew_seconds)
