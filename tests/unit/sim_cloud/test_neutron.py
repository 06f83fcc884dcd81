"""Neutron: life-cycles and what it refuses."""

from __future__ import annotations

import pytest

from tests.unit.sim_cloud.conftest import Answered, Caller, World


def fault_type(answer: Answered) -> str:
    return str(answer.body["NeutronError"]["type"])


def external(caller: Caller) -> str:
    return str(caller.network("GET", "/networks?router:external=True").ok()["networks"][0]["id"])


def routed(caller: Caller) -> tuple[dict, dict, dict]:
    """A network behind a router with a way out."""
    network, subnet = caller.make_network()
    router = caller.make("routers", external_gateway_info={"network_id": external(caller)})
    caller.network("PUT", f"/routers/{router['id']}/add_router_interface", {"subnet_id": subnet["id"]}).ok()
    return network, subnet, router


def test_a_network_lives_and_dies(demo: Caller) -> None:
    network = demo.make("networks", name="a", description="mine")
    assert (network["status"], network["revision_number"], network["subnets"]) == ("ACTIVE", 1, [])
    changed = demo.network("PUT", f"/networks/{network['id']}", {"network": {"mtu": 1400}}).ok()["network"]
    assert (changed["mtu"], changed["revision_number"]) == (1400, 2)
    demo.network("DELETE", f"/networks/{network['id']}").ok(204)
    gone = demo.network("GET", f"/networks/{network['id']}")
    assert (gone.status, fault_type(gone)) == (404, "NetworkNotFound")


def test_a_project_sees_its_own_and_the_external_network(demo: Caller, rival: Caller) -> None:
    mine = demo.make("networks", name="a")
    assert rival.network("GET", f"/networks/{mine['id']}").status == 404
    assert rival.network("DELETE", f"/networks/{mine['id']}").status == 404
    names = [network["name"] for network in rival.network("GET", "/networks").ok()["networks"]]
    assert names == ["public"]
    refused = rival.network("DELETE", f"/networks/{external(rival)}")
    assert (refused.status, fault_type(refused)) == (403, "PolicyNotAuthorized")


def test_lists_are_filtered_cut_and_paged(demo: Caller) -> None:
    made = [demo.make("networks", name=f"n{i % 2}", description=f"d{i}")["id"] for i in range(5)]
    found = demo.network("GET", "/networks?description=d3&fields=id&fields=name").ok()["networks"]
    assert found == [{"id": made[3], "name": "n1"}]
    assert len(demo.network("GET", "/networks?name=n0&nonsense=1").ok()["networks"]) == 3
    ids, path = [], "/networks?limit=2&router:external=False"
    while path:
        page = demo.network("GET", path).ok()
        ids += [network["id"] for network in page["networks"]]
        links = page.get("networks_links")
        path = links[0]["href"].partition("/network/v2.0")[2] if links else ""
    assert ids == made
    assert demo.network("GET", "/networks?limit=2&marker=none").status == 404


def test_tags_are_a_call_of_their_own(demo: Caller) -> None:
    refused = demo.network("POST", "/networks", {"network": {"name": "a", "tags": ["x"]}})
    assert refused.status == 400 and "tags" in refused.text
    network = demo.make("networks", name="a")
    path = f"/networks/{network['id']}/tags"
    assert demo.network("PUT", path, {"tags": ["a", "b"]}).ok()["tags"] == ["a", "b"]
    demo.network("PUT", f"{path}/c").ok(201)
    demo.network("DELETE", f"{path}/a").ok(204)
    assert [n["id"] for n in demo.network("GET", "/networks?tags=b,c").ok()["networks"]] == [network["id"]]
    assert demo.network("GET", "/networks?tags=a").ok()["networks"] == []


def test_an_update_may_insist_on_a_revision(demo: Caller) -> None:
    network = demo.make("networks", name="a")
    path, change = f"/networks/{network['id']}", {"network": {"name": "b"}}
    demo.network("PUT", path, change, if_match="revision_number=1").ok()
    late = demo.network("PUT", path, change, if_match="revision_number=1")
    assert (late.status, fault_type(late)) == (412, "RevisionNumberConstraintFailed")
    assert demo.network("DELETE", path, if_match="revision_number=1").status == 412


@pytest.mark.parametrize(
    ("collection", "wish", "part"),
    [
        ("networks", {"nmae": "x"}, "nmae"),
        ("networks", {"description": "d" * 256}, "maximum length"),
        ("networks", {"admin_state_up": "perhaps"}, "boolean"),
        ("networks", {"mtu": "big"}, "int"),
        ("ports", {"network_id": "n", "device_owner": None}, "str"),
        ("routers", {"external_gateway_info": "x"}, "dictionary"),
        ("subnets", {"cidr": "10.0.0.0/24", "ip_version": 4}, "network_id"),
        ("security-group-rules", {"direction": "ingress"}, "security_group_id"),
    ],
)
def test_a_wrong_wish_is_refused(demo: Caller, collection: str, wish: dict, part: str) -> None:
    singular = collection.replace("-", "_")[:-1]
    refused = demo.network("POST", f"/{collection}", {singular: wish})
    assert refused.status == 400 and part in refused.text


