"""make_url: a URL of its parts."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote, urlencode, urlunsplit

from global_heat.model.values import Json
from global_heat.template.evaluation import Evaluation, is_function
from global_heat.template.location import At, Wrong
from global_heat.template.values import first_unknown, kind_of

PARTS = ("scheme", "username", "password", "host", "port", "path", "query", "fragment")
PORT_MAX = 65535


def make_url(arguments: Json, evaluation: Evaluation, at: At) -> Json:
    """A map of some of scheme, username, password, host, port, path, query (a map), fragment."""
    functions = evaluation.scope.functions
    if not isinstance(arguments, dict) or is_function(arguments, functions):
        raise Wrong(f"expected a map of {', '.join(PARTS)}, found {kind_of(arguments)}")
    strange = sorted(arguments.keys() - set(PARTS))
    if strange:
        raise Wrong(f"expected {', '.join(PARTS)}, found {', '.join(strange)}")
    _check({name: part for name, part in arguments.items() if not is_function(part, functions)}, late=False)
    parts = evaluation.resolve(arguments, at)
    unknown = first_unknown(parts)
    if unknown is not None:
        return unknown
    _check(parts, late=True)
    return _compose(parts)


def _check(parts: Mapping[str, Json], *, late: bool) -> None:
    """Check what is written before it is evaluated, and the rest once it is known."""
    for name in PARTS:
        if name not in parts:
            continue
        value = parts[name]
        if name == "port":
            _check_port(value, late=late)
            continue
        kind, expected = (dict, "a map") if name == "query" else (str, "a text")
        if not isinstance(value, kind):
            is_late = late or (name == "fragment" and "query" in parts)
            raise Wrong(f"expected {name} to be {expected}, found {kind_of(value)}", late=is_late)


def _check_port(value: Json, *, late: bool) -> None:
    try:
        port = int(value)
    except (TypeError, ValueError, OverflowError):
        port = 0
    if not 1 <= port <= PORT_MAX:
        raise Wrong(f"expected port to be a number from 1 to {PORT_MAX}, found {kind_of(value)}", late=late)


def _compose(parts: Mapping[str, Json]) -> str:
    scheme = parts.get("scheme", "")
    if ":" in scheme:
        raise Wrong('the scheme must not hold a ":"', late=True)
    query = urlencode(parts.get("query", {})).replace("%2F", "/")
    path, fragment = quote(parts.get("path", "")), quote(parts.get("fragment", ""))
    return str(urlunsplit((scheme, _authority(parts), path, query, fragment)))


def _authority(parts: Mapping[str, Json]) -> str:
    user, password = (quote(parts.get(name, ""), safe="") for name in ("username", "password"))
    authority = f"{user}:{password}@" if password else f"{user}@" if user else ""
    host = parts.get("host", "")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    host = quote(host, safe=":")
    authority += f"[{host}]" if ":" in host else host
    return f"{authority}:{parts['port']}" if "port" in parts else authority
