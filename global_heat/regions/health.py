"""What is known of the regions' health: fed by every call's outcome, and by probes while something is wrong.

Each service has a circuit (`circuit`). A region is **down** when no service of it answers: as soon as one
seems not to, all that are known are probed, so that one failing service alone takes no region down. It is
**slow** when one of them does not answer, or the answers take long. Keystone may be another region's, so it
counts only as long as no other service is known.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Mapping

import msgspec

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Region
from global_heat.regions.circuit import Circuit, HealthPolicy
from global_heat.regions.transport import Request, Transport

IDENTITY = "identity"
UNREACHED = (502, 503, 504)
"""A proxy says that it could not reach the service, or the service that it cannot work."""
_NEW_WEIGHT = 0.2


class State(enum.StrEnum):
    UP = "up"
    SLOW = "slow"
    DOWN = "down"


class Condition(msgspec.Struct, frozen=True):
    """A region's state, why (empty: up), and since when by the loop's clock."""

    state: State = State.UP
    why: str = ""
    since: float = 0.0


class _Watched:
    """One region."""

    def __init__(self) -> None:
        self.circuits: dict[str, Circuit] = {}
        self.urls: dict[str, str] = {}
        self.condition = Condition()
        self.not_down = asyncio.Event()
        self.not_down.set()
        self.answer_seconds = 0.0
        self.suspected = False
        self.attended = False


class RegionHealth:
    """The regions' health. `run` must run for circuits to close again. Times are the running loop's."""

    def __init__(
        self,
        transport: Transport,
        policy: HealthPolicy = HealthPolicy(),  # noqa: B008 - an immutable value
        on_change: Callable[[Region, Condition], None] = lambda region, condition: None,
    ) -> None:
        self._transport = transport
        self.policy = policy
        self._on_change = on_change
        self._regions: dict[Region, _Watched] = {}
        self._wake = asyncio.Event()

    # what is known

    def condition(self, region: Region) -> Condition:
        watched = self._regions.get(region)
        return watched.condition if watched else Condition()

    def trouble(self, region: Region) -> str | None:
        """Why the region is down, in words; None when it is not."""
        condition = self.condition(region)
        return condition.why if condition.state is State.DOWN else None

    async def until_up(self, region: Region) -> None:
        """Return once the region is not down any more."""
        await self._watched(region).not_down.wait()

    def admit(self, region: Region, service: str) -> None:
        """Raises `Transient` when the service's circuit is open: nothing is sent to it then."""
        circuit = self._watched(region).circuits.get(service)
        if circuit is not None and circuit.open:
            raise Transient(
                f"{service} of {region} does not answer: {circuit.why}", self.policy.probe_seconds_max
            )

    # what is told

    def learn(self, region: Region, service: str, url: str) -> None:
        """Say where a service answers, so that it can be probed."""
        watched = self._watched(region)
        watched.urls[service] = url
        watched.circuits.setdefault(service, Circuit())

    def forget(self, region: Region) -> None:
        """The region was removed, or stands elsewhere now: nothing is known of it."""
        watched = self._regions.pop(region, None)
        if watched is not None:
            watched.not_down.set()

    def answered(self, region: Region, service: str, seconds: float) -> None:
        watched = self._watched(region)
        watched.answer_seconds += _NEW_WEIGHT * (seconds - watched.answer_seconds)
        watched.circuits[service] = watched.circuits.get(service, Circuit()).answered()
        self._judge(region, watched)

    def failed(self, region: Region, service: str, why: str) -> None:
        """A call was refused, not answered, or answered by one of `UNREACHED`."""
        watched = self._watched(region)
        now = asyncio.get_running_loop().time()
        circuit = watched.circuits.get(service, Circuit()).failed(now, why, self.policy)
        if circuit.open:
            self.suspect(region)
            if service not in watched.urls:
                circuit = Circuit(failures=circuit.failures, failed_at=now, why=why)
        watched.circuits[service] = circuit
        self._judge(region, watched)

    def suspect(self, region: Region) -> None:
        """Have the region probed: somebody waits for an answer for long."""
        self._watched(region).suspected = True
        self._wake.set()

    # probing

    async def run(self) -> None:
        """Attend to regions in which something is wrong, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                await self._wake.wait()
                self._wake.clear()
                for region, watched in self._regions.items():
                    if watched.suspected and not watched.attended:
                        watched.attended = True
                        tasks.create_task(self._attend(region, watched))

    async def _attend(self, region: Region, watched: _Watched) -> None:
        """Probe, less and less often, until all its services answer."""
        rounds = 0
        while watched.suspected and self._regions.get(region) is watched:
            watched.suspected = False
            await self._probe_all(region, watched)
            if any(circuit.open for circuit in watched.circuits.values()):
                watched.suspected = True
                trips = max(circuit.trips for circuit in watched.circuits.values())
                await asyncio.sleep(self.policy.delay_seconds(rounds + trips - 1))
                rounds += 1
        watched.attended = False

    async def _probe_all(self, region: Region, watched: _Watched) -> None:
        async with asyncio.TaskGroup() as tasks:
            for service, url in list(watched.urls.items()):
                tasks.create_task(self._probe(region, watched, service, url))
        self._judge(region, watched)

    async def _probe(self, region: Region, watched: _Watched, service: str, url: str) -> None:
        """Any answer will do, also "who are you": only that somebody answers is asked."""
        trouble: str | None = None
        request = Request("GET", url, region, timeout_seconds=self.policy.probe_timeout_seconds)
        try:
            response = await self._transport.send(request)
            if response.status in UNREACHED:
                trouble = f"it answers {response.status}"
        except (Transient, Ambiguous) as silence:
            trouble = str(silence)
        now = asyncio.get_running_loop().time()
        watched.circuits[service] = watched.circuits[service].probed(now, trouble, self.policy)

    # judging

    def _watched(self, region: Region) -> _Watched:
        watched = self._regions.get(region)
        if watched is None:
            watched = self._regions[region] = _Watched()
        return watched

    def _judge(self, region: Region, watched: _Watched) -> None:
        """Draw the region's state from its circuits, and tell it where it changed."""
        state, why = _verdict(watched.circuits, watched.answer_seconds, self.policy)
        before = watched.condition
        if state is State.DOWN:
            watched.not_down.clear()
        else:
            watched.not_down.set()
        if state is before.state:
            watched.condition = msgspec.structs.replace(before, why=why)
            return
        watched.condition = Condition(state, why, asyncio.get_running_loop().time())
        self._on_change(region, watched.condition)


def _verdict(circuits: dict[str, Circuit], answer_seconds: float, policy: HealthPolicy) -> tuple[State, str]:
    own = {name: circuit for name, circuit in circuits.items() if name != IDENTITY} or circuits
    failing = _grouped({name: circuit.why for name, circuit in circuits.items() if circuit.open})
    if own and all(circuit.open for circuit in own.values()):
        return State.DOWN, "no service answers (" + "; ".join(failing) + ")"
    if failing:
        return State.SLOW, "not all services answer (" + "; ".join(failing) + ")"
    if answer_seconds >= policy.slow_seconds:
        return State.SLOW, f"answers take about {answer_seconds:.1f} s"
    return State.UP, ""


def _grouped(troubles: Mapping[str, str]) -> list[str]:
    """Services with the same trouble named together: `compute, network: connection refused`."""
    services: dict[str, list[str]] = {}
    for name, why in troubles.items():
        services.setdefault(why, []).append(name)
    return [f"{', '.join(names)}: {why}" for why, names in services.items()]
