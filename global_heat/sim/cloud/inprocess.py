"""The simulator's way to the fake cloud: no socket, time from the running loop."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping

from global_heat.model.errors import Ambiguous, Transient
from global_heat.regions.transport import Request, Response
from global_heat.sim.cloud.delivery import Link, Refused, Reset, deliver
from global_heat.sim.cloud.region import FakeRegion


class Cut(enum.StrEnum):
    """How a link is broken. What is on its way when it is cut is lost; restoring it brings nothing back."""

    REFUSED = "refused"
    """New requests are refused at once."""
    SILENT = "silent"
    """Nothing arrives and nothing is said: the caller's time-out ends it."""
    ANSWERS_LOST = "answers_lost"
    """Requests arrive and take effect; no answer comes back."""


class InProcessTransport:
    """One caller's links to the regions, by base URL (`http://east.sim`).

    `client` names the caller in the journals. `latency_seconds` draws the time of one way to a region by
    its name. Waits are the loop's: under a loop of virtual time nothing really waits.
    """

    def __init__(
        self,
        client: str,
        regions: Mapping[str, FakeRegion],
        latency_seconds: Callable[[str], float] = lambda region: 0.0,
    ) -> None:
        self._client = client
        self._regions = {url.rstrip("/"): region for url, region in regions.items()}
        self._latency_seconds = latency_seconds
        self._cuts: dict[str, Cut] = {}
        self._closed = False

    def cut(self, region: str, how: Cut = Cut.SILENT) -> None:
        """Break the link to a region."""
        self._cuts[region] = how

    def restore(self, region: str) -> None:
        """Mend the link to a region."""
        self._cuts.pop(region, None)

    def close(self) -> None:
        """The caller died: it sends nothing more. What it sent still arrives."""
        self._closed = True

    async def send(self, request: Request) -> Response:
        if self._closed:
            raise Transient(f"{self._client} is closed")
        start = request.url.find("/", request.url.find("//") + 2)
        region = self._regions.get(request.url if start < 0 else request.url[:start])
        if region is None:
            raise Transient(f"nobody answers at {request.url}")
        if self._cuts.get(region.name) is Cut.REFUSED:
            raise Transient(f"{region.name}: connection refused")
        try:
            async with asyncio.timeout(request.timeout_seconds):
                answer = deliver(region, request, self._link(region.name))
                # A finished future does not suspend; a socket always does.
                await asyncio.sleep(0)
                return await answer
        except Refused as refused:
            raise Transient(f"{region.name}: connection refused") from refused
        except Reset as reset:
            raise Ambiguous(f"{region.name}: connection reset") from reset
        except TimeoutError as late:
            raise Ambiguous(f"{region.name}: no answer within {request.timeout_seconds} s") from late

    def _link(self, region: str) -> Link:
        return Link(
            self._client,
            lambda: self._cuts.get(region) in (None, Cut.ANSWERS_LOST),
            lambda: region not in self._cuts,
            lambda: self._latency_seconds(region),
        )
