from __future__ import annotations

import base64
from email import message_from_bytes
from typing import Any

import msgspec
import pytest

from global_heat.model.errors import Invalid, Transient
from global_heat.model.names import Path, PhysicalId, Token
from global_heat.resources.catalogue import ALL
from global_heat.resources.nova import changes
from global_heat.resources.nova.disks import disks_of
from global_heat.resources.nova.user_data import encoded, user_data_of
from global_heat.resources.type import Failed, Found, Making
from global_heat.sim.loop import run
from tests.unit.resources.bench import Bench
from tests.unit.resources.cases import PUBLIC_KEY, a_machine_room, a_network

SERVER, KEY_PAIR = ALL["OS::Nova::Server"], ALL["OS::Nova::KeyPair"]
TINY: dict[str, Any] = {"flavor": "m1.tiny", "image": "cirros"}


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"flavor": "f"}, "neither an image nor a volume"),
        ({**TINY, "metadata": {"gh_token": "x"}}, "gh_token is ours"),
        ({**TINY, "networks": [{"tag": "x"}]}, "networks[0]: one of network, port and subnet"),
        ({**TINY, "networks": [{"network": "n", "uuid": "n"}]}, "network and uuid"),
        ({**TINY, "networks": [{"port": "p", "fixed_ip": "10.0.0.1"}]}, "fixed_ip and port"),
        ({**TINY, "networks": [{"network": "n"}, {"allocate_network": "none"}]}, "stands alone"),
        ({**TINY, "networks": [{"port": "p"}], "security_groups": ["g"]}, "give them to the port"),
        ({**TINY, "block_device_mapping": [{"device_name": "vdb"}]}, "one of volume_id and snapshot_id"),
        (
            {**TINY, "block_device_mapping_v2": [{"volume_id": "v", "image": "i"}]},
            "block_device_mapping_v2[0]",
        ),
        ({**TINY, "block_device_mapping_v2": [{"device_name": "vdb"}]}, "block_device_mapping_v2[0]"),
        ({"flavor": "f", "block_device_mapping_v2": [{"swap_size": 1}]}, "neither an image nor"),
    ],
)
def test_faults(props: dict[str, Any], fault: str) -> None:
    [found] = SERVER.check(props)
    assert fault in found


def test_what_is_right_and_not_carried_out_yet_is_no_fault() -> None:
    wished = {**TINY, "user_data_format": "SOFTWARE_CONFIG", "networks": [{"port": "p", "floating_ip": "f"}]}
    assert SERVER.check(wished) == []
    assert SERVER.gaps(wished) == ["networks[0].floating_ip", "user_data_format SOFTWARE_CONFIG"]
    assert SERVER.gaps(TINY) == []


@pytest.mark.parametrize(
    ("changed", "props", "replaces"),
    [
        ("flavor", {}, False),
        ("flavor", {"flavor_update_policy": "REPLACE"}, True),
        ("image", {"image_update_policy": "REBUILD_PRESERVE_EPHEMERAL"}, False),
        ("image", {"image_update_policy": "REPLACE"}, True),
        ("user_data", {}, True),
        ("user_data", {"user_data_update_policy": "IGNORE"}, False),
        ("name", {"image_update_policy": "REPLACE"}, False),
    ],
)
def test_whether_a_change_replaces(changed: str, props: dict[str, Any], replaces: bool) -> None:
    assert SERVER.replaces({changed}, props) is replaces


def test_ready() -> None:
    assert SERVER.ready({"status": "ACTIVE"}) and SERVER.ready({"status": "SHUTOFF"})
    assert not SERVER.ready({"status": "BUILD"}) and not SERVER.ready({"status": "REBUILD"})
    with pytest.raises(Failed, match="no host"):
        SERVER.ready({"status": "ERROR", "fault": {"message": "no host"}})


def test_a_deleted_server_is_gone_whatever_nova_still_shows() -> None:
    class Showing:
        async def get(self, service: str, path: str) -> dict[str, Any]:
            return {"server": {"id": "s", "status": "SOFT_DELETED"}}

    async def main() -> None:
        assert await SERVER.show(Showing(), PhysicalId("s")) is None  # type: ignore[arg-type]

    run(main())


