"""A lab as it is laid out: ports, replicas over regions, distances."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from global_heat.cli.lab import layout
from global_heat.cli.lab.files import member_addresses, member_options, region_record, replica_settings
from global_heat.cli.lab.layout import lay_out
from global_heat.model.errors import Invalid, Reason


def ports_of(lab: layout.Lab) -> list[int]:
    ports = [lab.network_port, lab.clouds_port]
    for region in lab.regions:
        ports += [getattr(region, name) for name in region.__struct_fields__ if name != "name"]
    for replica in lab.replicas:
        ports += [replica.listen, replica.gate, replica.engine, replica.front_door]
    return ports


def test_every_port_is_used_once(tmp_path: Path) -> None:
    ports = ports_of(lay_out(tmp_path, 3, 4, (), "etcd"))
    assert len(set(ports)) == len(ports) == 2 + 3 * 6 + 4 * 4


def test_the_same_directory_gets_the_same_ports(tmp_path: Path) -> None:
    first, again = (ports_of(lay_out(tmp_path, 3, 3, (), "etcd")) for _ in range(2))
    other = ports_of(lay_out(tmp_path / "other", 3, 3, (), "etcd"))
    assert first == again
    assert set(first).isdisjoint(other)


def test_ports_that_somebody_listens_on_are_left_alone(tmp_path: Path) -> None:
    taken = ports_of(lay_out(tmp_path, 3, 3, (), "etcd"))[0]
    with socket.socket() as other:
        other.bind(("127.0.0.1", taken))
        other.listen()
        assert taken not in ports_of(lay_out(tmp_path, 3, 3, (), "etcd"))


def test_more_replicas_than_regions_are_spread(tmp_path: Path) -> None:
    lab = lay_out(tmp_path, 3, 5, (), "etcd")
    names = [replica.name for replica in lab.replicas]
    assert names == ["north-1", "south-1", "west-1", "north-2", "south-2"]
    assert [replica.name for replica in lab.replicas_of("south")] == ["south-1", "south-2"]


def test_round_trips_one_for_all_or_one_for_each_pair(tmp_path: Path) -> None:
    each = lay_out(tmp_path, 3, 3, (20, 40, 60), "etcd")
    assert each.rtts == {"north-south": 20, "north-west": 40, "south-west": 60}
    assert each.rtt_seconds("west", "south") == each.rtt_seconds("south", "west") == 0.06
    assert each.rtt_seconds("west", "west") == 0
    assert [region.name for region in each.nearest("west")] == ["west", "north", "south"]
    assert set(lay_out(tmp_path, 3, 3, (7,), "etcd").rtts.values()) == {7}
    assert set(lay_out(tmp_path, 4, 4, (), "etcd").rtts.values()) == {layout.RTT_MILLISECONDS}


def test_all_faults_are_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(Invalid) as refused:
        lay_out(tmp_path, 0, 0, (1, 2), "etcd")
    assert [fault.path for fault in refused.value.faults] == ["--regions", "--replicas", "--rtt"]
    with pytest.raises(Invalid):
        lay_out(tmp_path, 3, 3, (-1,), "etcd")


def test_a_lab_is_found_again(tmp_path: Path) -> None:
    lab = lay_out(tmp_path, 2, 2, (5,), "/usr/bin/etcd")
    with pytest.raises(Invalid) as refused:
        layout.load(tmp_path)
    assert refused.value.reason is Reason.NOT_FOUND
    layout.save(lab, tmp_path)
    assert layout.load(tmp_path) == lab


def test_each_replica_sees_its_own_member_past_the_network_and_the_others_through_it(tmp_path: Path) -> None:
    lab = lay_out(tmp_path, 3, 3, (20, 40, 60), "etcd")
    west = next(replica for replica in lab.replicas if replica.region == "west")
    own, nearer, farther = lab.region("west"), lab.region("north"), lab.region("south")
    assert replica_settings(lab, west)["etcd"]["endpoints"] == [
        f"127.0.0.1:{own.etcd}",
        f"127.0.0.1:{nearer.etcd_gate}",
        f"127.0.0.1:{farther.etcd_gate}",
    ]


def test_members_find_each_other_through_the_gates(tmp_path: Path) -> None:
    lab = lay_out(tmp_path, 3, 3, (20, 40, 300), "etcd")
    for region in lab.regions:
        address = member_addresses(lab)[region.member]
        assert address.peer_told == f"127.0.0.1:{region.peer_gate}"
        assert address.client_told == f"127.0.0.1:{region.etcd_gate}"
    assert member_options(lab).heartbeat_milliseconds == 300
    assert member_options(lab).election_milliseconds == 3000


def test_a_region_is_registered_with_its_distances(tmp_path: Path) -> None:
    lab = lay_out(tmp_path, 3, 3, (20, 40, 60), "etcd")
    record = region_record(lab, lab.region("north"))
    assert record.distances == {"south": 0.02, "west": 0.04}
    assert record.auth_url == f"http://127.0.0.1:{lab.region('north').cloud_gate}/identity/v3"
