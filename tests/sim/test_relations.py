"""What has no id of its own, an attachment or a router's interface: it can be there only once."""

from __future__ import annotations

import asyncio
import json

from conftest import Stage

from global_heat.model.names import Region
from global_heat.regions.transport import Request
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Fate

ROUTED = Site("s0", "east", ports=1, routed=True, floating=1)
ATTACHED = Site("s0", "east", ports=1, servers=1, volumes=1)


async def remove(stage: Stage, ref: str) -> None:
    """As a person does, behind our back."""
    record, auditor = stage.record(ref), stage.world.auditor
    stage.world.meddled.add(record.id)
    await auditor.types[record.type].delete(await auditor.open(Region("east")), record.id)


async def is_there(stage: Stage, ref: str) -> bool:
    record, auditor = stage.record(ref), stage.world.auditor
    cloud = await auditor.open(Region("east"))
    return await auditor.types[record.type].show(cloud, record.id) is not None


def test_what_somebody_took_away_is_made_again_and_its_record_does_not_take_the_new_one_away(play):
    async def story(stage: Stage) -> None:
        await stage.create(ATTACHED)
        assert await stage.settled() == "CREATE_COMPLETE"
        sent = stage.meets(Fate(return_seconds=3.0), "/os-volume_attachments", method="DELETE")
        await stage.update(Site("s0", "east", ports=1, servers=1))
        await sent.wait()
        # Wished again while its detachment is under way: the same pair of server and volume.
        await stage.update(ATTACHED)
        assert await stage.settled() == "UPDATE_COMPLETE"
        (ref,) = (ref for ref in stage.refs() if "attachment" in ref)
        assert await is_there(stage, ref)

    play(story)


def test_an_interface_that_lists_do_not_show_yet_is_not_taken_for_deleted(play):
    async def story(stage: Stage) -> None:
        await asyncio.sleep(2.0)
        stage.world.cloud.regions["east"].faults.list_lag_seconds = 1.0
        await stage.create(ROUTED)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert "s0_door@east#1" in stage.refs()
        added = [e for e in stage.world.cloud.journal if e.path.endswith("/add_router_interface")]
        assert len(added) == 1

    play(story)


def test_what_never_stays_is_given_up(play):
    """Somebody takes the interface away as soon as it is there."""

    async def story(stage: Stage) -> None:
        auditor = stage.world.auditor
        spoiling: list[asyncio.Task[None]] = []

        async def take_away(request: Request) -> None:
            await asyncio.sleep(0.0013)
            stage.world.meddled.update(record.id for record in stage.world.records())
            cloud = await auditor.open(Region("east"))
            path = request.url.rpartition("/v2.0")[2].replace("add_", "remove_")
            await cloud.put("network", path, json.loads(request.body))

        def decide(request: Request) -> None:
            if request.url.endswith("/add_router_interface"):
                spoiling.append(asyncio.ensure_future(take_away(request)))

        stage.world.cloud.regions["east"].faults.decide = decide
        await auditor.open(Region("east"))
        await stage.create(Site("s0", "east", ports=0, routed=True))
        assert await stage.settled() == "CREATE_FAILED"
        assert "did not stay" in next(header.reason for header in stage.world.headers())
        await asyncio.gather(*spoiling)

    play(story)


def test_a_key_pair_that_is_replaced_under_its_name_is_the_new_one(play):
    async def story(stage: Stage) -> None:
        site = Site("s0", "east", ports=0, key="mine")
        await stage.create(site)
        assert await stage.settled() == "CREATE_COMPLETE"
        stage.world.cloud.regions["east"].faults.failing["compute.server"] = 1
        await remove(stage, "s0_key@east#1")
        await stage.update(Site("s0", "west", ports=0, key="mine"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        await stage.update(site)
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert await is_there(stage, "s0_key@east#1")

    play(story)


def test_a_key_pair_of_somebody_else_is_never_taken_for_ours(play):
    async def story(stage: Stage) -> None:
        cloud = await stage.world.auditor.open(Region("east"))
        key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGQ0M2lJ5GgkN8dD7xMIV0rJcRbXQcGZ3Zk0A8tW2vAe"
        await cloud.post("compute", "/os-keypairs", {"keypair": {"name": "mine", "public_key": key}})
        await stage.create(Site("s0", "east", ports=0, key="mine"))
        assert await stage.settled() == "CREATE_FAILED"
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        assert await cloud.get("compute", "/os-keypairs/mine")
        await cloud.delete("compute", "/os-keypairs/mine")

    play(story)


def test_a_detachment_that_lands_late_does_not_take_away_what_was_attached_anew(play):
    """Its sender is dead; the pair of server and volume is wished again before it lands."""

    async def story(stage: Stage) -> None:
        await stage.create(ATTACHED)
        assert await stage.settled() == "CREATE_COMPLETE"
        sent = stage.meets(Fate(delay_seconds=40.0), "/os-volume_attachments", method="DELETE")
        detached = Site("s0", "east", ports=1, servers=1, volumes=1, unattached=True)
        await stage.update(detached)
        await sent.wait()
        await stage.owner("east").kill()
        assert await stage.settled() == "UPDATE_COMPLETE"
        await stage.update(ATTACHED)
        assert await stage.settled() == "UPDATE_COMPLETE"
        await asyncio.sleep(60.0)
        (ref,) = (ref for ref in stage.refs() if "attachment" in ref)
        assert await is_there(stage, ref)

    play(story)