def test_user_data() -> None:
    def part(text: str, format: str = "HEAT_CFNTOOLS") -> Any:
        data = encoded(text, format)
        assert data is not None
        return message_from_bytes(base64.b64decode(data))

    assert encoded("", "HEAT_CFNTOOLS") is None
    assert base64.b64decode(encoded("echo ü", "RAW") or "").decode() == "echo ü"
    [script] = part("#!/bin/bash\necho ü\n").get_payload()
    assert script.get_content_type() == "text/x-shellscript"
    assert script.get_payload(decode=True).decode() == "#!/bin/bash\necho ü\n"
    [config] = part("#cloud-config\n{}").get_payload()
    assert config.get_content_type() == "text/cloud-config"
    assert encoded("#!/bin/sh", "HEAT_CFNTOOLS") == encoded("#!/bin/sh", "HEAT_CFNTOOLS")
    whole = 'Content-Type: multipart/mixed; boundary="b"\n\n--b\n\nx\n--b--\n'
    assert base64.b64decode(encoded(whole, "HEAT_CFNTOOLS") or "").decode() == whole


def test_disks() -> None:
    image = {"image": "i"}
    root = {
        "uuid": "i",
        "source_type": "image",
        "destination_type": "local",
        "boot_index": 0,
        "delete_on_termination": True,
    }
    assert disks_of(image) == []
    old = {"device_name": "vda", "volume_id": "v", "snapshot_id": None, "volume_size": None}
    [disk] = disks_of({"block_device_mapping": [old]})
    assert (disk["boot_index"], disk["uuid"], disk["source_type"]) == (0, "v", "volume")
    assert disks_of({**image, "block_device_mapping": [old]}) == [root, {**disk, "boot_index": -1}]
    new = [
        {
            "image": "j",
            "volume_size": 5,
            "volume_type": "fast",
            "delete_on_termination": True,
            "device_name": "",
        },
        {"swap_size": 7},
        {"ephemeral_size": 3, "ephemeral_format": "ext4"},
        {"snapshot_id": "s", "boot_index": -1},
    ]
    made = disks_of({"block_device_mapping_v2": new})
    assert [(d["source_type"], d["destination_type"], d["boot_index"]) for d in made] == [
        ("image", "volume", 0),
        ("blank", "local", -1),
        ("blank", "local", -1),
        ("snapshot", "volume", -1),
    ]
    assert (
        made[0]["volume_type"] == "fast" and made[0]["volume_size"] == 5 and made[0]["delete_on_termination"]
    )
    assert made[1]["guest_format"] == "swap" and made[2]["guest_format"] == "ext4"


def test_a_server_that_names_no_network_gets_the_one_there_is() -> None:
    async def main() -> None:
        async with Bench() as bench:
            alone = await bench.make("OS::Nova::Server", **TINY)
            assert (await bench.attributes(alone))["networks"] == {}
            assert (await bench.attributes(alone))["first_address"] == ""
            await a_network(bench)
            inside = await bench.make("OS::Nova::Server", **TINY)
            assert "inside" in (await bench.attributes(inside))["networks"]
            chosen = await bench.make("OS::Nova::Server", **TINY, networks=[{"allocate_network": "none"}])
            assert (await bench.attributes(chosen))["networks"] == {}

    run(main())


def test_addresses_are_those_of_all_networks_by_name_and_by_id() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_machine_room(bench)
            networks = [{"network": "inside", "fixed_ip": "10.0.0.9"}, {"uuid": around["other"]}]
            made = await bench.make("OS::Nova::Server", **TINY, networks=networks)
            attributes = await bench.attributes(made)
            assert attributes["networks"]["inside"] == ["10.0.0.9"]
            assert attributes["networks"][around["net"]] == ["10.0.0.9"]
            assert attributes["first_address"] == attributes["networks"]["other"][0]
            [row] = attributes["addresses"]["inside"]
            assert row == attributes["addresses"][around["net"]][0]
            ports = {i["port_id"] for i in (await bench.shown(made))["interfaces"]}
            assert row["port"] in ports

    run(main())


def test_a_subnet_among_others_of_its_network_needs_a_port() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_network(bench)
            props = {**TINY, "networks": [{"subnet": "below"}]}
            resolved = await SERVER.resolve(bench.cloud, props)
            assert resolved["networks"] == [{"network": around["net"]}]
            await bench.make("OS::Neutron::Subnet", network=around["net"], cidr="10.8.0.0/24")
            with pytest.raises(Invalid, match="make an OS::Neutron::Port"):
                await SERVER.resolve(bench.cloud, props)
            fixed = {**TINY, "networks": [{"subnet": "below", "fixed_ip": "10.0.0.9"}]}
            resolved = await SERVER.resolve(bench.cloud, fixed)
            assert resolved["networks"] == [{"network": around["net"], "fixed_ip": "10.0.0.9"}]

    run(main())


def test_names_and_ids_of_flavors() -> None:
    async def main() -> None:
        async with Bench() as bench:
            by_name = await SERVER.resolve(bench.cloud, TINY)
            by_id = await SERVER.resolve(bench.cloud, {**TINY, "flavor": by_name["flavor"]})
            assert by_id["flavor"] == by_name["flavor"] != "m1.tiny"
            with pytest.raises(Invalid, match="there is no flavor m9"):
                await SERVER.resolve(bench.cloud, {**TINY, "flavor": "m9"})
            with pytest.raises(Invalid, match="none of the images is named plan9"):
                await SERVER.resolve(bench.cloud, {**TINY, "image": "plan9"})

    run(main())