def test_only_an_administrator_shares(demo: Caller, admin: Caller, rival: Caller) -> None:
    assert demo.network("POST", "/networks", {"network": {"shared": True}}).status == 403
    shared = admin.make("networks", shared=True)
    assert rival.network("GET", f"/networks/{shared['id']}").ok()["network"]["shared"]


def test_subnets_share_a_network_without_overlap(demo: Caller) -> None:
    network, subnet = demo.make_network("10.0.0.0/24")
    assert subnet["gateway_ip"] == "10.0.0.1"
    assert subnet["allocation_pools"] == [{"start": "10.0.0.2", "end": "10.0.0.254"}]
    wish = {"network_id": network["id"], "cidr": "10.0.0.128/25", "ip_version": 4}
    refused = demo.network("POST", "/subnets", {"subnet": wish})
    assert (refused.status, fault_type(refused)) == (400, "InvalidInput")
    six = demo.make("subnets", network_id=network["id"], cidr="fd00::/64", ip_version=6, gateway_ip=None)
    assert six["gateway_ip"] is None
    shown = demo.network("GET", f"/networks/{network['id']}").ok()["network"]
    assert shown["subnets"] == [subnet["id"], six["id"]]
    port = demo.make("ports", network_id=network["id"])
    assert [ip["ip_address"] for ip in port["fixed_ips"]] == ["10.0.0.2", "fd00::1"]


def test_a_subnet_or_network_in_use_stays(demo: Caller) -> None:
    network, subnet = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    refused = demo.network("DELETE", f"/subnets/{subnet['id']}")
    assert (refused.status, fault_type(refused)) == (409, "SubnetInUse")
    refused = demo.network("DELETE", f"/networks/{network['id']}")
    assert (refused.status, fault_type(refused)) == (409, "NetworkInUse") and port["id"] in refused.text
    demo.network("DELETE", f"/ports/{port['id']}").ok(204)
    demo.network("DELETE", f"/networks/{network['id']}").ok(204)
    assert demo.network("GET", f"/subnets/{subnet['id']}").status == 404


def test_addresses_are_given_once(demo: Caller) -> None:
    network, subnet = demo.make_network("10.0.0.0/29")
    wish = {"network_id": network["id"], "fixed_ips": [{"ip_address": "10.0.0.4"}]}
    port = demo.make("ports", **wish)
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.4"}]
    refused = demo.network("POST", "/ports", {"port": wish})
    assert (refused.status, fault_type(refused)) == (409, "IpAddressAlreadyAllocated")
    outside = {**wish, "fixed_ips": [{"ip_address": "10.9.0.4"}]}
    refused = demo.network("POST", "/ports", {"port": outside})
    assert (refused.status, fault_type(refused)) == (400, "InvalidIpForNetwork")
    given = [demo.make("ports", network_id=network["id"])["fixed_ips"][0]["ip_address"] for _ in range(4)]
    assert given == ["10.0.0.2", "10.0.0.3", "10.0.0.5", "10.0.0.6"]
    refused = demo.network("POST", "/ports", {"port": {"network_id": network["id"]}})
    assert (refused.status, fault_type(refused)) == (409, "IpAddressGenerationFailure")
    demo.network("DELETE", f"/ports/{port['id']}").ok(204)
    assert demo.make("ports", network_id=network["id"])["fixed_ips"][0]["ip_address"] == "10.0.0.4"


def test_a_port_changes_its_addresses(demo: Caller) -> None:
    network, subnet = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    wish = [{"subnet_id": subnet["id"], "ip_address": "10.0.0.2"}, {"ip_address": "10.0.0.50"}]
    changed = demo.network("PUT", f"/ports/{port['id']}", {"port": {"fixed_ips": wish}}).ok()["port"]
    assert [ip["ip_address"] for ip in changed["fixed_ips"]] == ["10.0.0.2", "10.0.0.50"]
    demo.network("PUT", f"/ports/{port['id']}", {"port": {"fixed_ips": []}}).ok()
    demo.network("DELETE", f"/subnets/{subnet['id']}").ok(204)


def test_a_mac_is_unique_on_its_network(demo: Caller) -> None:
    network, _ = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    wish = {"network_id": network["id"], "mac_address": port["mac_address"]}
    refused = demo.network("POST", "/ports", {"port": wish})
    assert (refused.status, fault_type(refused)) == (409, "MacAddressInUse")


