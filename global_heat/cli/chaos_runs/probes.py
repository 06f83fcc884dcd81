"""How long a region's users wait until a write is acknowledged by that region's own replicas."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress

import msgspec

from global_heat.cli.chaos_runs.hand import Done
from global_heat.client import ApiError, Client
from global_heat.proto.v1 import stack_pb2

PERIOD_SECONDS = 1.0
PROBES = "probe-"
"""What their stacks' names begin with."""
_PAUSE_SECONDS = 0.2


class Wait(msgspec.Struct, frozen=True):
    """A write was asked for then (unix seconds), and acknowledged so many seconds later."""

    at: float
    seconds: float


class Probe:
    """Changes one small stack of the region, once a second, as soon as the change before is acknowledged."""

    def __init__(self, region: str, client: Client) -> None:
        self.region = region
        self.client = client
        self.stack = f"{PROBES}{region}"
        self.waits: list[Wait] = []

    async def run(self) -> None:
        """For ever."""
        number = 0
        while True:
            at, began = time.time(), time.monotonic()
            number += 1
            await self._write(number)
            seconds = time.monotonic() - began
            self.waits.append(Wait(at, seconds))
            await asyncio.sleep(max(PERIOD_SECONDS - seconds, 0.0))

    async def delete_all(self) -> None:
        await self.client.delete_stack(self.stack, allow_missing=True)

    async def _write(self, number: int) -> None:
        stack = stack_pb2.Stack(
            name=self.stack, spec=stack_pb2.StackSpec(template=template(self.region, number))
        )
        request = self.client.new_id()
        while True:
            with suppress(ApiError):
                await self.client.apply_stack(stack, request_id=request)
                return
            await asyncio.sleep(_PAUSE_SECONDS)


def template(region: str, number: int) -> str:
    """One resource that lives in the records alone."""
    value = {"region": region, "type": "OS::Heat::Value", "properties": {"type": "number", "value": number}}
    text = msgspec.json.encode({"heat_template_version": "2018-08-31", "resources": {"value": value}})
    return text.decode()


def untouched(region: str, waits: Iterable[Wait], done: Iterable[Done]) -> list[Wait]:
    """Those during which nothing was done to that region itself, nor to all at once."""
    own = [each for each in done if not each.regions or region in each.regions]
    return [
        wait
        for wait in waits
        if not any(each.began < wait.at + wait.seconds and wait.at < each.ended for each in own)
    ]