def test_nothing_is_concluded_while_a_cell_is_down() -> None:
    async def main() -> None:
        async with Bench() as bench:
            servers = [await bench.make("OS::Nova::Server", **TINY) for _ in range(6)]
            bench.region.faults.cell_down = True
            hidden = [made for made in servers if bench.region.faults.hides(made.id)]
            assert hidden
            with pytest.raises(Transient, match="a cell of east is down"):
                await SERVER.observe(bench.cloud)
            with pytest.raises(Transient, match="the cell of server"):
                await SERVER.show(bench.cloud, hidden[0].id)

    run(main())


def test_a_list_is_read_to_its_end() -> None:
    async def main() -> None:
        async with Bench(page_size=2) as bench:
            servers = {(await bench.make("OS::Nova::Server", **TINY)).id for _ in range(5)}
            assert {body["id"] for body in await SERVER.observe(bench.cloud)} == servers

    run(main())


def test_what_nova_says_of_a_server_that_failed() -> None:
    async def main() -> None:
        async with Bench() as bench:
            bench.region.faults.failing["compute.server"] = 1
            with pytest.raises(Failed, match="No valid host was found"):
                await bench.make("OS::Nova::Server", **TINY)

    run(main())


def test_a_resize_that_was_left_half_way_is_gone_on_with() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Nova::Server", **TINY)
            resize = {"resize": {"flavorRef": "3"}}
            await bench.cloud.post("compute", f"/servers/{made.id}/action", resize)
            props = await SERVER.resolve(bench.cloud, {**TINY, "flavor": "m1.small"})
            busy = await bench.shown(made)
            with pytest.raises(Transient, match="RESIZE"):
                await SERVER.update(bench.cloud, made.id, made.making, props, {"flavor"}, busy)
            before = len(bench.writes())
            after = await bench.change(made, flavor="m1.small")
            body = await bench.shown(after)
            assert (body["flavor"]["original_name"], body["status"]) == ("m1.small", "ACTIVE")
            assert len(bench.writes()) == before + 1, "it was only confirmed"

    run(main())


def test_a_resize_that_comes_to_nothing_fails() -> None:
    class Unmoved:
        """Nova takes the order, finds no host and says nothing of it."""

        async def get(self, service: str, path: str) -> dict[str, Any]:
            if path.startswith("/flavors"):
                return {"flavor": {"name": "m1.large"}}
            return {"server": {"status": "ACTIVE", "flavor": {"original_name": "m1.tiny"}}}

        async def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
            return {}

    async def main() -> None:
        with pytest.raises(Failed, match="could not be resized; it is ACTIVE as before"):
            body = {"status": "ACTIVE", "flavor": {"original_name": "m1.tiny"}}
            await changes.resize(Unmoved(), PhysicalId("s"), "5", body)  # type: ignore[arg-type]

    run(main())


def test_a_server_that_nova_is_busy_with_is_changed_later() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Nova::Server", **TINY)
            await bench.cloud.post("compute", f"/servers/{made.id}/action", {"os-stop": None})
            with pytest.raises(Transient, match="powering-off"):
                await SERVER.update(
                    bench.cloud,
                    made.id,
                    made.making,
                    {**TINY, "name": "x"},
                    {"name"},
                    await bench.shown(made),
                )

    run(main())


def test_interfaces_on_a_network_are_novas_own_and_not_a_templates_port() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_machine_room(bench)
            made = await bench.make("OS::Nova::Server", **TINY, networks=[{"port": "plug"}])
            after = await bench.change(made, networks=[{"network": "inside"}])
            [interface] = (await bench.shown(after))["interfaces"]
            assert interface["net_id"] == around["net"] and interface["port_id"] != around["port"]
            writes = bench.writes()
            await bench.change(after, networks=[{"network": around["net"]}])
            assert bench.writes() == writes
            last = await bench.change(after, networks=[{"network": "inside", "fixed_ip": "10.0.0.99"}])
            [interface] = (await bench.shown(last))["interfaces"]
            assert interface["fixed_ips"][0]["ip_address"] == "10.0.0.99"

    run(main())


def test_a_server_boots_from_a_volume_that_nova_makes() -> None:
    async def main() -> None:
        async with Bench() as bench:
            disk = {"image": "cirros", "volume_size": 2, "delete_on_termination": True}
            made = await bench.make("OS::Nova::Server", flavor="m1.tiny", block_device_mapping_v2=[disk])
            body = await bench.shown(made)
            assert body["image"] == "" and len(body["os-extended-volumes:volumes_attached"]) == 1

    run(main())


