"""Glance: life-cycles and what it refuses."""

from __future__ import annotations

import json

from tests.unit.sim_cloud.conftest import Answered, Caller, World


def create(caller: Caller, **wish: object) -> dict:
    return caller.image("POST", "/images", {"name": "i", **wish}).ok(201)


def test_an_image_is_there_from_the_start(demo: Caller) -> None:
    (image,) = demo.image("GET", "/images?name=cirros").ok()["images"]
    assert (image["status"], image["visibility"]) == ("active", "public")
    assert demo.image("GET", "/images?name=none").ok()["images"] == []
    assert demo.image("DELETE", f"/images/{image['id']}").status == 403


def test_an_image_is_downloaded(world: World, demo: Caller) -> None:
    image = create(demo, container_format="bare", disk_format="qcow2")
    path = f"/images/{image['id']}"
    assert image["status"] == "queued"
    assert demo.image("POST", f"{path}/import", {"method": {"name": "magic"}}).status == 400
    body = {"method": {"name": "web-download", "uri": "http://images/x"}}
    demo.image("POST", f"{path}/import", body).ok(202)
    assert demo.image("GET", path).ok()["status"] == "importing"
    assert demo.image("POST", f"{path}/import", body).status == 409
    world.pass_time(2)
    assert demo.image("GET", path).ok()["status"] == "active"
    demo.image("DELETE", path).ok(204)
    assert demo.image("GET", path).status == 404


def test_a_download_can_fail(world: World, demo: Caller) -> None:
    world.east.faults.failing["image.image"] = 1
    path = f"/images/{create(demo)['id']}"
    body = {"method": {"name": "web-download", "uri": "http://images/x"}}
    demo.image("POST", f"{path}/import", body).ok(202)
    world.pass_time(2)
    shown = demo.image("GET", path).ok()
    assert (shown["status"], shown["os_glance_failed_import"]) == ("queued", "store")


def test_an_id_is_used_once_for_ever(demo: Caller) -> None:
    image = create(demo, id="11111111-1111-4111-8111-111111111111")
    again = {"name": "i", "id": image["id"]}
    assert demo.image("POST", "/images", again).status == 409
    demo.image("DELETE", f"/images/{image['id']}").ok(204)
    assert demo.image("POST", "/images", again).status == 409


def test_data_is_uploaded_once(demo: Caller) -> None:
    image = create(demo)
    request = demo.request("PUT", "image", f"/images/{image['id']}/file", "data")
    assert [Answered(demo.region.handle(request)).status for _ in range(2)] == [204, 409]
    assert demo.image("GET", f"/images/{image['id']}").ok()["size"] == len(json.dumps("data"))


def test_members_are_patched(demo: Caller) -> None:
    path = f"/images/{create(demo, architecture='x86_64')['id']}"
    steps = [
        {"op": "replace", "path": "/name", "value": "j"},
        {"op": "add", "path": "/os_distro", "value": "debian"},
        {"op": "remove", "path": "/architecture"},
    ]
    patched = demo.image("PATCH", path, steps).ok()
    assert (patched["name"], patched["os_distro"], "architecture" in patched) == ("j", "debian", False)
    assert demo.image("PATCH", path, [{"op": "replace", "path": "/status", "value": "active"}]).status == 403
    assert demo.image("PATCH", path, [{"op": "replace", "path": "/none", "value": 1}]).status == 409
    protect = [{"op": "replace", "path": "/protected", "value": True}]
    demo.image("PATCH", path, protect).ok()
    assert demo.image("DELETE", path).status == 403


def test_a_private_image_is_a_projects(demo: Caller, rival: Caller) -> None:
    image = create(demo)
    assert rival.image("GET", f"/images/{image['id']}").status == 404
    assert demo.image("POST", "/images", {"name": "p", "visibility": "public"}).status == 403
    community = create(demo, visibility="community")
    assert rival.image("GET", f"/images/{community['id']}").status == 200
    assert rival.image("DELETE", f"/images/{community['id']}").status == 403


def test_lists_are_filtered_and_paged(demo: Caller) -> None:
    made = [create(demo, name=f"i{n}", tags=[f"t{n}"])["id"] for n in range(3)]
    assert [i["id"] for i in demo.image("GET", "/images?tag=t1").ok()["images"]] == [made[1]]
    page = demo.image("GET", "/images?limit=2&visibility=shared").ok()
    rest = demo.image("GET", page["next"].removeprefix("/v2")).ok()
    assert [i["id"] for i in page["images"] + rest["images"]] == made[::-1]
    assert "next" not in rest


def test_errors_are_for_people(demo: Caller) -> None:
    gone = demo.image("GET", "/images/none")
    assert gone.response.headers["content-type"].startswith("text/html")
    assert "No image found with ID none" in gone.text
