"""OS::Heat::WaitConditionHandle and its twin for updates: what is signalled, for wait conditions to hear."""

from __future__ import annotations

import json
import shlex
import uuid
from collections.abc import Sequence
from typing import ClassVar
from urllib.parse import unquote

from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId
from global_heat.model.signal import Signal
from global_heat.model.values import Body, Json, Properties
from global_heat.resources.local import LocalType
from global_heat.resources.type import Making

STATUSES = ("SUCCESS", "FAILURE")
NO_SIGNAL = "NO_SIGNAL"
_TOKEN_SIGNAL = "TOKEN_SIGNAL"
_ELSEWHERE = {"TEMP_URL_SIGNAL": "Swift", "ZAQAR_SIGNAL": "Zaqar"}


class Handle(LocalType):
    """What all handles do. `words`: what a signal calls its id, status, reason and data."""

    signalled = True
    words: ClassVar[tuple[str, str, str, str]]

    def make(self, making: Making, props: Properties, random_bytes: bytes) -> dict[str, Json]:
        id = making.made.get("id") or uuid.UUID(bytes=random_bytes[:16], version=4).hex
        return {"id": id, "address": making.address, "transport": props.get("signal_transport") or ""}

    def natural_id(self, making: Making, props: Properties) -> PhysicalId:
        return PhysicalId(making.made["id"])

    def accept(self, said: Json, number: int) -> Signal | None:
        said = self.completed(said, number)
        if said is None:
            return None
        id, status, reason, data = self.words
        if not isinstance(said, dict) or set(said) != set(self.words):
            raise Invalid(f"a signal to {self.name} is a map with {', '.join(self.words)} and nothing else")
        if said[status] not in STATUSES:
            raise Invalid(f"{status} is {' or '.join(STATUSES)}, not {said[status]!r}")
        content = {"status": said[status], "reason": str(said[reason] or ""), "data": said[data]}
        return Signal(str(said[id]), content)

    def completed(self, said: Json, number: int) -> Json:
        """What is said, with what may be left out."""
        return said


class WaitConditionHandle(Handle):
    """A signal may leave everything out: it is a success then, and numbered."""

    name = "OS::Heat::WaitConditionHandle"
    kind = "heat.wait_condition_handle"
    supported = frozenset({"signal_transport"})
    words = ("id", "status", "reason", "data")

    def gaps(self, props: Properties) -> list[str]:
        return gap_of_transport(props)

    def completed(self, said: Json, number: int) -> Json:
        if said is not None and not isinstance(said, dict):
            return said
        default = {"id": number, "status": STATUSES[0], "reason": f"Signal {number} received", "data": None}
        return {**default, **(said or {})}

    def attributes(self, id: PhysicalId, body: Body, made: dict[str, Json]) -> dict[str, Json]:
        """Until there is an HTTP endpoint, the API's name of the resource stands for it, and the command
        that signals it for a call of curl; there is no user, and so no token."""
        address, transport = str(made.get("address", "")), made.get("transport")
        by_token = transport == _TOKEN_SIGNAL
        return {
            "show": None,
            "token": None,
            "endpoint": address if by_token else None,
            "curl_cli": command(address) if by_token and address else None,
            "signal": json.dumps(_signal(address, transport)),
        }


class UpdateWaitConditionHandle(Handle):
    """Each update of its stack replaces it: what waits for it then needs signals anew."""

    name = "OS::Heat::UpdateWaitConditionHandle"
    kind = "heat.update_wait_condition_handle"
    renews = True
    words = ("UniqueId", "Status", "Reason", "Data")

    def reference(self, id: PhysicalId, body: Body) -> Json:
        return place(id, body)


def gap_of_transport(props: Properties) -> list[str]:
    """A way to signal that leads through a service which is not spoken to."""
    service = _ELSEWHERE.get(str(props.get("signal_transport")))
    return [f"signal_transport {props['signal_transport']} (it needs {service})"] if service else []


def place(id: PhysicalId, body: Body) -> str:
    """Where to signal this handle, and none that took its place: the API's name, until there is a URL."""
    return f"{body.get('address', '')}?id={id}"


def command(address: str) -> str:
    """The command that signals a resource; `--data-binary` and what it says may follow, as with curl."""
    _, _, _, stack, _, path = address.split("/")
    return f"global-heat resource signal {stack} {shlex.quote(unquote(path))}"


def heard(signals: Sequence[Signal]) -> dict[str, Json]:
    """What a handle has heard, by the signals' ids."""
    return {signal.id: signal.data for signal in signals}


def _signal(address: str, transport: Json) -> Json:
    match transport:
        case "CFN_SIGNAL" | "HEAT_SIGNAL":
            return {"alarm_url": address}
        case "NO_SIGNAL":
            return {}
    return None
