"""Zaqar's v2 API: queues and messages. Paths come without `/messaging/v2`."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

import msgspec

from global_heat.model.values import Body
from global_heat.sim.cloud.ground import Ground
from global_heat.sim.cloud.wire import Answer, Call, Refusal

_NAME = re.compile(r"[a-zA-Z0-9_-]{1,64}")
_TTL_MIN, _TTL_MAX = 60, 1_209_600
_POST_BYTES_MAX = 256 * 1024
_PAGE, _PAGE_MAX = 10, 20


class Message(msgspec.Struct, frozen=True):
    """One message as an auditor sees it. Times are unix seconds."""

    region: str
    project: str
    queue: str
    id: str
    sender: str
    """Its `Client-ID`."""
    ttl: int
    body: Any
    posted_at: float


@dataclass
class _Queue:
    metadata: Body
    messages: dict[str, Message] = field(default_factory=dict)
    """By id, the oldest first."""


class Zaqar:
    """Queues are no things that an auditor counts: anybody's message makes one, unless `strict_queues`."""

    def __init__(self, ground: Ground) -> None:
        self._ground = ground
        self._queues: dict[tuple[str, str], _Queue] = {}
        self.history: list[Message] = []
        """All messages that were ever taken, the oldest first."""

    def handle(self, call: Call) -> Answer:
        """Answer one call. Raises Refusal."""
        sender = _sender(call)
        match call.method, call.path:
            case "GET", ["queues"]:
                return self._list_queues(call)
            case _, ["queues", name, *_] if not _NAME.fullmatch(name):
                raise _error(400, "Invalid queue identification", "The format of the name is not valid.")
            case "PUT", ["queues", name]:
                return self._create_queue(call, name)
            case "GET", ["queues", name]:
                return Answer(200, self._queue(call, name).metadata)
            case "DELETE", ["queues", name]:
                self._queues.pop((call.project_id, name), None)
                return Answer(204)
            case "POST", ["queues", name, "messages"]:
                return self._post(call, name, sender)
            case "GET", ["queues", name, "messages"]:
                return self._list_messages(call, name, sender)
            case "GET", ["queues", name, "messages", id]:
                return Answer(200, self._shown(call, self._message(call, name, id)))
            case "DELETE", ["queues", name, "messages", id]:
                self._alive(call, name).pop(id, None)
                return Answer(204)
        raise _error(404, "Not found", "There is no such path.")

    def _list_queues(self, call: Call) -> Answer:
        names = sorted(name for project, name in self._queues if project == call.project_id)
        start, limit = call.parameter("marker") or "", _limit(call)
        page = [name for name in names if name > start][:limit]
        queues = [{"name": name, "href": f"/v2/queues/{name}"} for name in page]
        links = [_next("/v2/queues", page[-1], limit)] if page else []
        return Answer(200, {"queues": queues, "links": links})

    def _create_queue(self, call: Call, name: str) -> Answer:
        is_new = (call.project_id, name) not in self._queues
        if is_new:
            self._queues[call.project_id, name] = _Queue(call.json())
        return Answer(201 if is_new else 204, None, {"location": f"/v2/queues/{name}"})

    def _post(self, call: Call, name: str, sender: str) -> Answer:
        if len(call.raw) > _POST_BYTES_MAX:
            raise _error(400, "Invalid API request", "Message collection size is too large.")
        given = call.json().get("messages")
        if not isinstance(given, list) or not given:
            raise _error(400, "Invalid API request", "No messages were found in the request body.")
        wished = [_wished(each) for each in given]
        if (call.project_id, name) not in self._queues and not self._ground.faults.strict_queues:
            self._queues[call.project_id, name] = _Queue({})
        queue = self._queue(call, name)
        hrefs = []
        for ttl, body in wished:
            message = Message(
                self._ground.region, call.project_id, name, self._new_id(), sender, ttl, body, call.now
            )
            queue.messages[message.id] = message
            self.history.append(message)
            hrefs.append(_href(message))
        return Answer(201, {"resources": hrefs}, {"location": f"/v2/queues/{name}/messages"})

    def _list_messages(self, call: Call, name: str, sender: str) -> Answer:
        """One's own are left out, unless `echo`."""
        limit, marker = _limit(call), call.parameter("marker") or ""
        echo = (call.parameter("echo") or "").lower() == "true"
        found = list(self._alive(call, name).values())
        if marker:
            ids = [message.id for message in found]
            found = found[ids.index(marker) + 1 :] if marker in ids else []
        page = [message for message in found if echo or message.sender != sender][:limit]
        more = f"&echo={str(echo).lower()}"
        links = [_next(f"/v2/queues/{name}/messages", page[-1].id, limit, more)] if page else []
        return Answer(200, {"messages": [self._shown(call, each) for each in page], "links": links})

    def _alive(self, call: Call, name: str) -> dict[str, Message]:
        """The messages of a queue that are not too old; {} when there is no such queue."""
        queue = self._queues.get((call.project_id, name))
        if queue is None:
            return {}
        for message in list(queue.messages.values()):
            if call.now >= message.posted_at + message.ttl:
                del queue.messages[message.id]
        return queue.messages

    def _message(self, call: Call, name: str, id: str) -> Message:
        message = self._alive(call, name).get(id)
        if message is None:
            raise _error(404, "Not found", f"Message {id} does not exist in queue {name}")
        return message

    def _queue(self, call: Call, name: str) -> _Queue:
        queue = self._queues.get((call.project_id, name))
        if queue is None:
            raise _error(404, "Not found", f"Queue {name} does not exist for project {call.project_id}")
        return queue

    def _shown(self, call: Call, message: Message) -> Body:
        return {
            "id": message.id,
            "href": _href(message),
            "ttl": message.ttl,
            "age": int(call.now - message.posted_at),
            "body": message.body,
        }

    def _new_id(self) -> str:
        return self._ground.new_id().replace("-", "")[:24]


def _sender(call: Call) -> str:
    given = call.headers.get("client-id", "")
    try:
        return str(uuid.UUID(given))
    except ValueError:
        raise _error(400, "Wrong UUID value", "Malformed hexadecimal UUID.") from None


def _wished(given: object) -> tuple[int, object]:
    """A message's time to live and its body."""
    if not isinstance(given, dict) or "body" not in given:
        raise _error(400, "Invalid request body", 'Missing "body" field.')
    ttl = given.get("ttl", 3600)
    if not isinstance(ttl, int):
        raise _error(400, "Invalid request body", 'The value of the "ttl" field must be a int.')
    if not _TTL_MIN <= ttl <= _TTL_MAX:
        limits = f"may not exceed {_TTL_MAX} seconds, and must be at least {_TTL_MIN} seconds long."
        raise _error(400, "Invalid API request", f"The TTL for a message {limits}")
    return ttl, given["body"]


def _limit(call: Call) -> int:
    given = call.parameter("limit") or str(_PAGE)
    if not given.isdecimal() or not 0 < int(given) <= _PAGE_MAX:
        raise _error(400, "Invalid API request", f"Limit must be at least 1 and at most {_PAGE_MAX}.")
    return int(given)


def _href(message: Message) -> str:
    return f"/v2/queues/{message.queue}/messages/{message.id}"


def _next(path: str, marker: str, limit: int, more: str = "") -> Body:
    return {"rel": "next", "href": f"{path}?marker={marker}&limit={limit}{more}"}


def _error(status: int, title: str, description: str) -> Refusal:
    return Refusal(status, {"title": title, "description": description})
