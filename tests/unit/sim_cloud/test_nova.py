"""Nova: life-cycles and what it refuses."""

from __future__ import annotations

import base64

import pytest

from tests.unit.sim_cloud.conftest import Answered, Caller, World

KEY = "ssh-ed25519 " + base64.b64encode(b"some key").decode() + " me@here"


def status_of(caller: Caller, server: dict) -> str:
    return str(caller.nova("GET", f"/servers/{server['id']}").ok()["server"]["status"])


def act(caller: Caller, server: dict, name: str, wish: object = None) -> Answered:
    return caller.nova("POST", f"/servers/{server['id']}/action", {name: wish})


def test_a_server_is_built_and_torn_down(world: World, demo: Caller) -> None:
    network, _ = demo.make_network()
    wish = {
        "name": "s",
        "flavorRef": "1",
        "imageRef": demo.cirros(),
        "networks": [{"uuid": network["id"]}],
        "metadata": {"gh_token": "x"},
        "tags": ["t"],
        "description": "d",
        "user_data": base64.b64encode(b"#!/bin/sh").decode(),
    }
    answer = demo.nova("POST", "/servers", {"server": wish})
    server = answer.ok(202)["server"]
    assert answer.response.headers["location"].endswith(server["id"])
    shown = demo.nova("GET", f"/servers/{server['id']}").ok()["server"]
    assert (shown["status"], shown["addresses"]) == ("BUILD", {})
    world.pass_time(3)
    shown = demo.nova("GET", f"/servers/{server['id']}").ok()["server"]
    assert (shown["status"], shown["OS-EXT-STS:vm_state"]) == ("ACTIVE", "active")
    assert (shown["metadata"], shown["tags"], shown["description"]) == ({"gh_token": "x"}, ["t"], "d")
    (port,) = demo.network("GET", f"/ports?device_id={server['id']}").ok()["ports"]
    assert (port["device_owner"], port["status"]) == ("compute:nova", "ACTIVE")
    (address,) = shown["addresses"]["inside"]
    assert address["addr"] == port["fixed_ips"][0]["ip_address"]
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    assert demo.nova("GET", f"/servers/{server['id']}").ok()["server"]["OS-EXT-STS:task_state"] == "deleting"
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    world.pass_time(2)
    assert demo.nova("GET", f"/servers/{server['id']}").status == 404
    assert demo.network("GET", f"/ports/{port['id']}").status == 404


def test_a_port_given_to_a_server_outlives_it(world: World, demo: Caller) -> None:
    network, _ = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    server = demo.make_server(networks=[{"port": port["id"]}])
    bound = demo.network("GET", f"/ports/{port['id']}").ok()["port"]
    assert (bound["device_id"], bound["status"]) == (server["id"], "ACTIVE")
    wish = {"name": "t", "flavorRef": "1", "imageRef": demo.cirros(), "networks": [{"port": port["id"]}]}
    assert demo.nova("POST", "/servers", {"server": wish}).status == 409
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    world.pass_time(2)
    free = demo.network("GET", f"/ports/{port['id']}").ok()["port"]
    assert (free["device_id"], free["device_owner"], free["status"]) == ("", "", "DOWN")


def test_of_two_servers_with_one_port_the_second_fails(world: World, demo: Caller) -> None:
    """Both are promised: the port is only checked, not kept."""
    network, _ = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    wish = {"name": "s", "flavorRef": "1", "imageRef": demo.cirros(), "networks": [{"port": port["id"]}]}
    servers = [demo.nova("POST", "/servers", {"server": wish}).ok(202)["server"] for _ in range(2)]
    world.pass_time(5)
    assert sorted(status_of(demo, server) for server in servers) == ["ACTIVE", "ERROR"]


