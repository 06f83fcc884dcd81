from __future__ import annotations

from typing import Any

import pytest

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import PhysicalId
from global_heat.regions.cloud import Conflict, ServiceRefusal
from global_heat.resources.catalogue import ALL
from global_heat.resources.type import Failed
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.loop import run
from tests.unit.resources.bench import Bench, with_defaults
from tests.unit.resources.cases import a_network, a_port, ports_behind_a_router, rule


@pytest.mark.parametrize(
    ("type", "props", "fault"),
    [
        ("Net", {"value_specs": {"description": "x" * 209}}, "value_specs.description is longer"),
        ("SecurityGroup", {"description": "x" * 209}, "description is longer"),
        ("SecurityGroup", {"name": "default"}, "every project has"),
        (
            "SecurityGroup",
            {"rules": [rule(protocol="tcp", port_range_min=1)]},
            "rules[0]: port_range_min and",
        ),
        ("Subnet", {"network": "n"}, "either cidr or subnetpool"),
        ("Subnet", {"network": "n", "network_id": "m", "cidr": "10.0.0.0/8"}, "network and network_id"),
        ("Subnet", {"network": "n", "cidr": "c", "subnetpool": "p"}, "cannot be given together"),
        ("Subnet", {"network": "n", "cidr": "c", "prefixlen": 8}, "prefixlen goes with"),
        ("Subnet", {"network": "n", "cidr": "c", "ip_version": 4, "ipv6_ra_mode": "slaac"}, "ip_version 6"),
        (
            "Subnet",
            {"network": "n", "cidr": "c", "ipv6_ra_mode": "slaac", "ipv6_address_mode": "dhcpv6-stateful"},
            "must be equal",
        ),
        ("Subnet", {"network": "n", "cidr": "c", "gateway_ip": "here"}, "no address: here"),
        ("Port", {"network": "n", "no_fixed_ips": True, "fixed_ips": [{"subnet": "s"}]}, "no_fixed_ips"),
        ("Port", {"network": "n", "fixed_ips": [{"subnet": None}]}, "fixed_ips[0] needs"),
        ("Router", {"distributed": True, "ha": True}, "both be true"),
        ("RouterInterface", {"router": "r"}, "one of subnet and port"),
        ("RouterInterface", {"router": "r", "subnet": "s", "port_id": "p"}, "one of subnet and port"),
        ("FloatingIP", {"floating_network": "n", "fixed_ip_address": "10.0.0.1"}, "needs a port_id"),
        ("SecurityGroupRule", {"security_group": "g", "protocol": "tcp", "port_range_max": 1}, "go together"),
        (
            "SecurityGroupRule",
            {"security_group": "g", "protocol": "udp", "port_range_min": 2, "port_range_max": 1},
            "greater than",
        ),
        ("SecurityGroupRule", {"security_group": "g", "protocol": "icmp", "port_range_max": 1}, "ICMP code"),
        (
            "SecurityGroupRule",
            {"security_group": "g", "protocol": "", "port_range_min": 1},
            "needs a protocol",
        ),
        (
            "SecurityGroupRule",
            {"security_group": "g", "remote_group": "h", "remote_ip_prefix": "10.0.0.0/8"},
            "remote_group and",
        ),
    ],
)
def test_faults(type: str, props: dict[str, Any], fault: str) -> None:
    [found] = ALL[f"OS::Neutron::{type}"].check(props)
    assert fault in found


@pytest.mark.parametrize(
    ("status", "ready"), [("ACTIVE", True), ("DOWN", True), ("BUILD", False), ("ALLOCATING", False)]
)
def test_ready(status: str, ready: bool) -> None:
    assert ALL["OS::Neutron::Router"].ready({"status": status}) is ready


def test_an_error_state_fails() -> None:
    with pytest.raises(Failed, match="the port is in status ERROR"):
        ALL["OS::Neutron::Port"].ready({"status": "ERROR"})


