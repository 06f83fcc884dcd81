"""The deletion policy Snapshot: nothing is deleted before its snapshot is finished, whoever dies when."""

from __future__ import annotations

import asyncio

import pytest
from conftest import Stage

from global_heat.sim.cloud.faults import Fate

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
VOLUME = HEAD + "  x: {type: OS::Cinder::Volume, deletion_policy: Snapshot, properties: {size: 1}}\n"
NET = (
    "  net: {type: OS::Neutron::Net}\n"
    "  sub: {type: OS::Neutron::Subnet, properties: {network: {get_resource: net}, cidr: 10.0.0.0/24}}\n"
    "  port: {type: OS::Neutron::Port, depends_on: sub, properties: {network: {get_resource: net}}}\n"
)
SERVER = (
    HEAD
    + NET
    + (
        "  x: {type: OS::Nova::Server, deletion_policy: Snapshot, properties: {image: cirros, "
        "flavor: m1.small, networks: [{port: {get_resource: port}}]}}\n"
    )
)
BACKUP, IMAGE = "volume.backup", "image.image"
CASES = [(VOLUME, BACKUP, "/backups"), (SERVER, IMAGE, "/action")]
both = pytest.mark.parametrize(("template", "kind", "path"), CASES, ids=["volume", "server"])


async def made(stage: Stage, template: str) -> None:
    await stage.world.user.create("web", template)
    assert await stage.settled() == "CREATE_COMPLETE"


async def deleted(stage: Stage) -> None:
    await stage.settled_all()
    assert [header.state for header in stage.world.headers()] == ["DELETE_COMPLETE"]


def snapshots(stage: Stage, kind: str) -> list[str]:
    return [each.status for each in stage.world.cloud.truth() if each.kind == kind and each.origin == "user"]


def told(stage: Stage) -> list[str]:
    return [f"{e.action}_{e.status}" for e in stage.events() if e.path == "x" and e.action != "CREATE"]


@both
def test_what_goes_is_saved_first_and_what_is_kept_of_it_is_ours_no_more(play, template, kind, path):
    async def story(stage: Stage) -> None:
        await made(stage, template)
        await stage.world.user.delete("web")
        await deleted(stage)
        assert told(stage) == [
            "DELETE_IN_PROGRESS",
            "SNAPSHOT_IN_PROGRESS",
            "SNAPSHOT_COMPLETE",
            "DELETE_COMPLETE",
        ]
        await stage.closed()
        assert snapshots(stage, kind) == ["available" if kind == BACKUP else "active"]
        assert [each.state for each in stage.world.attempts() if each.kind == kind] == ["RETAINED"]

    play(story)


@both
@pytest.mark.parametrize(
    "fate", [Fate(answer_lost=True), Fate(dropped=True), Fate(status=503), Fate(status=503, effect=True)]
)
def test_an_answer_that_is_lost_makes_neither_two_nor_none(play, template, kind, path, fate):
    async def story(stage: Stage) -> None:
        await made(stage, template)
        sent = stage.meets(fate, path)
        await stage.world.user.delete("web")
        await deleted(stage)
        assert sent.is_set()
        await stage.closed()
        assert len(snapshots(stage, kind)) == 1

    play(story)


@both
def test_its_owner_dies_when_the_request_is_under_way(play, template, kind, path):
    async def story(stage: Stage) -> None:
        await made(stage, template)
        sent = stage.meets(Fate(hold_seconds=3.0), path)
        await stage.world.user.delete("web")
        await sent.wait()
        await stage.owner("east").kill()
        await deleted(stage)
        await stage.closed()
        assert len(snapshots(stage, kind)) == 1

    play(story)


@both
def test_its_owner_dies_while_it_is_made(play, template, kind, path):
    async def story(stage: Stage) -> None:
        await made(stage, template)
        await stage.world.user.delete("web")
        await stage.until(lambda: bool((saving := stage.record("x@east#1").saving) and saving.id))
        await stage.owner("east").kill()
        await deleted(stage)
        assert stage.made(kind) == 1 and told(stage).count("SNAPSHOT_COMPLETE") == 1

    play(story)


@both
def test_where_none_can_be_made_the_thing_stays_and_the_next_delete_tries_again(play, template, kind, path):
    async def story(stage: Stage) -> None:
        await made(stage, template)
        stage.world.cloud.regions["east"].faults.failing[kind] = 1
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_FAILED"
        thing = stage.record("x@east#1")
        assert thing.reason and thing.id in {each.id for each in stage.world.cloud.truth()}
        header = stage.world.header("web")
        assert header is not None and header.reason.startswith("x: no snapshot of it")
        await stage.world.user.delete("web")
        await deleted(stage)
        await stage.closed()
        assert len(snapshots(stage, kind)) == 1

    play(story)


def test_what_an_update_takes_out_or_replaces_is_saved_too(play):
    async def story(stage: Stage) -> None:
        await made(stage, VOLUME)
        await stage.world.user.update("web", VOLUME.replace("size: 1", "size: 1, image: cirros"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(snapshots(stage, BACKUP)) == 1
        await stage.world.user.update("web", HEAD + "  y: {type: OS::Heat::None}\n")
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(snapshots(stage, BACKUP)) == 2

    play(story)


def test_the_policy_of_the_last_update_counts(play):
    async def story(stage: Stage) -> None:
        await made(stage, VOLUME)
        await stage.world.user.update("web", VOLUME.replace("Snapshot", "Delete"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        await stage.world.user.delete("web")
        await deleted(stage)
        assert snapshots(stage, BACKUP) == []

    play(story)


def test_of_what_failed_or_is_gone_there_is_none(play):
    async def story(stage: Stage) -> None:
        stage.world.cloud.regions["east"].faults.failing["volume.volume"] = 1
        await stage.world.user.create("web", VOLUME)
        assert await stage.settled() == "CREATE_FAILED"
        await stage.world.user.delete("web")
        await deleted(stage)
        assert stage.made(BACKUP) == 0

    play(story)


def test_of_what_a_person_deleted_there_is_none(play):
    async def story(stage: Stage) -> None:
        await made(stage, VOLUME)
        id = stage.record("x@east#1").id
        stage.world.meddled.add(id)
        cloud = await stage.world.auditor.open(stage.record("x@east#1").region)
        await cloud.delete("volume", f"/volumes/{id}")
        await asyncio.sleep(5.0)
        await stage.world.user.delete("web")
        await deleted(stage)
        assert stage.made(BACKUP) == 0

    play(story)


def test_a_region_that_is_down_is_waited_for(play):
    async def story(stage: Stage) -> None:
        await made(stage, VOLUME)
        stage.world.cloud.regions["east"].faults.unreachable = True
        await stage.world.user.delete("web")
        await asyncio.sleep(900.0)
        assert stage.state() == "DELETE_IN_PROGRESS"
        stage.world.cloud.regions["east"].faults.unreachable = False
        await deleted(stage)
        assert len(snapshots(stage, BACKUP)) == 1

    play(story)
