"""Pages and filters of lists."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import TypeVar

import msgspec
from google.protobuf.message import Message

from global_heat.model.errors import Fault, Invalid

PAGE_SIZE = 100
PAGE_SIZE_MAX = 1000

T = TypeVar("T")


def page(
    request: Message, items: Iterable[T], key_of: Callable[[T], tuple[str, ...]], *, falling: bool = False
) -> tuple[Sequence[T], str]:
    """The page that a request asks for, in the order of the keys, and the token of the next one.

    The token holds the last key shown, so that what comes and goes between two pages is neither shown twice
    nor moves the rest.
    """
    size: int = request.page_size  # type: ignore[attr-defined]
    token: str = request.page_token  # type: ignore[attr-defined]
    if size < 0:
        raise Invalid("the page is too small", Fault("page_size", "must not be negative"))
    size = min(size or PAGE_SIZE, PAGE_SIZE_MAX)
    query = _query(request)
    rest = sorted(items, key=key_of, reverse=falling)
    if token:
        last = _last(token, query)
        rest = [item for item in rest if (key_of(item) < last if falling else key_of(item) > last)]
    shown = rest[:size]
    return shown, _token(key_of(shown[-1]), query) if len(rest) > size else ""


def filtered(
    text: str, items: Sequence[T], fields: Mapping[str, Callable[[T], str | Sequence[str]]]
) -> Sequence[T]:
    """Those items that meet all terms of a filter: `status=FAILED AND name=web*`."""
    tests = [_term(term, fields) for term in text.split(" AND ")] if text.strip() else []
    return [item for item in items if all(test(item) for test in tests)]


def _term(text: str, fields: Mapping[str, Callable[[T], str | Sequence[str]]]) -> Callable[[T], bool]:
    name, sign, pattern = (part.strip() for part in text.partition("="))
    field = fields.get(name)
    if not sign or field is None:
        known = ", ".join(f"{name}=" for name in sorted(fields))
        raise Invalid(
            "the filter cannot be read", Fault("filter", f"{text.strip()!r}: use {known}, with AND")
        )
    pattern = pattern.strip('"')

    def test(item: T) -> bool:
        value = field(item)
        values = [value] if isinstance(value, str) else value
        return any(fnmatchcase(each, pattern) for each in values)

    return test


def _query(request: Message) -> str:
    """Tells whether two requests ask for the same list."""
    same = type(request)()
    same.CopyFrom(request)
    for field in ("page_token", "page_size"):
        same.ClearField(field)
    return hashlib.sha256(same.SerializeToString(deterministic=True)).hexdigest()[:12]


def _token(last: tuple[str, ...], query: str) -> str:
    return base64.urlsafe_b64encode(msgspec.json.encode((query, last))).decode().rstrip("=")


def _last(token: str, query: str) -> tuple[str, ...]:
    try:
        data = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
        asked, last = msgspec.json.decode(data, type=tuple[str, tuple[str, ...]])
    except ValueError:
        asked, last = "", ()
    if asked != query:
        message = "must be the next_page_token of a page of this very list"
        raise Invalid("the page token cannot be used", Fault("page_token", message))
    return last