def test_a_name_that_nothing_has_and_one_that_two_have() -> None:
    async def main() -> None:
        async with Bench() as bench:
            port = ALL["OS::Neutron::Port"]
            with pytest.raises(Invalid, match="none of the networks is named n") as caught:
                await port.resolve(bench.cloud, {"network": "n"})
            assert caught.value.reason is Reason.NOT_FOUND
            await bench.make("OS::Neutron::Net", name="n")
            await bench.make("OS::Neutron::Net", name="n")
            with pytest.raises(Invalid, match="2 networks are named n"):
                await port.resolve(bench.cloud, {"network": "n"})

    run(main())


def test_a_name_is_found_although_the_service_drops_the_filter() -> None:
    async def main() -> None:
        async with Bench() as bench:
            await bench.make("OS::Neutron::Net", name="other")
            net = await bench.make("OS::Neutron::Net", name="n")
            bench.region.faults.drop_filters = True
            resolved = await ALL["OS::Neutron::Port"].resolve(bench.cloud, {"network": "n"})
            assert resolved["network"] == net.id

    run(main())


def test_ids_are_not_looked_up() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_port(bench)
            before = len(bench.fake.journal)
            props = {"network": around["net"], "security_groups": [around["group"]]}
            assert await ALL["OS::Neutron::Port"].resolve(bench.cloud, props) == props
            assert len(bench.fake.journal) == before

    run(main())


def test_an_update_of_what_somebody_changed_meanwhile_begins_anew() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Neutron::Net", name="a")
            body = await bench.shown(made)
            await bench.cloud.put("network", f"/networks/{made.id}", {"network": {"name": "b"}})
            with pytest.raises(Transient, match="changed meanwhile"):
                await made.type.update(
                    bench.cloud, made.id, made.making, {"name": "c"}, {"name"}, {**body, "name": "a"}
                )
            assert (await bench.shown(made))["name"] == "b"

    run(main())


def test_an_update_writes_a_token_back_that_somebody_took_away() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Neutron::Net", name="a")
            path = f"/networks/{made.id}"
            await bench.cloud.put("network", path, {"network": {"description": "mine now"}})
            assert made.type.token_of(await bench.shown(made)) is None
            after = await bench.change(made, name="b")
            body = await bench.shown(after)
            assert body["description"] == f"mine now gh1-{made.making.token}"
            assert (await bench.attributes(after))["show"]["description"] == "mine now"

    run(main())


def test_a_rule_that_is_there_already_is_no_failure_but_a_full_quota_is() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Neutron::SecurityGroup")
            stale = await bench.shown(made)
            path = "/security-group-rules"
            ssh = {"security_group_id": made.id, "direction": "ingress", "protocol": "tcp"}
            await bench.cloud.post("network", path, {"security_group_rule": ssh})
            wish = {"rules": [rule(protocol="tcp")]}
            await made.type.update(bench.cloud, made.id, made.making, wish, {"rules"}, stale)
            assert len((await bench.shown(made))["security_group_rules"]) == 3
            bench.region.set_quota(bench.project, "network.security_group_rule", 3)
            more = {"rules": [rule(protocol="tcp"), rule(protocol="udp")]}
            with pytest.raises(Conflict):
                await made.type.update(
                    bench.cloud, made.id, made.making, more, {"rules"}, await bench.shown(made)
                )

    run(main())


def test_the_port_of_a_router_interface_by_port() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_network(bench)
            router = await bench.make("OS::Neutron::Router")
            port = await bench.make("OS::Neutron::Port", network=around["net"])
            made = await bench.make("OS::Neutron::RouterInterface", router=router.id, port=port.id)
            assert made.id == f"{router.id}:port_id={port.id}"
            assert (await bench.shown(made))["device_id"] == router.id
            with pytest.raises(Conflict):
                await bench.make("OS::Neutron::RouterInterface", router=router.id, port=port.id)
            await bench.delete(made)
            assert await made.type.show(bench.cloud, made.id) is None

    run(main())


