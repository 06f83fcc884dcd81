"""The checker is worth what it finds: protocols known to be wrong, which it must catch."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
import structlog
from conftest import Stage

from global_heat.engine import commits, creating, guards, sweeper
from global_heat.engine.resource import adopt
from global_heat.model.records import AttemptState
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate
from global_heat.sim.schedule import PROFILES, run_seed

SEEDS = 20


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


async def late_after_a_take_over(stage: Stage) -> None:
    sent = stage.meets(Fate(delay_seconds=40.0, hold_seconds=4.0), "/networks")
    await stage.create(Site("s0", "east", ports=0))
    await sent.wait()
    await stage.owner("east").kill()
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") == 2)


async def late_after_a_delete(stage: Stage) -> None:
    sent = stage.meets(Fate(delay_seconds=50.0, hold_seconds=4.5), "/networks")
    await stage.create(Site("s0", "east", ports=0))
    await sent.wait()
    await stage.owner("east").kill()
    await stage.world.user.delete("web")
    await stage.settled()
    await stage.until(lambda: stage.made("network.network") >= 1)


def test_without_a_sweeper_late_requests_leave_orphans(monkeypatch):
    async def no_run(self):
        await asyncio.Event().wait()

    monkeypatch.setattr(sweeper.Sweeper, "run", no_run)
    assert 18 in violated(10)


def test_closing_on_a_timer_leaves_orphans(monkeypatch, play):
    """Without the fence: whoever stops looking before a late request can land leaves what it makes."""
    real = sweeper.Sweeper._note

    async def on_a_timer(self, attempt, *rest):
        soon = msgspec.structs.replace(attempt, cred_expires_at=attempt.started_at - 7.0)
        await real(self, soon, *rest)

    monkeypatch.setattr(sweeper.Sweeper, "_note", on_a_timer)
    with pytest.raises(AssertionError, match=r"invariant=(8|18)"):
        play(late_after_a_delete)


def test_trying_again_without_condemning_makes_doubles(monkeypatch, play):
    monkeypatch.setattr(creating, "condemn", lambda before: before)
    with pytest.raises(AssertionError, match=r"invariant=(8|9)"):
        play(late_after_a_take_over)


def test_a_sweeper_that_spares_adopted_tokens_leaves_what_was_replayed(monkeypatch, play):
    real = guards._why_alive

    def spares(thing, place, attempt):
        adopted = attempt.state is AttemptState.ADOPTED
        return guards.Spared.WANTED if adopted else real(thing, place, attempt)

    monkeypatch.setattr(guards, "_why_alive", spares)

    async def replayed(stage: Stage) -> None:
        stage.meets(Fate(replay_after_seconds=20.0), "/networks")
        await stage.create(Site("s0", "east", ports=0))
        await stage.settled()
        await stage.until(lambda: stage.made("network.network") == 2)

    with pytest.raises(AssertionError, match=r"invariant=(8|9)"):
        play(replayed)


def test_an_owner_whose_writes_do_not_compare_its_claim_takes_from_its_successor(monkeypatch):
    """Two owners at once: a stopped one that goes on writes over what the next one has done."""
    real = commits.compose

    def unfenced(*arguments):
        transaction = real(*arguments)
        transaction.guards = [guard for guard in transaction.guards if not guard.key.startswith("claims/")]
        return transaction

    monkeypatch.setattr(commits, "compose", unfenced)
    assert 5 in violated(3)
