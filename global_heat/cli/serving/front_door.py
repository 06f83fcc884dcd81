"""The process that is asked: gRPC in, wishes to the store. It changes no cloud."""

from __future__ import annotations

import asyncio
import signal
import sys
import time
import uuid
from contextlib import suppress
from functools import partial
from typing import Any

import aiohttp
import msgspec
import structlog

from global_heat.api import server as api
from global_heat.api.policy import Policy
from global_heat.api.ports import Backend
from global_heat.cli.evaluator import WorkerEvaluator
from global_heat.cli.serving.callers import Callers, CallersTrusts
from global_heat.cli.serving.child import run_part
from global_heat.cli.serving.documents import DocumentsAside
from global_heat.cli.serving.lookups import CloudLookUps
from global_heat.cli.serving.observing import observed
from global_heat.cli.serving.outside import Outside, outside, store_answers
from global_heat.cli.serving.setup import PolicyFile, ServerTls, Setup, load_policy
from global_heat.model.errors import Invalid
from global_heat.model.names import Region
from global_heat.regions.health import State
from global_heat.regions.keystone import TokenChecker
from global_heat.resources.catalogue import load_schemas
from global_heat.store.wishes import Wishes

log = structlog.get_logger()
HEALTH_SECONDS = 2.0


async def run_front_door(setup: Setup, stop: asyncio.Event) -> None:
    """Answer until `stop` is set, then let calls end. Raises `Invalid` when it cannot work at all."""
    async with outside(setup) as out:
        config = out.config
        seen = EngineHealth(config.observe.engine)
        loaded = asyncio.Event()
        await out.until_store_is_fit()
        serving = api.health_service()
        policy = Policy(setup.policy.overrides if setup.policy else {})
        told_to_read = partial(read_again, policy, setup.policy)
        asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, told_to_read)
        server = api.build_server(_backend(out, seen, policy), [_listen(setup)], serving)

        async def readiness() -> dict[str, bool]:
            return {"store": await store_answers(out.store), "serving": not stop.is_set()}

        async with (
            observed("observe.front_door", config.observe.front_door, out.metrics, readiness, seen.told),
            asyncio.TaskGroup() as group,
        ):
            tasks = [
                group.create_task(out.regions.follow(loaded)),
                group.create_task(out.health.run()),
                group.create_task(seen.follow()),
            ]
            await loaded.wait()
            await server.start()
            log.info("listening", address=config.listen.address, tls=setup.tls is not None)
            saying = group.create_task(api.keep_health(serving, out.store))
            await stop.wait()
            log.info("draining")
            saying.cancel()
            with suppress(asyncio.CancelledError):
                await saying
            await api.drain(server, serving, config.drain_seconds)
            for task in tasks:
                task.cancel()
        log.info("drained")


def read_again(policy: Policy, file: PolicyFile | None) -> None:
    """Take up the policy file as it is now. With one that is broken everything stays as it was."""
    if file is None:
        log.info("the configuration names no policy file: nothing was read again")
        return
    try:
        policy.use(load_policy(file.path).overrides)
    except Invalid as invalid:
        log.error("the policy file is not fit: the rules before it stay", error=str(invalid))
    else:
        log.info("the policy file was read again", file=str(file.path))


class EngineHealth:
    """How the regions do, as the engine of this replica has it: it calls them, the front door hardly does."""

    def __init__(self, address: str) -> None:
        self._url = f"http://{address}/regions"
        self._regions: dict[str, dict[str, str]] = {}

    def trouble(self, region: Region) -> str | None:
        """Why the region is down; None when it is not, or nobody knows."""
        return self._why(region, State.DOWN)

    def slowness(self, region: Region) -> str | None:
        """Why the region is slow; None when it is not, or nobody knows."""
        return self._why(region, State.SLOW)

    def told(self) -> dict[str, Any]:
        return dict(self._regions)

    def _why(self, region: Region, state: State) -> str | None:
        seen = self._regions.get(region, {})
        return seen.get("why") or f"it is {state}" if seen.get("state") == state else None

    async def follow(self) -> None:
        """Ask again and again. While the engine does not answer, nothing is known."""
        timeout = aiohttp.ClientTimeout(total=HEALTH_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout) as session:
            while True:
                try:
                    async with session.get(self._url) as answer:
                        body = await answer.read()
                    self._regions = msgspec.json.decode(body, type=dict[str, dict[str, str]])
                except (aiohttp.ClientError, TimeoutError, msgspec.MsgspecError):
                    self._regions = {}
                await asyncio.sleep(HEALTH_SECONDS)


def _backend(out: Outside, seen: EngineHealth, policy: Policy) -> Backend:
    documents = DocumentsAside(out.store, out.seal, load_schemas(), WorkerEvaluator())
    checker = TokenChecker(out.calls, out.sessions, out.vouching, out.setup.services, time.time)
    callers = Callers(out, checker)
    return Backend(
        wishes=Wishes(documents, time.time, lambda: str(uuid.uuid4())),
        documents=documents,
        tokens=checker,
        policy=policy,
        trusts=CallersTrusts(out, callers),
        lookups=CloudLookUps(out.clouds, out.sessions, out.regions.know, callers.prove),
        health=seen,
        home=out.config.home,
        clock=time.time,
    )


def _listen(setup: Setup) -> api.Listen:
    listen = setup.config.listen
    return api.Listen(listen.address, _tls(setup.tls), listen.insecure)


def _tls(tls: ServerTls | None) -> api.Tls | None:
    if tls is None:
        return None
    return api.Tls(key=tls.key, certificate=tls.certificate, client_ca=tls.client_authority)


if __name__ == "__main__":
    sys.exit(run_part("front-door", run_front_door))
