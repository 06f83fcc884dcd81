"""What goes wrong in a region. What happens to a request is decided here, as a value, and carried out
alike by the simulator's transport and by the HTTP server."""

from __future__ import annotations

import enum
import random
import re
from collections.abc import Callable

import msgspec

from global_heat.regions.transport import Request


class Mangle(enum.StrEnum):
    """What is done to the body of an answer."""

    NOTHING = ""
    GARBAGE = "garbage"
    """Something that is no JSON, under the status of the true answer."""
    TRUNCATED = "truncated"
    """The first half."""


class Fate(msgspec.Struct, frozen=True):
    """What happens to one request. The default: it is delivered now, once, and answered."""

    delay_seconds: float = 0.0
    """On the way there; its credential is checked afterwards."""
    refused: bool = False
    """The connection is refused: nothing happens and the caller knows."""
    dropped: bool = False
    """It never gets there and the caller is told nothing."""
    hold_seconds: float = 0.0
    """Between being admitted (its credential is good) and taking effect."""
    status: int = 0
    """Answered with this status instead of the true answer; 0: the true one."""
    retry_after_seconds: int | None = None
    effect: bool = False
    """Whether it takes effect although `status` says otherwise."""
    mangle: Mangle = Mangle.NOTHING
    answer_lost: bool = False
    """It takes effect; the caller is told nothing."""
    reset: bool = False
    """Where the caller is told nothing (dropped, answer lost), its connection is reset instead of silent."""
    replay_after_seconds: float | None = None
    """It arrives a second time, this much after the first: a proxy's retry."""
    return_seconds: float = 0.0
    """On the way back."""


DELIVER = Fate()


class Disturbance(msgspec.Struct, frozen=True):
    """A rule: requests that match meet this fate. Empty `methods` and `path` match all."""

    fate: Fate
    methods: tuple[str, ...] = ()
    path: str = ""
    """A regular expression searched in the URL's path, query included."""
    probability: float = 1.0
    skip: int = 0
    """So many requests that match pass before the first that is hit."""
    times: int | None = None
    """It ends after so many requests; None: never."""


class Faults:
    """The faults of one region. All settable at any time; `heal` ends them all."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self._rules: list[_Rule] = []
        self.decide: Callable[[Request], Fate | None] | None = None
        """Asked first, for schedules that no rule can say; None means: go on with the rules."""
        self.heal()

    def heal(self) -> None:
        """End all faults."""
        self._rules.clear()
        self.decide = None
        self.unreachable = False
        self.hanging = False
        """Unreachable by silence, not by refusal."""
        self.latency_seconds: tuple[float, float] = (0.0, 0.0)
        """Drawn anew for the way there and the way back."""
        self.down: set[str] = set()
        """Services that answer 503: identity, compute, network, volume, image, messaging."""
        self.list_lag_seconds = 0.0
        """Lists omit what is younger."""
        self.list_ghost_seconds = 0.0
        """Lists still show what was deleted no longer ago than that."""
        self.drop_filters = False
        """Lists ignore what they were asked to filter by."""
        self.strict_queues = False
        """Messages to a queue that nobody has made are refused, as by an old Zaqar, or one that lost it."""
        self.cell_down = False
        """Half of the servers (by id) live in a cell that does not answer."""
        self.failing: dict[str, int] = {}
        """How many of the next things of a kind (`compute.server`) end in ERROR."""
        self.failure_rates: dict[str, float] = {}
        """The chance of that, by kind."""

    def add(self, disturbance: Disturbance) -> None:
        self._rules.append(_Rule(disturbance))

    @property
    def rules(self) -> list[Disturbance]:
        """The disturbances that still apply, with the times that are left."""
        return [rule.rest() for rule in self._rules]

    def clear_rules(self) -> None:
        """End the disturbances; what is down stays down."""
        self._rules.clear()

    def fate(self, request: Request) -> Fate:
        """Decide what happens to this request. Uses up `times` and chance."""
        if self.unreachable:
            return Fate(dropped=True) if self.hanging else Fate(refused=True)
        fate = self._decide(request)
        if self.latency_seconds[1] > 0:
            fate = msgspec.structs.replace(
                fate,
                delay_seconds=fate.delay_seconds + self._rng.uniform(*self.latency_seconds),
                return_seconds=fate.return_seconds + self._rng.uniform(*self.latency_seconds),
            )
        return fate

    def _decide(self, request: Request) -> Fate:
        if self.decide is not None and (fate := self.decide(request)) is not None:
            return fate
        for rule in self._rules:
            if rule.matches(request, self._rng):
                if rule.left == 0:
                    self._rules.remove(rule)
                return rule.fate
        return DELIVER

    def fails(self, kind: str) -> bool:
        """Whether the thing that is made now ends in ERROR. Uses up `failing` and chance."""
        if self.failing.get(kind, 0) > 0:
            self.failing[kind] -= 1
            return True
        rate = self.failure_rates.get(kind, 0.0)
        return rate > 0 and self._rng.random() < rate

    def hides(self, server_id: str) -> bool:
        """Whether the server is in the cell that is down."""
        return self.cell_down and server_id[0] in "01234567"


class _Rule:
    def __init__(self, disturbance: Disturbance) -> None:
        self._disturbance = disturbance
        self.fate = disturbance.fate
        self.left = disturbance.times
        self._skip = disturbance.skip
        self._methods = frozenset(disturbance.methods)
        self._path = re.compile(disturbance.path) if disturbance.path else None
        self._probability = disturbance.probability

    def rest(self) -> Disturbance:
        """What is left of it."""
        return msgspec.structs.replace(self._disturbance, times=self.left, skip=self._skip)

    def matches(self, request: Request, rng: random.Random) -> bool:
        if self._methods and request.method not in self._methods:
            return False
        if self._path is not None:
            start = request.url.find("/", request.url.find("//") + 2)
            if not self._path.search(request.url, max(start, 0)):
                return False
        if self._probability < 1.0 and rng.random() >= self._probability:
            return False
        if self._skip > 0:
            self._skip -= 1
            return False
        if self.left is not None:
            self.left -= 1
        return True