def test_faults_of_a_key_pair() -> None:
    [found] = KEY_PAIR.check({"name": "k", "type": "x509"})
    assert "type x509" in found


def test_of_a_given_key_there_is_no_private_one_to_save() -> None:
    async def main() -> None:
        async with Bench() as bench:
            props = {"name": "k", "public_key": PUBLIC_KEY, "save_private_key": True}
            assert KEY_PAIR.check(props) == []
            given = await bench.make("OS::Nova::KeyPair", **props)
            attributes = await bench.attributes(given)
            assert (attributes["public_key"], attributes["private_key"]) == (PUBLIC_KEY, "")

    run(main())


def test_a_key_of_our_making() -> None:
    async def main() -> None:
        async with Bench() as bench:
            kept = await bench.make("OS::Nova::KeyPair", name="kept", save_private_key=True)
            attributes = await bench.attributes(kept)
            assert attributes["private_key"].startswith("-----BEGIN OPENSSH PRIVATE KEY-----")
            assert attributes["public_key"] == kept.making.made["public_key"]
            thrown = await bench.make("OS::Nova::KeyPair", name="thrown", save_private_key=False)
            assert (await bench.attributes(thrown))["private_key"] == ""
            assert "private_key" not in thrown.making.made
            assert kept.type.reference(kept.id, await bench.shown(kept)) == "kept"
            assert {KEY_PAIR.identify(body) for body in await KEY_PAIR.observe(bench.cloud)} == {
                "kept",
                "thrown",
            }

    run(main())


def test_a_strangers_key_of_the_same_name_is_not_ours() -> None:
    async def main() -> None:
        async with Bench() as bench:
            stranger = {"name": "k", "public_key": PUBLIC_KEY}
            await bench.cloud.post("compute", "/os-keypairs", {"keypair": stranger})
            making = bench.making(KEY_PAIR, {"name": "k"})
            assert await bench.found(KEY_PAIR, making, {"name": "k"}) == []
            same = {"name": "k", "public_key": PUBLIC_KEY.replace("me@home", "you@work")}
            assert await bench.found(KEY_PAIR, bench.making(KEY_PAIR, same), same) == ["k"]

    run(main())


@pytest.mark.parametrize(
    ("props", "fault"),
    [
        ({"name": "x" * 209}, "name is longer"),
        ({"policies": ["affinity", "anti-affinity"]}, "one policy"),
        ({"policies": ["affinity"], "rules": {"max_server_per_host": 1}}, "anti-affinity alone"),
    ],
)
def test_faults_of_a_server_group(props: dict[str, Any], fault: str) -> None:
    [found] = ALL["OS::Nova::ServerGroup"].check(props)
    assert fault in found


def test_an_image_that_cannot_be_fetched_fails() -> None:
    async def main() -> None:
        async with Bench() as bench:
            bench.region.faults.failing["image.image"] = 1
            with pytest.raises(Failed, match="could not fetch"):
                await bench.make(
                    "OS::Glance::WebImage",
                    location="http://nowhere.test/",
                    container_format="bare",
                    disk_format="raw",
                )

    run(main())


def test_a_strangers_image_of_the_same_id_is_not_ours() -> None:
    async def main() -> None:
        async with Bench() as bench:
            type = ALL["OS::Glance::WebImage"]
            props = {"id": "11111111-2222-4333-8444-555555555555"}
            await bench.cloud.post("image", "/images", props)
            assert await bench.found(type, bench.making(type, props), props) == []

    run(main())


def test_raw_user_data_that_is_a_configs_id_is_that_configs_text() -> None:
    id = "0a1b2c3d-0000-4000-8000-000000000001"
    raw = {"user_data": id, "user_data_format": "RAW"}
    making = Making(token=Token("t"), stack="s", path=Path("r"), name="n")

    def told(props: dict[str, str], config: object = None) -> str | None:
        found = {} if config is None else {id: Found("OS::Heat::SoftwareConfig", "", {"config": config})}
        return user_data_of(msgspec.structs.replace(making, found=found), props)

    assert SERVER.looks_at(raw) == [id] and "OS::Heat::SoftwareConfig" in SERVER.seeks
    assert SERVER.looks_at({**raw, "user_data_format": "HEAT_CFNTOOLS"}) == []
    assert SERVER.looks_at({**raw, "user_data": "#!/bin/sh"}) == []
    assert told(raw, "#!/bin/sh\n") == encoded("#!/bin/sh\n", "RAW")
    assert told(raw, {"a": 1}) == encoded('{"a": 1}', "RAW")
    assert told(raw) == encoded(id, "RAW")
