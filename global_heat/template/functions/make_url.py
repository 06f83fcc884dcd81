"""make_url: a URL of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation
from global_heat.template.location import At, Wrong
from global_heat.template.values import first_unknown, kind_of

PARTS = ("scheme", "username", "password", "host", "port", "path", "query", "fragment")
PORT_MAX = 65535


def make_url(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """A map of some of scheme, username, password, host, port, path, query (a map), fragment."""
    if not isinstance(arguments, dict):
        raise Wrong(f"expected a map of {', '.join(PARTS)}, found {kind_of(arguments)}")
    parts = evaluation.resolve(arguments, at)
    unknown = first_unknown(parts)
    if unknown is not None:
        return unknown
    if not isinstance(parts, dict):
        raise Wrong(f"expected a map of {', '.join(PARTS)}, found {kind_of(parts)}", late=True)
    _check(parts)
    return _compose({name: value for name, value in parts.items() if value is not None})


def _check(parts: Mapping[str, Json]) -> None:
    strange = sorted(parts.keys() - set(PARTS))
    if strange:
        raise Wrong(f"expected {', '.join(PARTS)}, found {', '.join(strange)}")
    for name in PARTS:
        value = parts.get(name)
        if value is None or name == "port":
            continue
        kind = dict if name == "query" else str
        if not isinstance(value, kind):
            expected = "a map" if kind is dict else "a text"
            late = name == "fragment" and bool(parts.get("query"))
            raise Wrong(f"expected {name} to be {expected}, found {kind_of(value)}", late=late)
    if parts.get("port") is not None:
        _port(parts["port"])


def _port(value: Json) -> int:
    try:
        port = int(value)
    except (TypeError, ValueError):
        port = 0
    if not 1 <= port <= PORT_MAX:
        raise Wrong(f"expected port to be a number from 1 to {PORT_MAX}, found {kind_of(value)}")
    return port


def _compose(parts: Mapping[str, Json]) -> str:
    scheme = parts.get("scheme", "")
    if ":" in scheme:
        raise Wrong('the scheme must not hold a ":"', late=True)
    for name in ("host", "username", "password", "path"):
        forbidden = {"host": "/", "path": "?#"}.get(name, "")
        if any(character in parts.get(name, "") for character in forbidden):
            raise Wrong(f"{name} must not hold any of {' '.join(forbidden)}", late=True)
    url = f"{scheme}:" if scheme else ""
    authority = _authority(parts)
    if authority:
        url += f"//{authority}"
    path = parts.get("path", "")
    if path:
        url += quote(path if path.startswith("/") or not authority else f"/{path}")
    if parts.get("query"):
        url += "?" + urlencode(parts["query"], quote_via=quote, safe="/")
    if parts.get("fragment"):
        url += "#" + quote(parts["fragment"])
    return url


def _authority(parts: Mapping[str, Json]) -> str:
    authority = ""
    if parts.get("username") or parts.get("password"):
        authority = quote(parts.get("username", ""), safe="")
        if parts.get("password"):
            authority += ":" + quote(parts["password"], safe="")
        authority += "@"
    host = parts.get("host", "")
    if host:
        bracketed = ":" in host and not host.startswith("[")
        authority += f"[{host}]" if bracketed else host
    if parts.get("port") is not None:
        authority += f":{_port(parts['port'])}"
    return authority
