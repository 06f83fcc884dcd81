"""Wrong ways to tell event sinks what has happened."""

from __future__ import annotations

import asyncio
from typing import Any

from pytest import MonkeyPatch

from global_heat.engine import publishing
from global_heat.engine.publishing import Publisher
from global_heat.engine.reaper import Reaper
from global_heat.model.errors import Error
from global_heat.sim.blueprints import Blueprint, Site
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.stage import Stage
from tests.mutants.registry import mutant

NET = Blueprint((Site("s0", "east", ports=0), Site("s1", "west", ports=0)))
SINKS = {"event_sinks": [{"type": "zaqar-queue", "target": "q"}]}
_POST = "/queues/q/messages"


def _ill(stage: Stage, fate: Fate, times: int | None = None) -> None:
    stage.world.cloud.regions["east"].faults.add(Disturbance(fate, ("POST",), _POST, times=times))


async def _create(stage: Stage) -> None:
    await stage.world.user.create("web", NET.template(), environment=SINKS)


async def told(stage: Stage) -> None:
    await _create(stage)
    await stage.settled()


async def unheard_post(stage: Stage) -> None:
    """Two posts never arrive, and nobody is told so."""
    _ill(stage, Fate(dropped=True), times=2)
    await told(stage)


async def killed_before_posting(stage: Stage) -> None:
    """The owner of the shard dies when all is recorded and nothing is posted."""
    _ill(stage, Fate(dropped=True), times=2)
    await _create(stage)
    await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
    await stage.owner("east").kill()
    await stage.settled()


async def deaf_at_the_end(stage: Stage) -> None:
    """The queue takes nothing for a while after the stack is gone."""
    await told(stage)
    _ill(stage, Fate(status=503))
    await stage.world.user.delete("web")
    await stage.until(lambda: stage.world.headers()[0].deleted)
    await asyncio.sleep(200.0)
    stage.world.cloud.regions["east"].faults.clear_rules()
    await stage.settled_all()


@mutant(killed_before_posting, finds={28}, profile="told")
def heir_tells_only_of_its_own(patch: MonkeyPatch) -> None:
    """An heir begins to tell with what is recorded after it came."""
    real = publishing._Feed.__init__

    def forgetful(self: Any, publisher: Any, *arguments: Any) -> None:
        real(self, publisher, *arguments[:-1], publisher.book.record.events)

    patch.setattr(publishing._Feed, "__init__", forgetful)


@mutant(unheard_post, finds={28}, profile="told")
def unanswered_post_taken_as_done(patch: MonkeyPatch) -> None:
    """A post without an answer is believed to have been taken."""
    real = publishing._Feed._post

    async def trusting(self: Any, messages: Any) -> None:
        try:
            await real(self, messages)
        except Error:
            return

    patch.setattr(publishing._Feed, "_post", trusting)


@mutant(killed_before_posting, unheard_post, finds={28}, profile="told")
def shard_ends_before_all_is_told(patch: MonkeyPatch) -> None:
    """A shard that has nothing left to do is given up, whatever is still to be told."""
    patch.setattr(Publisher, "behind", property(lambda self: False))


@mutant(told, finds={28}, profile="told")
def told_in_no_order(patch: MonkeyPatch) -> None:
    """What has happened last is told first."""
    real = publishing.due

    def backwards(*arguments: Any) -> Any:
        return real(*arguments)[::-1]

    patch.setattr(publishing, "due", backwards)


@mutant(deaf_at_the_end, finds={28}, profile="told")
def trust_gone_before_all_is_told(patch: MonkeyPatch) -> None:
    """The trust of a deleted stack is given up while its events are still to be posted."""

    async def careless(self: Any, header: Any) -> bool:
        return False

    patch.setattr(Reaper, "_still_told", careless)
