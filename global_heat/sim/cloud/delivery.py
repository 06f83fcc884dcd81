"""Carrying one request to a region and its answer back, as its fate says. Both adapters use it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from global_heat.regions.transport import Request, Response
from global_heat.sim.cloud.faults import Fate, Mangle
from global_heat.sim.cloud.region import Admission, FakeRegion


class Refused(Exception):
    """The connection was refused: nothing happened."""


class Reset(Exception):
    """The connection broke: it may have happened."""


@dataclass(slots=True, frozen=True)
class Link:
    """One caller's way to a region, asked at the moment when a request, or its answer, takes it."""

    client: str = ""
    open_there: Callable[[], bool] = lambda: True
    open_back: Callable[[], bool] = lambda: True
    latency_seconds: Callable[[], float] = lambda: 0.0


def deliver(region: FakeRegion, request: Request, link: Link) -> asyncio.Future[Response]:
    """Send it. The future has the answer, `Refused` or `Reset`, or stays open for ever (nothing came back).

    What is under way goes on when the future is cancelled: a caller that gives up takes nothing back.
    """
    return _Delivery(region, request, link).send()


class _Delivery:
    def __init__(self, region: FakeRegion, request: Request, link: Link) -> None:
        self._loop = asyncio.get_running_loop()
        self._future: asyncio.Future[Response] = self._loop.create_future()
        self._region = region
        self._request = request
        self._link = link
        self._sent_at = region.ground.clock()
        self._fate: Fate = region.faults.fate(request)

    def send(self) -> asyncio.Future[Response]:
        fate = self._fate
        if fate.refused:
            self._future.set_exception(Refused())
        elif fate.dropped:
            self._say_nothing()
        else:
            there = fate.delay_seconds + self._link.latency_seconds()
            self._after(there, self._arrive)
            if fate.replay_after_seconds is not None:
                self._after(there + fate.replay_after_seconds, self._replay)
        return self._future

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        if seconds > 0:
            self._loop.call_later(seconds, self._guarded, act)
        else:
            act()

    def _guarded(self, act: Callable[[], None]) -> None:
        """What breaks inside the fake cloud is told to the caller, who may still be there, as it is."""
        try:
            act()
        except Exception as broken:
            if self._future.done():
                raise
            self._future.set_exception(broken)

    def _arrive(self) -> None:
        if self._region.faults.unreachable or not self._link.open_there():
            return
        fate = self._fate
        if fate.status and not fate.effect:
            self._return(self._instead())
            return
        admission = self._admit()
        if isinstance(admission, Response):
            self._return(admission)
        else:
            self._after(fate.hold_seconds, lambda: self._take_effect(admission))

    def _admit(self, replay: bool = False) -> Admission | Response:
        return self._region.admit(
            self._request, client=self._link.client, sent_at=self._sent_at, replay=replay
        )

    def _take_effect(self, admission: Admission) -> None:
        response = self._region.effect(admission)
        if self._fate.answer_lost:
            self._say_nothing()
            return
        if self._fate.status:
            response = self._instead()
        self._region.note_answer(admission, response.status)
        self._return(response)

    def _replay(self) -> None:
        if self._region.faults.unreachable:
            return
        admission = self._admit(replay=True)
        if not isinstance(admission, Response):
            self._region.effect(admission)

    def _return(self, response: Response) -> None:
        response = _mangled(response, self._fate.mangle)
        back = self._fate.return_seconds + self._link.latency_seconds()
        self._after(back, lambda: self._answer(response))

    def _answer(self, response: Response) -> None:
        if self._region.faults.unreachable or not self._link.open_back():
            return
        if not self._future.done():
            self._future.set_result(response)

    def _say_nothing(self) -> None:
        if self._fate.reset and not self._future.done():
            self._future.set_exception(Reset())

    def _instead(self) -> Response:
        headers = {"content-type": "text/html"}
        if self._fate.retry_after_seconds is not None:
            headers["retry-after"] = str(self._fate.retry_after_seconds)
        body = f"<html><body><h1>{self._fate.status}</h1></body></html>".encode()
        return Response(self._fate.status, headers, body)


def _mangled(response: Response, mangle: Mangle) -> Response:
    match mangle:
        case Mangle.GARBAGE:
            return Response(response.status, response.headers, b"\x00\xff not json")
        case Mangle.TRUNCATED:
            return Response(response.status, response.headers, response.body[: len(response.body) // 2])
        case _:
            return response
