"""The log: JSON lines, and no secret in them whatever way it comes."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog

from global_heat.cli.serving.logs import HIDDEN, Redact, set_up_logs

TOKEN = "gAAAAABk" + "x1-_" * 20
CANARY = "canary-5eb1"
Lines = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Lines]:
    """What was logged since; logs have to be set up in the test, for each phase of it has its own stderr."""

    def read() -> list[dict[str, Any]]:
        return [json.loads(line) for line in capsys.readouterr().err.splitlines()]

    yield read
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.getLogger().handlers.clear()


def test_a_line_says_when_how_grave_who_and_what(lines: Lines) -> None:
    set_up_logs("debug", part="test")
    structlog.contextvars.bind_contextvars(stack="s1", attempt="t1")
    structlog.get_logger().info("called", region="east", request_id="req-1")
    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "info",
        "part": "test",
        "event": "called",
        "stack": "s1",
        "attempt": "t1",
        "region": "east",
        "request_id": "req-1",
    }


def test_other_libraries_log_in_the_same_way(lines: Lines) -> None:
    set_up_logs("info")
    logging.getLogger("aiohttp").warning("sent X-Auth-Token: %s", CANARY)
    (line,) = lines()
    assert (line["level"], line["logger"], line["event"]) == (
        "warning",
        "aiohttp",
        f"sent X-Auth-Token: {HIDDEN}",
    )


def test_an_exception_is_shown_without_its_secrets(lines: Lines) -> None:
    set_up_logs("info", ("hunter22",))
    try:
        raise ValueError(f"refused token {TOKEN} of hunter22")
    except ValueError:
        structlog.get_logger().exception("broke")
    (line,) = lines()
    assert "Traceback" in line["exception"] and "ValueError: refused token" in line["exception"]
    assert TOKEN not in line["exception"] and "hunter22" not in line["exception"]


def test_below_the_level_nothing_is_logged(lines: Lines) -> None:
    set_up_logs("warning")
    structlog.get_logger().info("quiet")
    logging.getLogger("x").info("quiet")
    assert lines() == []


@pytest.mark.parametrize(
    "event",
    [
        {"password": CANARY},
        {"adminPass": CANARY},
        {"x-auth-token": CANARY},
        {"headers": {"X-Auth-Token": CANARY, "Authorization": CANARY}},
        {"body": {"auth": [{"user": {"password": CANARY}}]}},
        {"service_password": CANARY},
        {"credential": {"any": CANARY}},
        {"error": f'{{"password": "{CANARY}"}}'},
        {"error": f"{{'adminPass': '{CANARY}'}}"},
        {"error": f"password={CANARY}&x=1"},
        {"error": f"Authorization: Bearer {CANARY}"},
        {"error": f"X-Subject-Token: {CANARY}"},
        {"url": f"https://me:{CANARY}@host/path"},
        {"error": f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n-----END RSA PRIVATE KEY-----"},
        {"why": ValueError(f"secret: {CANARY}")},
    ],
)
def test_a_secret_is_hidden(event: dict[str, Any]) -> None:
    assert CANARY not in json.dumps(Redact()(None, "info", dict(event)))


@pytest.mark.parametrize(
    "event",
    [
        {"attempt": "abcdefgh234567" * 3, "stack": "s", "claims": 3, "parked": None, "ok": True},
        {"path": "/v3/OS-TRUST/trusts/1", "seconds": 0.5},
        {"error": "the replica's lease is about to end: nothing is changed now"},
        {"url": "https://host:5000/v3"},
    ],
)
def test_what_is_no_secret_stays(event: dict[str, Any]) -> None:
    assert Redact()(None, "info", dict(event)) == event
