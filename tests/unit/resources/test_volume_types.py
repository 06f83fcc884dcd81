from __future__ import annotations

import asyncio
from typing import Any

import pytest

from global_heat.model.errors import Transient
from global_heat.regions.cloud import Conflict
from global_heat.resources.catalogue import ALL
from global_heat.resources.type import Failed
from global_heat.sim.loop import run
from tests.unit.resources.bench import Bench
from tests.unit.resources.cases import a_server_and_volumes

VOLUME, ATTACHMENT = ALL["OS::Cinder::Volume"], ALL["OS::Cinder::VolumeAttachment"]


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({}, "size must be given"),
        ({"image": "cirros"}, "size must be given"),
        ({"size": 1, "snapshot_id": "s", "source_volid": "v"}, "only one of snapshot_id, source_volid"),
        ({"size": 1, "image": "i", "imageRef": "i"}, "only one of image, imageRef"),
    ],
)
def test_faults(props: dict[str, Any], fault: str) -> None:
    [found] = VOLUME.check(props)
    assert fault in found


@pytest.mark.parametrize("status", ["error", "error_extending", "error_deleting"])
def test_an_error_state_fails(status: str) -> None:
    with pytest.raises(Failed, match=status):
        VOLUME.ready({"status": status})
    with pytest.raises(Failed, match=status):
        ATTACHMENT.ready({"status": status})


@pytest.mark.parametrize(
    ("status", "ready"),
    [
        ("creating", False),
        ("downloading", False),
        ("extending", False),
        ("available", True),
        ("in-use", True),
    ],
)
def test_ready(status: str, ready: bool) -> None:
    assert VOLUME.ready({"status": status}) is ready


def test_a_volume_in_use_cannot_be_deleted_yet_and_is_ready_all_the_same() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_server_and_volumes(bench)
            volume = await bench.make("OS::Cinder::Volume", size=1)
            attached = await bench.make(
                "OS::Cinder::VolumeAttachment", instance_uuid=around["server"], volume_id=volume.id
            )
            assert VOLUME.ready(await bench.shown(volume))
            with pytest.raises(Conflict, match="in-use"):
                await VOLUME.delete(bench.cloud, volume.id)
            await ATTACHMENT.delete(bench.cloud, attached.id)
            with pytest.raises(Conflict, match="detaching"):
                await VOLUME.delete(bench.cloud, volume.id)
            await bench.until_gone(attached)
            await bench.delete(volume)

    run(main())


def test_a_volume_that_is_made_from_another_takes_its_size() -> None:
    async def main() -> None:
        async with Bench() as bench:
            await bench.make("OS::Cinder::Volume", size=3, name="source")
            copy = await bench.make("OS::Cinder::Volume", source_volid="source")
            assert (await bench.shown(copy))["size"] == 3
            assert (await bench.attributes(copy))["size"] == "3"

    run(main())


def test_a_volume_does_not_shrink() -> None:
    async def main() -> None:
        async with Bench() as bench:
            volume = await bench.make("OS::Cinder::Volume", size=3)
            with pytest.raises(Failed, match="cannot shrink to 2"):
                await bench.change(volume, size=2)

    run(main())


def test_a_change_waits_for_the_one_before() -> None:
    async def main() -> None:
        async with Bench() as bench:
            volume = await bench.make("OS::Cinder::Volume", size=1)
            action = {"os-extend": {"new_size": 2}}
            await bench.cloud.post("volume", f"/volumes/{volume.id}/action", action)
            with pytest.raises(Transient, match="extending"):
                await VOLUME.update(
                    bench.cloud, volume.id, volume.making, {"size": 3}, {"size"}, await bench.shown(volume)
                )

    run(main())


def test_both_a_new_size_and_a_new_type() -> None:
    async def main() -> None:
        async with Bench() as bench:
            volume = await bench.make("OS::Cinder::Volume", size=1, volume_type="standard")
            body = await bench.shown(await bench.change(volume, size=2, volume_type="fast"))
            assert (body["size"], body["volume_type"]) == (2, "fast")

    run(main())


def test_an_attachment_that_moves_is_gone_and_made_anew_on_the_other_server() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_server_and_volumes(bench)
            other = await bench.make("OS::Nova::Server", flavor="m1.tiny", image="cirros")
            props = {"instance_uuid": around["server"], "volume_id": around["volume"]}
            made = await bench.make_from("OS::Cinder::VolumeAttachment", props)
            moved = {**props, "instance_uuid": other.id}
            await ATTACHMENT.update(
                bench.cloud, made.id, made.making, moved, {"instance_uuid"}, await bench.shown(made)
            )
            assert await ATTACHMENT.show(bench.cloud, made.id) is None
            again = await bench.make_from("OS::Cinder::VolumeAttachment", moved)
            assert (await bench.shown(again))["serverId"] == other.id
            assert await ATTACHMENT.show(bench.cloud, made.id) is None
            await bench.delete(made)
            assert (await bench.shown(again))["status"] == "in-use"

    run(main())


def test_a_volume_that_is_just_leaving_a_server_is_waited_for() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_server_and_volumes(bench)
            props = {"instance_uuid": around["server"], "volume_id": around["volume"]}
            made = await bench.make_from("OS::Cinder::VolumeAttachment", props)
            await ATTACHMENT.delete(bench.cloud, made.id)
            with pytest.raises(Transient, match="detaching"):
                await ATTACHMENT.resolve(bench.cloud, props)
            # Asked again, it does not ask Nova a second time, which would refuse.
            await ATTACHMENT.delete(bench.cloud, made.id)
            await bench.until_gone(made)
            await ATTACHMENT.resolve(bench.cloud, props)

    run(main())


def test_an_attachment_under_way_cannot_be_taken_away_yet() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_server_and_volumes(bench)
            props = {"instance_uuid": around["server"], "volume_id": around["volume"]}
            making = bench.making(ATTACHMENT, props)
            id = await ATTACHMENT.create(bench.cloud, making, props)
            body = await ATTACHMENT.show(bench.cloud, id)
            assert body is not None and not ATTACHMENT.ready(body)
            with pytest.raises(Conflict, match="attaching"):
                await ATTACHMENT.delete(bench.cloud, id)
            await asyncio.sleep(5)
            body = await ATTACHMENT.show(bench.cloud, id)
            assert body is not None and ATTACHMENT.ready(body)
            assert ATTACHMENT.reference(id, body) == around["volume"]

    run(main())
