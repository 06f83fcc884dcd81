"""How long to wait before the next try."""

from __future__ import annotations

from global_heat.engine.backoff import Backoff
from global_heat.engine.ports import Settings

SETTINGS = Settings(backoff_seconds=0.5, backoff_seconds_max=3.0)


def test_waits_double_up_to_the_most():
    backoff = Backoff(SETTINGS)
    assert [backoff.next() for _ in range(5)] == [0.5, 1.0, 2.0, 3.0, 3.0]
    assert backoff.count == 5


def test_a_wait_is_at_least_what_the_service_asked_for_and_no_shorter_than_its_own():
    backoff = Backoff(SETTINGS)
    assert [backoff.next(least) for least in (10.0, 0.1, 0.0, None)] == [10.0, 1.0, 2.0, 3.0]


def test_a_new_one_begins_at_the_least():
    Backoff(SETTINGS).next()
    assert Backoff(SETTINGS).next() == 0.5
