from __future__ import annotations

from tests.unit.sim_cloud.conftest import Caller, World


def test_a_server_on_a_network(world: World, demo: Caller) -> None:
    network, _ = demo.make_network()
    server = demo.make_server(networks=[{"uuid": network["id"]}])
    assert server["status"] == "ACTIVE"
