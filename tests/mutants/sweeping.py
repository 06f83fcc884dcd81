"""Wrong ways to sweep."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from pytest import MonkeyPatch

from global_heat.engine import guards
from global_heat.engine.guards import Spared
from global_heat.engine.orphan_finder import OrphanFinder
from global_heat.engine.sweeper import Sweeper
from global_heat.model.records import AttemptState
from tests.mutants import stories
from tests.mutants.registry import mutant
from tests.sim import leaving_stories


@mutant(stories.late_after_a_take_over, finds={8, 18})
def no_sweeper(patch: MonkeyPatch) -> None:
    """Nobody looks for what attempts left."""

    async def never(self: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(Sweeper, "run", never)


@mutant(stories.late_after_a_delete, finds={8, 18})
def closed_on_a_timer(patch: MonkeyPatch) -> None:
    """An attempt is closed some time after it was begun, whatever its credential still allows."""
    real = Sweeper._note

    async def hasty(self: Any, attempt: Any, *rest: Any) -> None:
        soon = msgspec.structs.replace(attempt, cred_expires_at=attempt.started_at - 7.0)
        await real(self, soon, *rest)

    patch.setattr(Sweeper, "_note", hasty)


@mutant(stories.life, finds={26})
def closed_without_a_look(patch: MonkeyPatch) -> None:
    """Whether something is there is not looked at before it is called closed."""

    async def blind(self: Any, *arguments: Any) -> dict[Any, Any]:
        return {}

    patch.setattr(Sweeper, "_look_for_tokens", blind)


@mutant(stories.life, finds={18})
def attempts_never_closed(patch: MonkeyPatch) -> None:
    """What is over is never said to be."""

    async def never(self: Any, *arguments: Any) -> None:
        return

    patch.setattr(Sweeper, "_note", never)


@mutant(stories.replayed, finds={8, 9})
def adopted_tokens_spared(patch: MonkeyPatch) -> None:
    """A second thing with the token of an adopted one is left alone."""
    real = guards._why_alive

    def spares(thing: Any, place: Any, attempt: Any) -> Any:
        adopted = attempt.state is AttemptState.ADOPTED
        return Spared.WANTED if adopted else real(thing, place, attempt)

    patch.setattr(guards, "_why_alive", spares)


@mutant(stories.answered_slowly, finds={11, 12})
def open_intents_swept(patch: MonkeyPatch) -> None:
    """What nobody has adopted yet is deleted."""
    real = guards._why_alive

    def kills(thing: Any, place: Any, attempt: Any) -> Any:
        why = real(thing, place, attempt)
        return None if why is Spared.OPEN else why

    patch.setattr(guards, "_why_alive", kills)


@mutant(stories.forged_token, finds={12})
def tokens_not_verified(patch: MonkeyPatch) -> None:
    """Whatever looks like one of ours is ours, and what the ledger does not name is garbage."""
    real = Sweeper._look_for_tokens

    async def greedy(self: Any, type: Any, opened: Any, place: Any, attempts: Any) -> Any:
        tokens = {attempt.token for attempt in attempts}
        for body in await type.observe(opened.cloud):
            if (token := type.token_of(body)) is not None and token not in tokens:
                ledger = await self._world.store.scan("attempts/")
                if not any(entry.key.endswith(token) for entry in ledger.entries):
                    await type.delete(opened.cloud, type.identify(body))
        return await real(self, type, opened, place, attempts)

    patch.setattr(Sweeper, "_look_for_tokens", greedy)


@mutant(leaving_stories.copied_mark, finds={12})
def sweeper_without_the_time_window(patch: MonkeyPatch) -> None:
    """Whatever carries the token of a dead attempt goes, whenever it was made."""
    patch.setattr(guards, "_in_time", lambda thing, attempt, bounds: True)


@mutant(leaving_stories.forged_ledger, finds={12})
def sweeper_without_the_mac(patch: MonkeyPatch) -> None:
    """Who can write an attempt into the ledger can have anything deleted."""
    patch.setattr(guards, "verifies", lambda *arguments: True)


@mutant(leaving_stories.searched_again, finds={27})
def orphans_judged_by_an_old_ledger(patch: MonkeyPatch) -> None:
    """What the ledger did not name when it was first read is an orphan."""
    real = OrphanFinder._ledger
    first: dict[Any, Any] = {}

    async def old(self: Any, region: Any, project: Any) -> Any:
        found = await real(self, region, project)
        return first.setdefault((region, project), found)

    patch.setattr(OrphanFinder, "_ledger", old)