@pytest.mark.parametrize(
    ("wish", "part"),
    [
        ({"imageRef": "none"}, "Image none"),
        ({"flavorRef": "77"}, "Flavor 77"),
        ({"key_name": "none"}, "key_name"),
        ({"networks": None}, "networks"),
        ({"networks": [{"uuid": "none"}]}, "Network none"),
        ({"networks": [{"port": "none"}]}, "Port id none"),
        ({"security_groups": [{"name": "none"}]}, "Security group none"),
        ({"nonsense": 1}, "nonsense"),
        ({"user_data": "?"}, "base64"),
        ({"metadata": {"k": 1}}, "k"),
        ({"name": ""}, "name"),
        ({"availability_zone": "moon"}, "moon"),
        ({"imageRef": ""}, "imageRef"),
    ],
)
def test_a_wrong_wish_is_refused_and_leaves_nothing(demo: Caller, wish: dict, part: str) -> None:
    full = {"name": "s", "flavorRef": "1", "imageRef": demo.cirros(), "networks": "none", **wish}
    refused = demo.nova("POST", "/servers", {"server": full})
    assert refused.status == 400 and part in refused.body["badRequest"]["message"]
    assert demo.region.truth() == []


def test_microversions_are_spoken(demo: Caller) -> None:
    answer = demo.nova("GET", "/servers", version="2.60")
    assert answer.response.headers["openstack-api-version"] == "compute 2.60"
    assert demo.nova("GET", "/servers", version="2.999").status == 406
    wish = {"name": "s", "flavorRef": "1", "imageRef": demo.cirros(), "tags": ["t"]}
    assert demo.nova("POST", "/servers", {"server": wish}, version="2.51").status == 400
    server = demo.make_server()
    old = demo.nova("GET", f"/servers/{server['id']}", version="2.1").ok()["server"]
    assert old["flavor"]["id"] == "1" and "tags" not in old
    assert server["flavor"]["original_name"] == "m1.nano"


def test_a_build_can_fail(world: World, demo: Caller) -> None:
    network, _ = demo.make_network()
    world.east.faults.failing["compute.server"] = 1
    failed = demo.make_server(networks=[{"uuid": network["id"]}])
    assert failed["status"] == "ERROR" and "No valid host" in failed["fault"]["message"]
    assert demo.network("GET", f"/ports?device_id={failed['id']}").ok()["ports"] == []
    assert demo.make_server()["status"] == "ACTIVE"


def test_a_network_without_free_addresses_fails_the_build(demo: Caller) -> None:
    network, _ = demo.make_network("10.0.0.0/30")
    assert demo.make_server(networks=[{"uuid": network["id"]}])["status"] == "ACTIVE"
    assert demo.make_server(networks=[{"uuid": network["id"]}])["status"] == "ERROR"


def test_a_volume_is_attached_and_detached(world: World, demo: Caller) -> None:
    server, volume = demo.make_server(), demo.make_volume()
    path = f"/servers/{server['id']}/os-volume_attachments"
    wish = {"volumeAttachment": {"volumeId": volume["id"]}}
    attached = demo.nova("POST", path, wish).ok()["volumeAttachment"]
    assert (attached["volumeId"], attached["device"]) == (volume["id"], "/dev/vdb")
    assert demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]["status"] == "attaching"
    assert demo.nova("POST", path, wish).status == 400
    other = demo.make_server()
    assert demo.nova("POST", f"/servers/{other['id']}/os-volume_attachments", wish).status == 400
    world.pass_time(1)
    shown = demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]
    assert (shown["status"], shown["attachments"][0]["server_id"]) == ("in-use", server["id"])
    assert demo.volume("DELETE", f"/volumes/{volume['id']}").status == 400
    assert demo.nova("GET", f"{path}/{volume['id']}").status == 200
    demo.nova("DELETE", f"{path}/{volume['id']}").ok(202)
    world.pass_time(1)
    assert demo.nova("GET", f"{path}/{volume['id']}").status == 404
    assert demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]["status"] == "available"


def test_a_server_boots_from_a_volume_that_only_one_gets(world: World, demo: Caller) -> None:
    volume = demo.make_volume(imageRef=demo.cirros())
    mapping = {
        "uuid": volume["id"],
        "source_type": "volume",
        "destination_type": "volume",
        "boot_index": 0,
        "delete_on_termination": True,
    }
    wish = {"imageRef": "", "networks": "none", "block_device_mapping_v2": [mapping]}
    server = demo.make_server(**wish)
    assert (server["status"], server["image"]) == ("ACTIVE", "")
    assert server["os-extended-volumes:volumes_attached"][0]["id"] == volume["id"]
    full = {"name": "t", "flavorRef": "1", **wish}
    assert demo.nova("POST", "/servers", {"server": full}).status == 400
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    world.pass_time(3)
    assert demo.volume("GET", f"/volumes/{volume['id']}").status == 404


