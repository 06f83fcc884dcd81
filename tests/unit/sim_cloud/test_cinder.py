"""Cinder: life-cycles and what it refuses."""

from __future__ import annotations

import pytest

from tests.unit.sim_cloud.conftest import Caller, World


def status_of(caller: Caller, id: str) -> str:
    return str(caller.volume("GET", f"/volumes/{id}").ok()["volume"]["status"])


def test_a_volume_lives_and_dies(world: World, demo: Caller) -> None:
    wish = {"size": 2, "name": "v", "description": "d", "metadata": {"gh_token": "x"}}
    volume = demo.volume("POST", "/volumes", {"volume": wish}).ok(202)["volume"]
    assert (volume["status"], volume["volume_type"]) == ("creating", "standard")
    assert demo.volume("DELETE", f"/volumes/{volume['id']}").status == 400
    world.pass_time(2)
    assert status_of(demo, volume["id"]) == "available"
    demo.volume("DELETE", f"/volumes/{volume['id']}").ok(202)
    assert status_of(demo, volume["id"]) == "deleting"
    demo.volume("DELETE", f"/volumes/{volume['id']}").ok(202)
    world.pass_time(1)
    assert demo.volume("GET", f"/volumes/{volume['id']}").status == 404


def test_paths_may_name_the_project(demo: Caller, rival: Caller) -> None:
    volume = demo.make_volume()
    path = f"/{demo.project_id}/volumes/{volume['id']}"
    assert demo.volume("GET", path).status == 200
    assert rival.volume("GET", path).status == 400
    assert rival.volume("GET", f"/volumes/{volume['id']}").status == 404


@pytest.mark.parametrize(
    "wish",
    [
        {"size": 0},
        {"size": "big"},
        {"size": 1, "nonsense": 1},
        {"size": 1, "metadata": {"k": 1}},
        {"size": 1, "imageRef": "none"},
    ],
)
def test_a_wrong_wish_is_refused(demo: Caller, wish: dict) -> None:
    assert "message" in demo.volume("POST", "/volumes", {"volume": wish}).ok(400)["badRequest"]
    assert demo.region.truth() == []


def test_an_unknown_source_or_type_is_not_found(demo: Caller) -> None:
    for wish in ({"volume_type": "none"}, {"snapshot_id": "none"}, {"source_volid": "none"}):
        assert demo.volume("POST", "/volumes", {"volume": {"size": 1, **wish}}).status == 404


def test_a_volume_can_end_in_error_and_be_deleted(world: World, demo: Caller) -> None:
    world.east.faults.failing["volume.volume"] = 1
    volume = demo.make_volume()
    assert volume["status"] == "error"
    demo.volume("DELETE", f"/volumes/{volume['id']}").ok(202)


def test_a_volume_only_grows(world: World, demo: Caller) -> None:
    volume = demo.make_volume(size=2)
    path = f"/volumes/{volume['id']}/action"
    assert demo.volume("POST", path, {"os-extend": {"new_size": 2}}).status == 400
    demo.volume("POST", path, {"os-extend": {"new_size": 3}}).ok(202)
    assert status_of(demo, volume["id"]) == "extending"
    assert demo.volume("POST", path, {"os-extend": {"new_size": 4}}).status == 400
    world.pass_time(2)
    shown = demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]
    assert (shown["status"], shown["size"]) == ("available", 3)


def test_a_volume_in_use_grows_since_a_microversion(world: World, demo: Caller) -> None:
    volume, server = demo.make_volume(), demo.make_server()
    wish = {"volumeAttachment": {"volumeId": volume["id"]}}
    demo.nova("POST", f"/servers/{server['id']}/os-volume_attachments", wish).ok()
    world.pass_time(1)
    path, grow = f"/volumes/{volume['id']}/action", {"os-extend": {"new_size": 5}}
    assert demo.volume("POST", path, grow, version="3.41").status == 400
    demo.volume("POST", path, grow, version="3.42").ok(202)
    world.pass_time(2)
    shown = demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]
    assert (shown["status"], shown["size"]) == ("in-use", 5)


