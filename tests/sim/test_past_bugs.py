"""Bugs of the past, each put back as it was: whatever found it must still find it.

A change to the simulator or its checker that lets one of them pass has lost an eye. The table in
`docs/reliability.md` tells what each of them was.
"""

from __future__ import annotations

import msgspec
import pytest
import structlog

from global_heat.engine import cleaning
from global_heat.engine.inventory import Inventory
from global_heat.engine.job import Job
from global_heat.model.records import AttemptState, ShardRecord
from global_heat.sim.blueprints import Site
from global_heat.sim.schedule import PROFILES, run_seed
from global_heat.store.codec import decode
from global_heat.store.wishes import Wishes

SEEDS = 40


def is_violated(invariant: int, profile: str = "rough", first: int = 0) -> bool:
    """Whether a schedule finds it; the first that does is the last."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    reports = (run_seed(seed, PROFILES[profile]) for seed in range(first, first + SEEDS))
    return any(violation.invariant == invariant for report in reports for violation in report.violations)


def test_two_regions_that_let_go_at_once_wake_a_third(monkeypatch):
    """Each saw the other's resource still standing on the third region's, so neither told its owner."""

    def take_freed(self):
        freed = [ref for ref in self._let_go if not self._required_by.get(ref)]
        self._let_go.clear()
        return freed

    monkeypatch.setattr(Inventory, "take_freed", take_freed)
    assert is_violated(16, "mixed", first=40), "a stack that is never done"


def test_a_closed_attempt_stays_closed(monkeypatch):
    """The owner saw its thing gone after the sweeper had closed the attempt, and opened it again."""

    def gone(before):
        closes = before.settled and before.state is AttemptState.CONDEMNED
        state = AttemptState.CLOSED if closes else AttemptState.CONDEMNED
        return msgspec.structs.replace(before, gone=True, state=state)

    monkeypatch.setattr(cleaning, "_gone", gone)
    assert is_violated(13), "a ledger that goes back"


async def outage(stage):
    """A region that is down while a stack is made there, and comes back."""
    east = stage.world.cloud.regions["east"].faults
    east.unreachable = True
    await stage.create(Site("a", "east", ports=2), Site("b", "west"))
    await stage.until(lambda: any(parked(stage)))
    east.unreachable = False
    await stage.settled()
    assert not any(parked(stage)), "nothing is waited for any more"


def parked(stage):
    """Of each shard, whether its record says that it waits for its region."""
    found = stage.world.cluster.scan("stacks/", "", stage.world.cluster.revision)
    records = (decode(ShardRecord, e.value) for e in found if e.key.split("/")[3] == "shards")
    return [record.parked is not None for record in records]


def test_what_is_parked_is_said_to_go_on(play):
    play(outage)


def test_a_shard_parked_for_ever_is_found(play, monkeypatch):
    """The wait was recorded, its end only by the owner that had begun to wait, and not by its heirs."""

    async def never(self):
        return

    monkeypatch.setattr(Job, "_unpark", never)
    monkeypatch.setattr(Job, "unparked", lambda self, record: record)
    with pytest.raises(AssertionError, match="nothing is waited for"):
        play(outage)


async def rolled_back_to_nothing(stage):
    """A stack whose first create failed and was undone, and is asked for again."""
    stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
    site = Site("a", "east", ports=1, servers=1)
    await stage.create(site, rollback=True)
    assert await stage.settled() == "ROLLBACK_COMPLETE"
    await stage.update(site)
    assert await stage.settled() == "UPDATE_COMPLETE"


def test_a_stack_that_was_rolled_back_to_nothing_can_be_updated(play):
    play(rolled_back_to_nothing)


def test_reading_the_present_revision_of_a_stack_that_has_none_is_found(play, monkeypatch):
    """What must not change was looked up in a revision that did not exist."""

    async def refuse_immutable(self, view, tree):
        await self._documents.tree(view.header, view.header.revision)

    monkeypatch.setattr(Wishes, "refuse_immutable", refuse_immutable)
    with pytest.raises(AssertionError, match="revision 0"):
        play(rolled_back_to_nothing)
