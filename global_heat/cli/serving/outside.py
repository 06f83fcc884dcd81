"""What both processes have around them: the store, the regions, and how they are called."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog

from global_heat.cli.serving.config import Config
from global_heat.cli.serving.metrics import MeteredStore, Metrics
from global_heat.cli.serving.setup import Setup
from global_heat.engine.backoff import Backoff
from global_heat.engine.mirror import Mirror
from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.calls import CallRecord, Calls, Outcome
from global_heat.regions.clouds import Clouds
from global_heat.regions.health import Condition, RegionHealth
from global_heat.regions.http import AiohttpTransport
from global_heat.regions.identity import KeystoneauthIdentity
from global_heat.regions.keystone import Trusts
from global_heat.regions.limits import Limits
from global_heat.regions.registry import RegionSpec, Registry
from global_heat.regions.sessions import Sessions
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.credentials import StackTrusts
from global_heat.store.protocol import Store
from global_heat.store.sealing import Seal

log = structlog.get_logger()
_READS = ("GET", "HEAD")


class Outside(msgspec.Struct, frozen=True):
    """One process's ways out."""

    setup: Setup
    metrics: Metrics
    store: MeteredStore
    seal: Seal
    regions: Regions
    health: RegionHealth
    calls: Calls
    sessions: Sessions
    clouds: Clouds
    trusts: StackTrusts

    @property
    def config(self) -> Config:
        return self.setup.config

    @property
    def registry(self) -> Registry:
        return self.regions.registry

    def vouching(self) -> RegionSpec:
        """The region whose Keystone says who calls: home, if of the configured cloud, else another one of
        that; until there is a record, what the configuration says."""
        home = self.registry.find(self.config.home)
        registered = filter(None, map(self.registry.find, sorted(self.registry.names)))
        ours = [spec for spec in (home, *registered) if spec and spec.cloud == self.config.identity.cloud]
        return next(iter(ours), home or self.config.home_spec)

    async def until_store_is_fit(self) -> None:
        """Wait until etcd answers and has said that it may hold records. Raises `Invalid` if it may not."""
        backoff = Backoff(self.config.engine)
        while True:
            try:
                return await self.store.check_version()
            except (Transient, Ambiguous) as error:
                log.warning("the store does not answer", error=str(error))
                await asyncio.sleep(backoff.next())


class Regions:
    """The registry, kept as the store has it."""

    def __init__(self, store: Store, config: Config) -> None:
        self.registry = Registry()
        self._config = config
        self._mirror = Mirror(store, keys.REGIONS, self._take)

    async def follow(self, loaded: asyncio.Event) -> None:
        """Follow the records for ever; sets `loaded` once they were read."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._mirror.follow(self._config.engine))
            await self._mirror.loaded.wait()
            loaded.set()

    async def know(self, *names: Region) -> None:
        """Read the records again if one of the regions is not known here: it may be registered since a moment
        ago, and a stack must not fail for that. Raises `Transient`."""
        if any(self.registry.find(name) is None for name in names):
            await self._mirror.refresh()

    def _take(self, key: str) -> None:
        self.registry.update(self._specs())

    def _specs(self) -> list[RegionSpec]:
        """The regions that can be read. One that cannot hides no other."""
        found = []
        for entry in self._mirror.entries.values():
            try:
                found.append(self._config.complete(decode(RegionSpec, entry.value)))
            except msgspec.ValidationError as fault:
                log.error("the record of a region cannot be read", key=entry.key, error=str(fault))
        return found


@asynccontextmanager
async def outside(setup: Setup) -> AsyncIterator[Outside]:
    """Open all ways out; they are closed with the context. Nothing is sent yet."""
    config, metrics = setup.config, Metrics()
    store = MeteredStore(setup.etcd, metrics)
    regions = Regions(store, config)
    registry = regions.registry
    transport = AiohttpTransport(lambda name: registry.find(name) or _home_spec(config, name))
    health = RegionHealth(transport, on_change=_log_condition)
    calls = Calls(transport, health, Limits(config.pace), on_call=_tell_call(metrics))
    identity = KeystoneauthIdentity(calls, time.time)
    sessions = Sessions(identity, registry, time.time, config.home)
    seal = Seal(setup.sealing_keys, secrets.token_bytes)
    trusts = StackTrusts(
        store,
        seal,
        registry,
        sessions,
        Trusts(calls),
        setup.services,
        time.time,
        config.home,
    )
    clouds = Clouds(registry, sessions, calls, time.time)
    try:
        yield Outside(setup, metrics, store, seal, regions, health, calls, sessions, clouds, trusts)
    finally:
        identity.close()
        await transport.close()
        await store.close()


class Distances(Mapping[Region, Mapping[Region, float]]):
    """The registry's distances, as they are whenever they are looked at."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def __getitem__(self, region: Region) -> Mapping[Region, float]:
        return self._registry.distances[region]

    def __iter__(self) -> Iterator[Region]:
        return iter(self._registry.names)

    def __len__(self) -> int:
        return len(self._registry.names)


async def store_answers(store: Store, seconds: float = 2.0) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await store.get(keys.REGIONS)
    except (Transient, Ambiguous, TimeoutError):
        return False
    return True


def _home_spec(config: Config, name: Region) -> RegionSpec | None:
    return config.home_spec if name == config.home else None


def _log_condition(region: Region, condition: Condition) -> None:
    log.warning("a region's state has changed", region=region, state=str(condition.state), why=condition.why)


def _tell_call(metrics: Metrics) -> Callable[[CallRecord], None]:
    def tell(call: CallRecord) -> None:
        metrics.called(call)
        say = log.debug if call.method in _READS and call.outcome is Outcome.ANSWERED else log.info
        say("called", **msgspec.to_builtins(call))

    return tell
