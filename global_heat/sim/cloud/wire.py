"""A request as a service reads it, and its answer, in the words all services share."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import msgspec

from global_heat.model.values import Body
from global_heat.regions.transport import Response
from global_heat.sim.cloud.keystone.tokens import Grant

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder().decode
Version = tuple[int, int]
"""A microversion."""


class Refusal(Exception):
    """A service says no: a status and the body of that service's kind."""

    def __init__(self, status: int, body: Body | str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body
        self.headers = headers or {}


@dataclass(slots=True)
class Answer:
    status: int
    body: Body | str | None = None
    headers: Mapping[str, str] | None = None


@dataclass(slots=True)
class Call:
    """One request on its way through a service."""

    method: str
    service: str
    """The first segment of the path: identity, compute, network, volume, image, messaging."""
    path: list[str]
    """The segments after the service's version."""
    query: list[tuple[str, str]]
    headers: Mapping[str, str]
    """Lower-case names."""
    raw: bytes
    base_url: str
    """`http://host:port` that the caller used."""
    url_path: str
    """The whole path, without the query."""
    request_id: str
    at_version: bool = False
    """Whether the path names a version at all."""
    now: float = 0.0
    grant: Grant | None = None
    version: Version = (0, 0)

    def parameter(self, name: str) -> str | None:
        for key, value in self.query:
            if key == name:
                return value
        return None

    @property
    def who(self) -> Grant:
        assert self.grant is not None, "only an authenticated call has somebody behind it"
        return self.grant

    @property
    def project_id(self) -> str:
        return self.who.project_id or ""

    def json(self) -> Body:
        """The body as an object; {} when it is none."""
        try:
            body = _decode(self.raw)
        except msgspec.DecodeError:
            return {}
        return body if isinstance(body, dict) else {}


def split_url(url: str) -> tuple[str, str, list[str], list[tuple[str, str]]]:
    """Split an absolute URL in base, path, the path's segments and the query."""
    start = url.find("/", url.find("//") + 2)
    if start < 0:
        return url, "", [], []
    path, _, query = url[start:].partition("?")
    segments = [segment for segment in path.split("/") if segment]
    if "%" in path:
        segments = [unquote(segment) for segment in segments]
    return url[:start], path, segments, parse_qsl(query, keep_blank_values=True) if query else []


def render(answer: Answer, headers: dict[str, str]) -> Response:
    """Make the bytes of an answer."""
    if answer.headers:
        headers.update(answer.headers)
    if answer.body is None:
        return Response(answer.status, headers, b"")
    if isinstance(answer.body, str):
        headers.setdefault("content-type", "text/plain; charset=UTF-8")
        return Response(answer.status, headers, answer.body.encode())
    headers["content-type"] = "application/json"
    return Response(answer.status, headers, _encode(answer.body))