def test_a_volume_with_snapshots_stays(world: World, demo: Caller) -> None:
    volume = demo.make_volume()
    wish = {"volume_id": volume["id"], "name": "s", "metadata": {"gh_token": "x"}}
    snapshot = demo.volume("POST", "/snapshots", {"snapshot": wish}).ok(202)["snapshot"]
    world.pass_time(2)
    assert demo.volume("GET", f"/snapshots/{snapshot['id']}").ok()["snapshot"]["status"] == "available"
    assert demo.volume("DELETE", f"/volumes/{volume['id']}").status == 400
    copy = demo.make_volume(snapshot_id=snapshot["id"], size=None)
    assert (copy["size"], copy["snapshot_id"]) == (1, snapshot["id"])
    demo.volume("DELETE", f"/snapshots/{snapshot['id']}").ok(202)
    world.pass_time(1)
    assert demo.volume("GET", f"/snapshots/{snapshot['id']}").status == 404
    demo.volume("DELETE", f"/volumes/{volume['id']}").ok(202)


def test_lists_are_filtered_by_metadata_and_paged(demo: Caller) -> None:
    made = [demo.make_volume(name=f"v{i}", metadata={"n": str(i)})["id"] for i in range(3)]
    found = demo.volume("GET", "/volumes/detail?metadata=%7B%27n%27%3A+%271%27%7D").ok()["volumes"]
    assert [volume["id"] for volume in found] == [made[1]]
    page = demo.volume("GET", "/volumes?limit=2").ok()
    assert [volume["id"] for volume in page["volumes"]] == [made[2], made[1]]
    path = page["volumes_links"][0]["href"].partition("/volume/v3")[2]
    assert [volume["id"] for volume in demo.volume("GET", path).ok()["volumes"]] == [made[0]]


def test_metadata_changes(demo: Caller) -> None:
    path = f"/volumes/{demo.make_volume(metadata={'a': '1'})['id']}/metadata"
    assert demo.volume("POST", path, {"metadata": {"b": "2"}}).ok()["metadata"] == {"a": "1", "b": "2"}
    assert demo.volume("PUT", path, {"metadata": {"c": "3"}}).ok()["metadata"] == {"c": "3"}
    demo.volume("DELETE", f"{path}/c").ok()
    assert demo.volume("GET", path).ok()["metadata"] == {}


def test_a_reservation_left_behind_can_be_deleted(world: World, demo: Caller) -> None:
    volume, server = demo.make_volume(), demo.make_server()
    world.east.cinder.volumes.reserve(demo.project_id, volume["id"], server["id"])
    (held,) = demo.volume("GET", f"/attachments?volume_id={volume['id']}").ok()["attachments"]
    assert (held["instance"], status_of(demo, volume["id"])) == (server["id"], "reserved")
    demo.volume("DELETE", f"/attachments/{held['id']}").ok()
    assert status_of(demo, volume["id"]) == "available"


def test_types_are_an_administrators(demo: Caller, admin: Caller) -> None:
    wish = {"volume_type": {"name": "slow"}}
    assert demo.volume("POST", "/types", wish).status == 403
    admin.volume("POST", "/types", wish).ok()
    assert admin.volume("POST", "/types", wish).status == 409
    names = [type["name"] for type in demo.volume("GET", "/types").ok()["volume_types"]]
    assert names == ["standard", "fast", "slow"]
    (slow,) = [t["id"] for t in demo.volume("GET", "/types").ok()["volume_types"] if t["name"] == "slow"]
    assert demo.volume("GET", f"/types/{slow}").ok()["volume_type"]["name"] == "slow"
    assert demo.volume("GET", "/types/slow").status == 404
    assert demo.make_volume(volume_type="slow")["volume_type"] == "slow"


def test_a_quota_is_kept(world: World, demo: Caller) -> None:
    world.east.set_quota(demo.project_id, "volume.volume", 0)
    assert demo.volume("POST", "/volumes", {"volume": {"size": 1}}).status == 413


def test_microversions_are_spoken(demo: Caller) -> None:
    answer = demo.volume("GET", "/volumes", version="3.59")
    assert answer.response.headers["openstack-api-version"] == "volume 3.59"
    assert demo.volume("GET", "/volumes", version="3.99").status == 406
    assert demo.volume("GET", "/attachments", version="3.26").status == 404


def test_a_copy_is_as_bootable_as_its_source(world: World, demo: Caller) -> None:
    plain, bootable = demo.make_volume(), demo.make_volume(imageRef=demo.cirros())
    assert [volume["bootable"] for volume in (plain, bootable)] == ["false", "true"]
    assert demo.make_volume(size=None, source_volid=plain["id"])["bootable"] == "false"
    assert demo.make_volume(size=None, source_volid=bootable["id"])["bootable"] == "true"
    wish = {"volume_id": bootable["id"]}
    snapshot = demo.volume("POST", "/snapshots", {"snapshot": wish}).ok(202)["snapshot"]
    world.pass_time(2)
    assert demo.make_volume(size=3, snapshot_id=snapshot["id"])["bootable"] == "true"