def test_what_only_some_clouds_or_users_may_say_is_said_as_given() -> None:
    class Hearing:
        """Takes everything and remembers it."""

        async def post(self, service: str, path: str, body: dict[str, Any]) -> dict[str, Any]:
            self.heard = body
            return {key: {"id": "x"} for key in body}

    async def main() -> None:
        async with Bench() as bench:
            cloud = Hearing()
            net, subnet = ALL["OS::Neutron::Net"], ALL["OS::Neutron::Subnet"]
            making = bench.making(net, {})
            await net.create(cloud, making, {"shared": True, "tenant_id": "t"})  # type: ignore[arg-type]
            assert cloud.heard["network"] == {
                "name": making.name,
                "admin_state_up": True,
                "shared": True,
                "tenant_id": "t",
                "description": f"gh1-{making.token}",
            }
            props = {"network": "n", "subnetpool": "p", "prefixlen": 26, "gateway_ip": ""}
            await subnet.create(cloud, making, props)  # type: ignore[arg-type]
            assert cloud.heard["subnet"] == {
                "name": making.name,
                "network_id": "n",
                "ip_version": 4,
                "subnetpool_id": "p",
                "prefixlen": 26,
                "enable_dhcp": True,
                "gateway_ip": None,
                "description": f"gh1-{making.token}",
            }

    run(main())


def test_the_way_out_of_a_router_is_no_interface() -> None:
    async def main() -> None:
        async with Bench() as bench:
            outside = {"network": "public"}
            router = await bench.make("OS::Neutron::Router", external_gateway_info=outside)
            [fixed] = (await bench.shown(router))["external_gateway_info"]["external_fixed_ips"]
            interface = ALL["OS::Neutron::RouterInterface"]
            id = PhysicalId(f"{router.id}:subnet_id={fixed['subnet_id']}")
            assert await interface.show(bench.cloud, id) is None

    run(main())


def test_a_floating_ip_that_leads_elsewhere_by_now_is_left_alone() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await ports_behind_a_router(bench)
            floating = await bench.make("OS::Neutron::FloatingIP", floating_network="public")
            type = "OS::Neutron::FloatingIPAssociation"
            old = await bench.make(type, floatingip_id=floating.id, port_id=around["first"])
            new = await bench.make(type, floatingip_id=floating.id, port_id=around["second"])
            assert await old.type.show(bench.cloud, old.id) is None
            await bench.delete(old)
            assert (await bench.shown(new))["port_id"] == around["second"]

    run(main())


def test_a_network_in_use_is_a_conflict() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_network(bench)
            await bench.make("OS::Neutron::Port", network=around["net"])
            with pytest.raises(Conflict):
                await bench.cloud.delete("network", f"/networks/{around['net']}")

    run(main())


def test_an_outage_never_reads_as_gone() -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make("OS::Neutron::Net")
            bench.region.faults.add(Disturbance(Fate(status=503), methods=("GET",)))
            with pytest.raises(Transient):
                await made.type.show(bench.cloud, made.id)
            with pytest.raises(Transient):
                await made.type.observe(bench.cloud)

    run(main())


def test_a_list_is_read_to_its_end_and_only_of_the_own_project() -> None:
    async def main() -> None:
        async with Bench() as bench:
            nets = {(await bench.make("OS::Neutron::Net")).id for _ in range(3)}
            listed = await ALL["OS::Neutron::Net"].observe(bench.cloud)
            assert {body["id"] for body in listed} == nets

    run(main())


def test_what_the_service_refuses_is_told_in_its_words() -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await a_network(bench)
            type = ALL["OS::Neutron::Subnet"]
            props = with_defaults(type.name, {"network": around["net"], "cidr": "10.0.0.0/25"})
            with pytest.raises(ServiceRefusal, match="overlaps with another subnet"):
                await type.create(bench.cloud, bench.making(type, props), props)

    run(main())
