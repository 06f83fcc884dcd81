"""A rollback goes back to what still stands, instead of making it a second time."""

from __future__ import annotations

from conftest import Stage

from global_heat.sim.blueprints import Site


def test_a_rollback_keeps_what_a_failed_replacement_was_to_replace(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        before = {record.ref: record.id for record in stage.world.records()}
        stage.world.cloud.regions["east"].set_quota(stage.world.project, "network.subnet", 1)
        await stage.update(Site("s0", "east", shape=1, ports=1), rollback=True)
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        assert {record.ref: record.id for record in stage.world.records()} == before

    play(story)
