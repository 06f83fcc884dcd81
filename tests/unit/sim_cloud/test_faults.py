"""Each fault, as a caller meets it through the in-process transport."""

from __future__ import annotations

import json

import pytest

from global_heat.model.errors import Ambiguous, Transient
from global_heat.regions.transport import Request, Response
from global_heat.sim.cloud.faults import Disturbance, Fate, Mangle
from global_heat.sim.cloud.inprocess import InProcessTransport
from tests.unit.sim_cloud.conftest import Caller, World

PORTS = r"/network/v2\.0/networks$"


def post(demo: Caller, name: str = "n", timeout: float = 10.0) -> Request:
    return demo.request("POST", "network", "/networks", {"network": {"name": name}}, timeout)


def listing(demo: Caller, query: str = "") -> Request:
    return demo.request("GET", "network", f"/networks{query}", timeout=10.0)


def disturb(world: World, fate: Fate, times: int | None = 1) -> None:
    world.east.faults.add(Disturbance(fate, ("POST",), PORTS, times=times))


def send(world: World, transport: InProcessTransport, request: Request) -> Response:
    answer: Response = world.run(transport.send(request))
    return answer


def made(world: World) -> list[str]:
    return [thing.name for thing in world.east.truth()]


def test_without_faults_it_is_answered(world: World, demo: Caller, transport: InProcessTransport) -> None:
    assert send(world, transport, post(demo)).status == 201
    assert world.loop.time() == 0
    (entry,) = world.cloud.journal
    assert (entry.client, entry.method, entry.path) == ("replica-1", "POST", "/network/v2.0/networks")
    assert (entry.effective, entry.status, entry.project) == (True, 201, demo.project_id)


def test_latency_is_paid_both_ways(world: World, demo: Caller) -> None:
    far = world.cloud.transport("far", lambda region: 0.25)
    world.east.faults.latency_seconds = (0.5, 0.5)
    assert send(world, far, post(demo)).status == 201
    assert world.loop.time() == pytest.approx(1.5)
    (entry,) = world.cloud.journal
    assert entry.arrived_at - entry.sent_at == pytest.approx(0.75)


def test_lost_before_the_effect(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(dropped=True))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    assert (world.loop.time(), made(world), len(world.cloud.journal)) == (10.0, [], 0)
    assert send(world, transport, post(demo)).status == 201


def test_lost_after_the_effect(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(answer_lost=True))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    assert (world.loop.time(), made(world)) == (10.0, ["n"])
    (entry,) = world.cloud.journal
    assert (entry.effective, entry.effect_status, entry.status) == (True, 201, 0)


@pytest.mark.parametrize(("fate", "left"), [({"answer_lost": True}, ["n"]), ({"dropped": True}, [])])
def test_a_connection_is_reset(
    world: World, demo: Caller, transport: InProcessTransport, fate: dict, left: list[str]
) -> None:
    disturb(world, Fate(reset=True, **fate))
    with pytest.raises(Ambiguous, match="reset"):
        send(world, transport, post(demo))
    assert (world.loop.time(), made(world)) == (0.0, left)


def test_the_effect_lands_after_the_caller_gave_up(
    world: World, demo: Caller, transport: InProcessTransport
) -> None:
    disturb(world, Fate(hold_seconds=30.0))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    assert made(world) == []
    world.pass_time(21)
    assert made(world) == ["n"]


def test_what_is_late_on_the_way_is_judged_when_it_arrives(
    world: World, demo: Caller, transport: InProcessTransport
) -> None:
    disturb(world, Fate(delay_seconds=61.0))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    world.pass_time(60)
    (entry,) = world.cloud.journal
    assert (entry.status, entry.admitted_at, made(world)) == (401, None, [])


def test_what_is_held_was_judged_before(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(hold_seconds=7200.0))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    world.pass_time(7200)
    assert made(world) == ["n"]


def test_a_request_is_replayed(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(replay_after_seconds=2.0))
    assert send(world, transport, post(demo)).status == 201
    world.pass_time(3)
    assert made(world) == ["n", "n"]
    assert [entry.replay for entry in world.cloud.journal] == [False, True]