def test_a_server_makes_its_volume_from_an_image(world: World, demo: Caller) -> None:
    mapping = {
        "uuid": demo.cirros(),
        "source_type": "image",
        "destination_type": "volume",
        "boot_index": 0,
        "volume_size": 1,
    }
    server = demo.make_server(imageRef="", block_device_mapping_v2=[mapping])
    (volume,) = demo.volume("GET", "/volumes/detail").ok()["volumes"]
    assert (server["status"], volume["status"], volume["bootable"]) == ("ACTIVE", "in-use", "true")
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    world.pass_time(2)
    assert demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]["status"] == "available"
    assert [(made.kind, made.origin) for made in world.east.truth()] == [("volume.volume", "service")]


def test_a_volume_that_is_not_bootable_boots_nothing(demo: Caller) -> None:
    volume = demo.make_volume()
    mapping = {"uuid": volume["id"], "source_type": "volume", "boot_index": 0}
    full = {"name": "t", "flavorRef": "1", "networks": "none", "block_device_mapping_v2": [mapping]}
    refused = demo.nova("POST", "/servers", {"server": full})
    assert refused.status == 400 and "not bootable" in refused.text


def test_interfaces_come_and_go(world: World, demo: Caller) -> None:
    network, _ = demo.make_network()
    server = demo.make_server()
    port = demo.make("ports", network_id=network["id"])
    path = f"/servers/{server['id']}/os-interface"
    joined = demo.nova("POST", path, {"interfaceAttachment": {"port_id": port["id"]}}).ok()
    assert joined["interfaceAttachment"]["port_id"] == port["id"]
    assert demo.nova("POST", path, {"interfaceAttachment": {"port_id": port["id"]}}).status == 409
    assert demo.nova("POST", path, {"interfaceAttachment": {"port_id": "none"}}).status == 404
    made = demo.nova("POST", path, {"interfaceAttachment": {"net_id": network["id"]}}).ok()
    rows = demo.nova("GET", path).ok()["interfaceAttachments"]
    assert [row["port_id"] for row in rows] == [port["id"], made["interfaceAttachment"]["port_id"]]
    for row in rows:
        demo.nova("DELETE", f"{path}/{row['port_id']}").ok(202)
    world.pass_time(1)
    assert demo.nova("GET", path).ok()["interfaceAttachments"] == []
    assert demo.network("GET", f"/ports/{port['id']}").ok()["port"]["device_id"] == ""
    assert demo.network("GET", f"/ports/{rows[1]['port_id']}").status == 404


@pytest.mark.parametrize(
    ("action", "end", "back"),
    [
        ("os-stop", "SHUTOFF", "os-start"),
        ("pause", "PAUSED", "unpause"),
        ("suspend", "SUSPENDED", "resume"),
        ("shelve", "SHELVED_OFFLOADED", "unshelve"),
        ("rescue", "RESCUE", "unrescue"),
    ],
)
def test_actions_go_there_and_back(world: World, demo: Caller, action: str, end: str, back: str) -> None:
    server = demo.make_server()
    act(demo, server, action).ok(202)
    assert act(demo, server, action).status == 409
    world.pass_time(2)
    assert status_of(demo, server) == end
    act(demo, server, back).ok(202)
    world.pass_time(2)
    assert status_of(demo, server) == "ACTIVE"


def test_a_resize_is_confirmed_or_reverted(world: World, demo: Caller) -> None:
    server = demo.make_server()
    for end, flavor in (("revertResize", "m1.nano"), ("confirmResize", "m1.small")):
        demo.nova("POST", f"/servers/{server['id']}/action", {"resize": {"flavorRef": "3"}}).ok(202)
        assert demo.nova("POST", f"/servers/{server['id']}/action", {end: None}).status == 409
        world.pass_time(2)
        assert status_of(demo, server) == "VERIFY_RESIZE"
        demo.nova("POST", f"/servers/{server['id']}/action", {end: None})
        world.pass_time(2)
        shown = demo.nova("GET", f"/servers/{server['id']}").ok()["server"]
        assert (shown["status"], shown["flavor"]["original_name"]) == ("ACTIVE", flavor)


