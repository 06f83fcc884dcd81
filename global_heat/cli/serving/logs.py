"""The log: one JSON object a line on stderr, with no secret in it."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Collection
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

HIDDEN = "<hidden>"
_SECRET_NAME = re.compile(
    r"(?:^|[_-])(?:passwords?|passwd|secrets?|tokens?|authorization|credentials?|adminpass|sealed|private_key|"
    r"api_key|user_data|cookie)$",
    re.IGNORECASE,
)
_SECRET_TEXT = (
    # A Fernet token of Keystone.
    (re.compile(r"gAAAA[\w=-]{8,}"), HIDDEN),
    (re.compile(r"eyJ[\w-]{8,}\.[\w-]+\.[\w-]+"), HIDDEN),
    (re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]{4,}"), rf"\1 {HIDDEN}"),
    (
        re.compile(r"(?i)(x-(?:auth|subject|service|cloud)-token['\"]?\s*[:=]\s*['\"]?)[^\s'\",}]+"),
        rf"\1{HIDDEN}",
    ),
    (
        re.compile(
            r"(?i)(['\"]?(?:password|passwd|adminPass|secret|private_key)['\"]?\s*[:=]\s*)"
            r"(?:\"[^\"]*\"|'[^']*'|[^\s,}&]+)"
        ),
        rf"\1{HIDDEN}",
    ),
    (re.compile(r"(\w+://[^\s/:@]+:)[^\s/@]+@"), rf"\1{HIDDEN}@"),
    (
        re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.S),
        HIDDEN,
    ),
)


class Redact:
    """A processor that hides secrets: by a value's name, by its form, and those that are known."""

    def __init__(self, secrets: Collection[str] = ()) -> None:
        self._secrets = tuple(secret for secret in secrets if secret)

    def __call__(self, logger: Any, method: str, event: EventDict) -> EventDict:
        return {name: self._hide(name, value) for name, value in event.items()}

    def _hide(self, name: str, value: Any) -> Any:
        if _SECRET_NAME.search(name) and value not in (None, "", False, True):
            return HIDDEN
        match value:
            case str():
                return self.text(value)
            case dict():
                return {str(key): self._hide(str(key), item) for key, item in value.items()}
            case list() | tuple() | set() | frozenset():
                return [self._hide("", item) for item in value]
            case int() | float() | None:
                return value
            case _:
                return self.text(repr(value))

    def text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, HIDDEN)
        for pattern, instead in _SECRET_TEXT:
            text = pattern.sub(instead, text)
        return text


def set_up_logs(level: str, secrets: Collection[str] = (), **bound: str) -> None:
    """Have everything logged, by us and by libraries, come out as JSON lines. `bound` stands in each."""

    def bind(logger: Any, method: str, event: EventDict) -> EventDict:
        return {**bound, **event}

    number = logging.getLevelNamesMapping()[level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        bind,
    ]
    ending: list[Processor] = [
        structlog.processors.format_exc_info,
        # After the traceback has become text, and before anything is written.
        Redact(secrets),
        structlog.processors.JSONRenderer(),
    ]
    structlog.configure(
        processors=[*shared, *ending],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
    )
    handler = logging.StreamHandler(sys.stderr)
    formatting = [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *ending]
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[*shared, structlog.stdlib.add_logger_name], processors=formatting
        )
    )
    # Libraries at DEBUG print headers and bodies: ours is the log of what was sent.
    logging.basicConfig(level=max(number, logging.INFO), handlers=[handler], force=True)