@pytest.mark.parametrize("effect", [True, False])
def test_an_error_tells_nothing_of_the_effect(
    world: World, demo: Caller, transport: InProcessTransport, effect: bool
) -> None:
    disturb(world, Fate(status=502, effect=effect))
    answer = send(world, transport, post(demo))
    assert (answer.status, made(world)) == (502, ["n"] if effect else [])


def test_too_many_requests(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(status=429, retry_after_seconds=7))
    answer = send(world, transport, post(demo))
    assert (answer.status, answer.headers["retry-after"], made(world)) == (429, "7", [])


def test_an_answer_is_garbage_or_torn(world: World, demo: Caller, transport: InProcessTransport) -> None:
    for mangle in (Mangle.GARBAGE, Mangle.TRUNCATED):
        disturb(world, Fate(mangle=mangle))
        answer = send(world, transport, post(demo, mangle))
        assert answer.status == 201
        with pytest.raises(ValueError):
            json.loads(answer.body)
    assert made(world) == ["garbage", "truncated"]


def test_a_wrong_success(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(status=200))
    answer = send(world, transport, post(demo))
    assert (answer.status, made(world)) == (200, []) and answer.body.startswith(b"<html>")


def test_a_region_is_down(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.unreachable = True
    with pytest.raises(Transient):
        send(world, transport, post(demo))
    assert world.loop.time() == 0
    west = world.caller(region="west")
    assert send(world, transport, post(west)).status == 201
    world.cloud.heal()
    assert send(world, transport, post(demo)).status == 201


def test_a_region_hangs(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.unreachable = world.east.faults.hanging = True
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    assert (world.loop.time(), made(world)) == (10.0, [])


def test_a_region_that_goes_down_answers_nobody_any_more(
    world: World, demo: Caller, transport: InProcessTransport
) -> None:
    disturb(world, Fate(return_seconds=2.0))
    world.loop.call_later(1.0, lambda: setattr(world.east.faults, "unreachable", True))
    with pytest.raises(Ambiguous):
        send(world, transport, post(demo))
    assert made(world) == ["n"]


def test_one_service_is_down(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.down.add("network")
    assert send(world, transport, post(demo)).status == 503
    servers = demo.request("GET", "compute", "/servers")
    assert send(world, transport, servers).status == 200
    assert [entry.status for entry in world.cloud.journal] == [503, 200]


def test_lists_lag(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.list_lag_seconds = 5.0
    network = json.loads(send(world, transport, post(demo)).body)["network"]

    def seen() -> list[str]:
        return [n["name"] for n in json.loads(send(world, transport, listing(demo)).body)["networks"]]

    assert seen() == []
    assert demo.network("GET", f"/networks/{network['id']}").status == 200
    world.pass_time(5)
    assert seen() == ["public", "n"]


def test_lists_show_ghosts(world: World, demo: Caller) -> None:
    network, server = demo.make("networks", name="n"), demo.make_server()
    volume, image = demo.make_volume(), demo.image("POST", "/images", {"name": "i"}).ok(201)
    for delete in (
        demo.network("DELETE", f"/networks/{network['id']}"),
        demo.nova("DELETE", f"/servers/{server['id']}"),
        demo.volume("DELETE", f"/volumes/{volume['id']}"),
        demo.image("DELETE", f"/images/{image['id']}"),
    ):
        assert delete.status in (202, 204)
    world.pass_time(2)

    def seen() -> list[bool]:
        return [
            network["id"] in demo.network("GET", "/networks").text,
            server["id"] in demo.nova("GET", "/servers/detail").text,
            volume["id"] in demo.volume("GET", "/volumes/detail").text,
            image["id"] in demo.image("GET", "/images").text,
        ]

    assert seen() == [False] * 4
    world.east.faults.list_ghost_seconds = 5.0
    assert seen() == [True] * 4
    assert demo.network("GET", f"/networks/{network['id']}").status == 404
    world.pass_time(6)
    assert seen() == [False] * 4


def test_filters_are_dropped(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.drop_filters = True
    found = json.loads(send(world, transport, listing(demo, "?description=none")).body)["networks"]
    assert [network["name"] for network in found] == ["public"]
    demo.make_server(name="a")
    demo.make_volume(name="a")
    assert len(demo.nova("GET", "/servers?name=zzz").ok()["servers"]) == 1
    assert len(demo.volume("GET", "/volumes?name=zzz").ok()["volumes"]) == 1
    assert len(demo.image("GET", "/images?name=zzz").ok()["images"]) == 1


def test_a_cell_is_down(world: World, demo: Caller) -> None:
    servers = {demo.make_server(name=f"s{i}")["id"] for i in range(8)}
    lost = {id for id in servers if id[0] in "01234567"}
    assert lost and lost != servers
    world.east.faults.cell_down = True
    rows = demo.nova("GET", "/servers").ok()["servers"]
    assert {row["id"] for row in rows} == servers
    assert {row["id"] for row in rows if row.get("status") == "UNKNOWN"} == lost
    for query, version in (("?name=s", "2.96"), ("?limit=100", "2.96"), ("", "2.68")):
        partial = demo.nova("GET", f"/servers{query}", version=version).ok()["servers"]
        assert {row["id"] for row in partial} == servers - lost
    one = min(lost)
    assert demo.nova("GET", f"/servers/{one}").ok()["server"]["status"] == "UNKNOWN"
    assert demo.nova("GET", f"/servers/{one}", version="2.1").status == 500
    assert demo.nova("DELETE", f"/servers/{one}").status == 500


def test_a_full_page_leaves_no_room_for_what_is_unknown(world: World, demo: Caller) -> None:
    from global_heat.sim.cloud.settings import Settings

    world = World(settings=Settings(page_size=2))
    demo = world.caller()
    servers = [demo.make_server()["id"] for _ in range(8)]
    assert sum(id[0] in "01234567" for id in servers) in range(1, 7)
    world.east.faults.cell_down = True
    rows = demo.nova("GET", "/servers").ok()["servers"]
    assert len(rows) == 2 and not any(row.get("status") == "UNKNOWN" for row in rows)


def test_a_schedule_may_decide(world: World, demo: Caller, transport: InProcessTransport) -> None:
    world.east.faults.decide = lambda request: Fate(refused=True) if request.method == "POST" else None
    with pytest.raises(Transient):
        send(world, transport, post(demo))
    assert send(world, transport, listing(demo)).status == 200


def test_chance_is_the_seeds() -> None:
    def statuses(seed: int) -> list[int]:
        world = World(seed)
        demo, transport = world.caller(), world.cloud.transport("c")
        world.east.faults.add(Disturbance(Fate(status=500), probability=0.5))
        return [send(world, transport, listing(demo)).status for _ in range(20)]

    assert statuses(1) == statuses(1) != statuses(2)
    assert set(statuses(1)) == {200, 500}


def test_rules_end(world: World, demo: Caller, transport: InProcessTransport) -> None:
    disturb(world, Fate(status=500), times=2)
    assert [send(world, transport, post(demo)).status for _ in range(3)] == [500, 500, 201]
    assert world.east.faults.rules == []
    disturb(world, Fate(status=500), times=None)
    assert send(world, transport, post(demo)).status == 500
    world.east.faults.clear_rules()
    assert send(world, transport, post(demo)).status == 201
    world.east.faults.add(Disturbance(Fate(status=500), ("POST",), skip=1, times=1))
    assert [send(world, transport, post(demo)).status for _ in range(3)] == [201, 500, 201]


def test_what_breaks_in_the_fake_is_seen(world: World, demo: Caller) -> None:
    transport = world.cloud.transport("far", lambda region: 1.0)
    world.east.neutron.handle = None  # type: ignore[method-assign, assignment]
    with pytest.raises(TypeError):
        send(world, transport, post(demo))
