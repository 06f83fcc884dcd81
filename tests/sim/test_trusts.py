"""A trust is made, recorded and removed, whoever dies meanwhile: none is left, none is lost."""

from __future__ import annotations

import pytest
import trust_stories as stories
from conftest import Stage

from global_heat.sim.stage import Story


@pytest.mark.parametrize(
    "story",
    [
        stories.dead_before_asking,
        stories.dead_before_recording,
        stories.unheard,
        stories.late,
        stories.late_and_dead,
        stories.stopped,
        stories.answered_slowly,
        stories.killed_at_the_end,
        stories.disabled_at_the_end,
        stories.replaced,
    ],
    ids=lambda story: story.__name__,
)
def test_no_trust_is_left(play, story: Story):
    play(story)


@pytest.mark.parametrize(
    ("story", "requests"),
    [(stories.unheard, 1), (stories.answered_slowly, 1), (stories.late, 2), (stories.replaced, 2)],
)
def test_no_more_trusts_are_made_than_are_needed(play, story: Story, requests: int):
    async def counted(stage: Stage) -> None:
        await story(stage)
        assert stage.posts("/OS-TRUST/trusts") == requests

    play(counted)


def test_a_stack_that_stands_has_one_trust_and_the_ledger_none(play):
    async def story(stage: Stage) -> None:
        await stories.dead_before_recording(stage)
        await stage.closed()
        assert stage.state() == "CREATE_COMPLETE"
        assert len(stories.trusts(stage)) == 1 and stories.trust_attempts(stage) == []

    play(story)
