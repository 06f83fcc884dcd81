"""Wrong ways to make a trust, and to be rid of it."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from pytest import MonkeyPatch

from global_heat.engine import reaper
from global_heat.engine.trust_sweeper import TrustSweeper
from global_heat.store import change, keys, trust_ledger
from global_heat.store.codec import encode
from global_heat.store.protocol import Entry
from tests.mutants.registry import mutant
from tests.sim import trust_stories as stories


@mutant(stories.dead_before_recording, finds={6, 8})
def trust_without_intent(patch: MonkeyPatch) -> None:
    """A trust is asked for, and nobody has written that it will be."""

    async def unwritten(store: Any, attempt: Any) -> Any:
        key = keys.trust_attempt(attempt.cloud, attempt.project, attempt.stack, attempt.handle)
        return Entry(key, encode(attempt), 0, 0)  # type: ignore[arg-type]

    patch.setattr(trust_ledger, "begin", unwritten)


@mutant(stories.stopped, finds={5, 13, 17})
def trust_recorded_without_compare(patch: MonkeyPatch) -> None:
    """Who records a trust does not compare that nobody has condemned it."""
    real = trust_ledger.recording

    def blind(*arguments: Any) -> Any:
        return msgspec.structs.replace(real(*arguments), guards=())

    patch.setattr(change, "recording", blind)


@mutant(stories.dead_before_recording, finds={18})
def no_trust_sweeper(patch: MonkeyPatch) -> None:
    """Nobody looks for trusts that no stack has."""

    async def never(self: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(TrustSweeper, "run", never)


@mutant(stories.answered_slowly, finds={13, 17})
def open_trusts_swept(patch: MonkeyPatch) -> None:
    """A trust that is not recorded yet is deleted, and nobody is hindered from recording it."""

    async def as_it_is(self: Any, entry: Any, now: float) -> Any:
        return entry

    patch.setattr(TrustSweeper, "_condemned", as_it_is)


@mutant(stories.late_and_dead, finds={8, 26})
def trusts_forgotten_on_a_timer(patch: MonkeyPatch) -> None:
    """A trust is forgotten some time after it was asked for, whatever its token still allows."""
    patch.setattr(TrustSweeper, "_settled_at", lambda self, attempt: attempt.started_at)


@mutant(stories.disabled_at_the_end, finds={8, 13})
def trust_removed_after_its_record(patch: MonkeyPatch) -> None:
    """A stack's end deletes the record of its trust, and then the trust, if nothing comes between."""

    async def forget(store: Any, project: Any, stack: Any) -> None:
        for entry in (await store.scan(keys.trust(project, stack, ""))).entries:
            await store.commit(delete=(entry.key,))

    patch.setattr(reaper, "retire", forget)