def test_a_rebuild_keeps_the_id(world: World, demo: Caller) -> None:
    world.east.faults.failing["compute.server"] = 1
    server = demo.make_server()
    wish = {"rebuild": {"imageRef": demo.cirros(), "metadata": {"a": "b"}}}
    assert demo.nova("POST", f"/servers/{server['id']}/action", wish).ok(202)["server"]["status"] == "REBUILD"
    world.pass_time(2)
    shown = demo.nova("GET", f"/servers/{server['id']}").ok()["server"]
    assert (shown["status"], shown["metadata"]) == ("ACTIVE", {"a": "b"}) and "fault" not in shown
    actions = demo.nova("GET", f"/servers/{server['id']}/os-instance-actions").ok()["instanceActions"]
    assert [action["action"] for action in actions] == ["rebuild", "create"]


def test_a_snapshot_of_a_server_is_an_image(world: World, demo: Caller) -> None:
    server = demo.make_server()
    body = {"createImage": {"name": "snap"}}
    image_id = demo.nova("POST", f"/servers/{server['id']}/action", body).ok(202)["image_id"]
    world.pass_time(2)
    assert demo.image("GET", f"/images/{image_id}").ok()["status"] == "active"


def test_metadata_and_tags_change(demo: Caller) -> None:
    server = demo.make_server(metadata={"a": "1"})
    path = f"/servers/{server['id']}"
    assert demo.nova("POST", f"{path}/metadata", {"metadata": {"b": "2"}}).ok()["metadata"] == {
        "a": "1",
        "b": "2",
    }
    demo.nova("DELETE", f"{path}/metadata/a").ok(204)
    assert demo.nova("GET", f"{path}/metadata").ok()["metadata"] == {"b": "2"}
    assert demo.nova("PUT", f"{path}/metadata", {"metadata": {"c": "3"}}).ok()["metadata"] == {"c": "3"}
    demo.nova("PUT", f"{path}/tags/x").ok(201)
    assert demo.nova("GET", f"{path}/tags").ok()["tags"] == ["x"]
    renamed = demo.nova("PUT", path, {"server": {"name": "t"}}).ok()["server"]
    assert renamed["name"] == "t"


def test_lists_are_filtered_by_what_a_user_may(demo: Caller, admin: Caller, rival: Caller) -> None:
    first = demo.make_server(name="web-1", tags=["a"], metadata={"k": "v"})
    second = demo.make_server(name="web-2")
    assert [s["id"] for s in demo.nova("GET", "/servers").ok()["servers"]] == [second["id"], first["id"]]
    assert [s["id"] for s in demo.nova("GET", "/servers?name=^web-1$").ok()["servers"]] == [first["id"]]
    assert [s["id"] for s in demo.nova("GET", "/servers/detail?tags=a").ok()["servers"]] == [first["id"]]
    dropped = demo.nova("GET", "/servers?metadata=%7B%22k%22%3A%22v%22%7D").ok()["servers"]
    assert len(dropped) == 2
    kept = admin.nova("GET", "/servers?metadata=%7B%22k%22%3A%22v%22%7D").ok()["servers"]
    assert [s["id"] for s in kept] == [first["id"]]
    assert demo.nova("GET", "/servers?nonsense=1", version="2.74").status == 200
    assert demo.nova("GET", "/servers?nonsense=1").status == 400
    assert rival.nova("GET", "/servers").ok()["servers"] == []
    assert rival.nova("DELETE", f"/servers/{first['id']}").status == 404


def test_a_list_is_paged(world: World, demo: Caller) -> None:
    made = [demo.make_server(name=f"s{i}")["id"] for i in range(3)]
    page = demo.nova("GET", "/servers?limit=2").ok()
    path = page["servers_links"][0]["href"].partition("/compute/v2.1")[2]
    rest = demo.nova("GET", path).ok()
    assert [s["id"] for s in page["servers"] + rest["servers"]] == made[::-1]
    assert "servers_links" not in rest