def test_a_project_has_a_default_security_group(demo: Caller, rival: Caller) -> None:
    (group,) = demo.network("GET", "/security-groups").ok()["security_groups"]
    rules = group["security_group_rules"]
    assert sorted((rule["direction"], rule["ethertype"]) for rule in rules) == [
        ("egress", "IPv4"),
        ("egress", "IPv6"),
        ("ingress", "IPv4"),
        ("ingress", "IPv6"),
    ]
    assert demo.network("GET", "/security-groups").ok()["security_groups"][0]["id"] == group["id"]
    assert rival.network("GET", "/security-groups").ok()["security_groups"][0]["id"] != group["id"]
    network, _ = demo.make_network()
    assert demo.make("ports", network_id=network["id"])["security_groups"] == [group["id"]]
    refused = demo.network("DELETE", f"/security-groups/{group['id']}")
    assert (refused.status, fault_type(refused)) == (409, "SecurityGroupCannotRemoveDefault")
    refused = demo.network("POST", "/security-groups", {"security_group": {"name": "default"}})
    assert (refused.status, fault_type(refused)) == (409, "SecurityGroupDefaultAlreadyExists")


def test_a_rule_exists_once_and_goes_with_its_group(demo: Caller) -> None:
    group = demo.make("security-groups", name="web")
    assert {rule["direction"] for rule in group["security_group_rules"]} == {"egress"}
    wish = {
        "security_group_id": group["id"],
        "direction": "ingress",
        "protocol": "tcp",
        "port_range_min": "80",
        "port_range_max": 80,
        "description": "one",
    }
    rule = demo.make("security-group-rules", **wish)
    assert rule["port_range_min"] == 80 and "name" not in rule
    refused = demo.network(
        "POST", "/security-group-rules", {"security_group_rule": {**wish, "description": "2"}}
    )
    assert (refused.status, fault_type(refused)) == (409, "SecurityGroupRuleExists")
    assert rule["id"] in refused.text
    shown = demo.network("GET", f"/security-groups/{group['id']}").ok()["security_group"]
    assert rule["id"] in [held["id"] for held in shown["security_group_rules"]]
    demo.network("DELETE", f"/security-groups/{group['id']}").ok(204)
    assert demo.network("GET", f"/security-group-rules/{rule['id']}").status == 404


@pytest.mark.parametrize(
    "wish",
    [
        {"protocol": "tcp", "port_range_min": 90, "port_range_max": 80},
        {"port_range_min": 80, "port_range_max": 80},
        {"protocol": "nonsense"},
        {"remote_ip_prefix": "fd00::/64"},
        {"direction": "sideways"},
    ],
)
def test_a_wrong_rule_is_refused(demo: Caller, wish: dict) -> None:
    group = demo.make("security-groups", name="web")
    full = {"security_group_id": group["id"], "direction": "ingress", **wish}
    assert demo.network("POST", "/security-group-rules", {"security_group_rule": full}).status == 400


def test_a_security_group_in_use_stays(demo: Caller) -> None:
    network, _ = demo.make_network()
    group = demo.make("security-groups", name="web")
    port = demo.make("ports", network_id=network["id"], security_groups=[group["id"]])
    refused = demo.network("DELETE", f"/security-groups/{group['id']}")
    assert (refused.status, fault_type(refused)) == (409, "SecurityGroupInUse")
    demo.network("PUT", f"/ports/{port['id']}", {"port": {"security_groups": []}}).ok()
    demo.network("DELETE", f"/security-groups/{group['id']}").ok(204)


def test_a_router_joins_subnets(demo: Caller) -> None:
    network, subnet, router = routed(demo)
    (interface,) = demo.network("GET", f"/ports?device_id={router['id']}&network_id={network['id']}").ok()[
        "ports"
    ]
    assert interface["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": "10.0.0.1"}]
    assert interface["device_owner"] == "network:router_interface"
    refused = demo.network("DELETE", f"/ports/{interface['id']}")
    assert (refused.status, fault_type(refused)) == (409, "ServicePortInUse")
    refused = demo.network("DELETE", f"/routers/{router['id']}")
    assert (refused.status, fault_type(refused)) == (409, "RouterInUse")
    again = f"/routers/{router['id']}/add_router_interface"
    assert demo.network("PUT", again, {"subnet_id": subnet["id"]}).status == 400
    assert demo.network("PUT", again, {"port_id": interface["id"]}).status == 409
    leave = f"/routers/{router['id']}/remove_router_interface"
    assert demo.network("PUT", leave, {"subnet_id": subnet["id"]}).ok()["port_id"] == interface["id"]
    assert demo.network("PUT", leave, {"subnet_id": subnet["id"]}).status == 404
    assert demo.network("PUT", leave, {"port_id": interface["id"]}).status == 404
    demo.network("DELETE", f"/routers/{router['id']}").ok(204)
    demo.network("DELETE", f"/networks/{network['id']}").ok(204)


