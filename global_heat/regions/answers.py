"""What a service's answer means: its body, or one of the errors. Pure.

A refusal counts as definite only if the service itself made it, and not a proxy before it that lost its way:
a 404 of a proxy read as "there is no such thing" would forget what exists.
"""

from __future__ import annotations

import html
import re
from email.utils import parsedate_to_datetime

import msgspec

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.values import Body, Json
from global_heat.regions.cloud import Conflict, Gone, ServiceRefusal
from global_heat.regions.transport import Response

_REQUEST_IDS = ("x-openstack-request-id", "x-compute-request-id", "x-trans-id")
_FERNET = re.compile(r"gAAAA[\w=-]{16,}")
_MESSAGE_CHARACTERS_MAX = 1000
_RETRY_SECONDS_MAX = 3600.0
_decode = msgspec.json.Decoder().decode


def read(response: Response, service: str, region: str, changes: bool) -> Body:
    """Give the answer's JSON object, {} when it is empty.

    `changes` tells whether the call may have changed something. Raises `ServiceRefusal`, `Transient`,
    `Ambiguous` (only if it changes something).
    """
    status = response.status
    if 200 <= status < 300:
        body = _json(response)
        if isinstance(body, dict):
            return body
        raise _unclear(response, service, region, changes, f"answered {status} with something unreadable")
    if status == 429:
        raise Transient(f"{service} of {region} has too much to do", retry_after_of(response))
    if status == 401 or (400 <= status < 500 and status != 408 and _is_service(response)):
        raise refusal(response, service, region)
    if 300 <= status < 400:
        what = f"answered {status}, a redirect: is its endpoint in the catalogue right?"
    else:
        what = f"answered {status}: {message_of(response)}"
    raise _unclear(response, service, region, changes, what)


def refusal(response: Response, service: str, region: str) -> ServiceRefusal:
    """The definite error that a service's own 4xx is."""
    kind = {404: Gone, 409: Conflict}.get(response.status, ServiceRefusal)
    return kind(response.status, service, region, message_of(response), request_id_of(response))


def request_id_of(response: Response) -> str:
    """What the service calls the request in its logs; empty if it does not say."""
    return next((response.headers[name] for name in _REQUEST_IDS if name in response.headers), "")


def retry_after_of(response: Response) -> float | None:
    """The service's wish in seconds. A date counts from the date of the answer."""
    wish = response.headers.get("retry-after", "").strip()
    if wish.isdecimal():
        return min(float(wish), _RETRY_SECONDS_MAX)
    try:
        then, now = (parsedate_to_datetime(text) for text in (wish, response.headers.get("date", "")))
        return min(max((then - now).total_seconds(), 0.0), _RETRY_SECONDS_MAX)
    except (ValueError, TypeError):
        return None


def message_of(response: Response) -> str:
    """The service's own words, whichever way it wraps them; without tokens."""
    body = _json(response)
    message = _message_in(body) if isinstance(body, dict) else ""
    if not message:
        message = _plain_text(response.body)
    message = _FERNET.sub("<token>", message)[:_MESSAGE_CHARACTERS_MAX]
    return message or f"status {response.status}"


def _is_service(response: Response) -> bool:
    """Whether an OpenStack service made this answer: it names the request, or wraps its error as they do."""
    if request_id_of(response) or "www-authenticate" in response.headers:
        return True
    body = _json(response)
    if not isinstance(body, dict):
        return False
    wrapped = isinstance(body.get("error"), dict) or (
        len(body) == 1 and isinstance(next(iter(body.values())), dict)
    )
    return wrapped or bool(body.keys() & {"NeutronError", "faultstring", "request_id"})


def _message_in(body: Body) -> str:
    """Flat, or wrapped once: `{"itemNotFound": {"message": …}}`, `{"NeutronError": …}`, `{"error": …}`."""
    for name in ("message", "faultstring", "error_message", "description"):
        if isinstance(body.get(name), str):
            return str(body[name])
    for value in body.values():
        if isinstance(value, dict) and (message := _message_in(value)):
            return message
    return next((value for value in body.values() if isinstance(value, str)), "")


def _json(response: Response) -> Json:
    """The body as JSON: {} when empty, None when it is none."""
    if not response.body.strip():
        return {}
    try:
        return _decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def _plain_text(body: bytes) -> str:
    """The text of a page of HTML, or text as it is."""
    text = body.decode(errors="replace")
    text = re.sub(r"(?is)<(head|style|script)\b.*?</\1>", " ", text)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", text)).split())


def _unclear(
    response: Response, service: str, region: str, changes: bool, what: str
) -> Transient | Ambiguous:
    message = f"{service} of {region} {what}"
    if request_id := request_id_of(response):
        message += f" ({request_id})"
    return Ambiguous(message) if changes else Transient(message, retry_after_of(response))