def test_keypairs_are_a_users(demo: Caller, rival: Caller) -> None:
    wish = {"keypair": {"name": "k", "public_key": KEY}}
    made = demo.nova("POST", "/os-keypairs", wish).ok(201)["keypair"]
    assert len(made["fingerprint"]) == 47 and "private_key" not in made
    assert demo.nova("POST", "/os-keypairs", wish).status == 409
    rival.nova("POST", "/os-keypairs", wish).ok(201)
    assert demo.nova("GET", "/os-keypairs/k").ok()["keypair"]["public_key"] == KEY
    assert [row["keypair"]["name"] for row in demo.nova("GET", "/os-keypairs").ok()["keypairs"]] == ["k"]
    assert demo.make_server(key_name="k")["key_name"] == "k"
    demo.nova("DELETE", "/os-keypairs/k").ok(204)
    assert demo.nova("DELETE", "/os-keypairs/k").status == 404
    assert rival.nova("GET", "/os-keypairs/k").status == 200


def test_a_key_is_generated_only_by_old_microversions(demo: Caller) -> None:
    wish = {"keypair": {"name": "k"}}
    assert demo.nova("POST", "/os-keypairs", wish).status == 400
    made = demo.nova("POST", "/os-keypairs", wish, version="2.91").ok(201)["keypair"]
    assert "OPENSSH PRIVATE KEY" in made["private_key"]
    bad = {"keypair": {"name": "b", "public_key": "nonsense"}}
    assert demo.nova("POST", "/os-keypairs", bad).status == 400


def test_a_server_group_knows_its_members(world: World, demo: Caller) -> None:
    wish = {"server_group": {"name": "g", "policy": "anti-affinity"}}
    group = demo.nova("POST", "/os-server-groups", wish).ok()["server_group"]
    full = {"name": "s", "flavorRef": "1", "imageRef": demo.cirros(), "networks": "none"}
    body = {"server": full, "os:scheduler_hints": {"group": group["id"]}}
    server = demo.nova("POST", "/servers", body).ok(202)["server"]
    shown = demo.nova("GET", f"/os-server-groups/{group['id']}").ok()["server_group"]
    assert (shown["members"], shown["policy"]) == ([server["id"]], "anti-affinity")
    old = demo.nova("GET", f"/os-server-groups/{group['id']}", version="2.63").ok()["server_group"]
    assert old["policies"] == ["anti-affinity"]
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
    world.pass_time(2)
    assert demo.nova("GET", "/os-server-groups").ok()["server_groups"][0]["members"] == []
    assert demo.nova("GET", "/os-server-groups?name=g").status == 400
    demo.nova("DELETE", f"/os-server-groups/{group['id']}").ok(204)


def test_flavors_are_an_administrators(demo: Caller, admin: Caller) -> None:
    wish = {"flavor": {"name": "big", "ram": 1, "vcpus": 1, "disk": 1, "id": "big"}}
    assert demo.nova("POST", "/flavors", wish).status == 403
    admin.nova("POST", "/flavors", wish).ok()
    assert admin.nova("POST", "/flavors", wish).status == 409
    names = [flavor["name"] for flavor in demo.nova("GET", "/flavors/detail").ok()["flavors"]]
    assert names[0] == "m1.nano" and names[-1] == "big"


def test_a_quota_of_servers_is_kept(world: World, demo: Caller) -> None:
    world.east.set_quota(demo.project_id, "compute.server", 0)
    full = {"name": "s", "flavorRef": "1", "imageRef": demo.cirros(), "networks": "none"}
    refused = demo.nova("POST", "/servers", {"server": full})
    assert refused.status == 403 and "Quota exceeded" in refused.body["forbidden"]["message"]
    assert demo.nova("GET", "/limits").ok()["limits"]["absolute"]["maxTotalInstances"] == 0


def test_a_locked_server_stays(demo: Caller) -> None:
    server = demo.make_server()
    act(demo, server, "lock").ok(202)
    assert demo.nova("DELETE", f"/servers/{server['id']}").status == 409
    act(demo, server, "unlock").ok(202)
    demo.nova("DELETE", f"/servers/{server['id']}").ok(204)
