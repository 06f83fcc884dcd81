"""The checker is worth what it finds: protocols known to be wrong, which it must catch."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from global_heat.engine import creating, sweeper
from global_heat.engine.resource import adopt
from global_heat.sim.schedule import PROFILES, run_seed

SEEDS = 60


def violated(seeds: int = SEEDS) -> set[int]:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    found: set[int] = set()
    for seed in range(seeds):
        found.update(violation.invariant for violation in run_seed(seed, PROFILES["rough"]).violations)
    return found


def test_create_then_record_leaves_orphans(monkeypatch):
    """The naive order: the request first, the record of it afterwards."""

    class Naive(creating._Attempts):
        async def _intend(self, opened, props):
            write = self._resource.write

            async def only_remember(incarnation, *events, attempts=None):
                self.unwritten = dict(attempts)

            self._resource.write = only_remember
            try:
                await super()._intend(opened, props)
            finally:
                self._resource.write = write

        async def _adopt(self, id, body):
            write = self._resource.write

            async def with_intent(incarnation, *events, attempts=None):
                intent = self.unwritten[incarnation.token](None)
                await write(incarnation, *events, attempts={incarnation.token: lambda _: adopt(id)(intent)})

            self._resource.write = with_intent
            try:
                await super()._adopt(id, body)
            finally:
                self._resource.write = write

    monkeypatch.setattr(creating, "_Attempts", Naive)
    found = violated()
    assert 6 in found, "a request without an intent"
    assert found & {8, 18}, "an orphan"


def test_without_a_sweeper_late_requests_leave_orphans(monkeypatch):
    async def no_run(self):
        await asyncio.Event().wait()

    monkeypatch.setattr(sweeper.Sweeper, "run", no_run)
    assert 18 in violated(10)


def test_closing_before_the_fence_leaves_orphans(monkeypatch):
    real = sweeper.Sweeper._note

    async def on_a_timer(self, attempt, entry, begun, seen, swept):
        import msgspec

        soon = msgspec.structs.replace(attempt, cred_expires_at=attempt.started_at - 7.0)
        await real(self, soon, entry, begun, seen, swept)

    monkeypatch.setattr(sweeper.Sweeper, "_note", on_a_timer)
    assert violated() & {8, 18}


@pytest.mark.parametrize("when", ["at once"])
def test_trying_again_without_condemning_makes_doubles(monkeypatch, when):
    monkeypatch.setattr(creating, "condemn", lambda before: before)
    assert violated() & {0, 8, 9, 12, 13, 18}