def test_a_router_takes_a_port_and_deletes_it_when_it_leaves(demo: Caller) -> None:
    network, _ = demo.make_network()
    router = demo.make("routers", name="r")
    port = demo.make("ports", network_id=network["id"])
    path = f"/routers/{router['id']}"
    joined = demo.network("PUT", f"{path}/add_router_interface", {"port_id": port["id"]}).ok()
    assert joined["port_id"] == port["id"]
    assert demo.network("GET", f"/ports/{port['id']}").ok()["port"]["device_id"] == router["id"]
    demo.network("PUT", f"{path}/remove_router_interface", {"port_id": port["id"]}).ok()
    assert demo.network("GET", f"/ports/{port['id']}").status == 404


def test_overlapping_subnets_do_not_meet_at_a_router(demo: Caller) -> None:
    router = demo.make("routers", name="r")
    path = f"/routers/{router['id']}/add_router_interface"
    _, first = demo.make_network("10.0.0.0/24")
    _, second = demo.make_network("10.0.0.0/25")
    demo.network("PUT", path, {"subnet_id": first["id"]}).ok()
    refused = demo.network("PUT", path, {"subnet_id": second["id"]})
    assert refused.status == 400 and "overlaps" in refused.text


def test_a_gateway_needs_an_external_network(demo: Caller) -> None:
    network, _ = demo.make_network()
    wish = {"external_gateway_info": {"network_id": network["id"]}}
    assert demo.network("POST", "/routers", {"router": wish}).status == 400
    router = demo.make("routers", external_gateway_info={"network_id": external(demo)})
    (outside,) = router["external_gateway_info"]["external_fixed_ips"]
    assert outside["ip_address"].startswith("172.24.")
    path, clear = f"/routers/{router['id']}", {"router": {"external_gateway_info": None}}
    assert demo.network("PUT", path, clear).ok()["router"]["external_gateway_info"] is None


def test_a_floating_ip_reaches_a_port_through_a_router(demo: Caller) -> None:
    network, subnet, router = routed(demo)
    port = demo.make("ports", network_id=network["id"])
    floating = demo.make("floatingips", floating_network_id=external(demo))
    assert (floating["status"], floating["port_id"], "name" in floating) == ("DOWN", None, False)
    path = f"/floatingips/{floating['id']}"
    joined = demo.network("PUT", path, {"floatingip": {"port_id": port["id"]}}).ok()["floatingip"]
    assert (joined["status"], joined["router_id"]) == ("ACTIVE", router["id"])
    assert joined["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    twice = {"floating_network_id": external(demo), "port_id": port["id"]}
    refused = demo.network("POST", "/floatingips", {"floatingip": twice})
    assert (refused.status, fault_type(refused)) == (409, "FloatingIPPortAlreadyAssociated")
    leave = f"/routers/{router['id']}/remove_router_interface"
    refused = demo.network("PUT", leave, {"subnet_id": subnet["id"]})
    assert (refused.status, fault_type(refused)) == (409, "RouterInterfaceInUseByFloatingIP")
    clear = {"router": {"external_gateway_info": None}}
    assert demo.network("PUT", f"/routers/{router['id']}", clear).status == 409
    demo.network("DELETE", f"/ports/{port['id']}").ok(204)
    assert demo.network("GET", path).ok()["floatingip"]["port_id"] is None
    demo.network("DELETE", path).ok(204)
    demo.network("PUT", leave, {"subnet_id": subnet["id"]}).ok()


def test_a_floating_ip_needs_a_way_in(demo: Caller) -> None:
    network, _ = demo.make_network()
    port = demo.make("ports", network_id=network["id"])
    wish = {"floating_network_id": external(demo), "port_id": port["id"]}
    refused = demo.network("POST", "/floatingips", {"floatingip": wish})
    assert (refused.status, fault_type(refused)) == (404, "ExternalGatewayForFloatingIPNotFound")
    inside = {"floating_network_id": network["id"]}
    assert demo.network("POST", "/floatingips", {"floatingip": inside}).status == 400
    assert demo.region.truth()[-1].kind == "network.port"


def test_a_quota_is_kept(world: World, demo: Caller) -> None:
    world.east.set_quota(demo.project_id, "network.network", 1)
    demo.make("networks", name="a")
    refused = demo.network("POST", "/networks", {"network": {"name": "b"}})
    assert (refused.status, fault_type(refused)) == (409, "OverQuota")
