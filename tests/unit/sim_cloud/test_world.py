"""A cloud of three regions and two callers in one process."""

from __future__ import annotations

import asyncio
import json

import pytest

from global_heat.model.errors import Ambiguous, Transient
from global_heat.model.names import Project, Region
from global_heat.model.token import mint
from global_heat.regions.transport import Request
from global_heat.sim.cloud.inprocess import Cut
from tests.unit.sim_cloud.conftest import Caller, World


def post(caller: Caller, name: str = "n") -> Request:
    return caller.request("POST", "network", "/networks", {"network": {"name": name}}, 10.0)


def test_regions_are_apart_and_share_their_keystone(world: World) -> None:
    east, west = world.caller(region="east"), world.caller(region="west")
    network = east.make("networks", name="a")
    assert west.network("GET", f"/networks/{network['id']}").status == 404
    made = [(thing.region, thing.kind, thing.name) for thing in world.cloud.truth()]
    assert made[0] == ("east", "network.network", "a")


def test_images_may_be_shared() -> None:
    world = World(shared=("identity", "image"))
    east, west = world.caller(region="east"), world.caller(region="west")
    image = east.image("POST", "/images", {"name": "i", "visibility": "community"}).ok(201)
    east.image("POST", f"/images/{image['id']}/import", {"method": {"name": "web-download", "uri": "u"}}).ok(
        202
    )
    world.pass_time(2)
    assert west.make_server(imageRef=image["id"])["status"] == "ACTIVE"


def test_a_link_is_one_callers(world: World) -> None:
    demo = world.caller()
    one, two = world.cloud.transport("one"), world.cloud.transport("two")
    world.cloud.partition("one", "east")
    with pytest.raises(Ambiguous):
        world.run(one.send(post(demo)))
    assert world.run(two.send(post(demo))).status == 201
    assert world.run(one.send(post(world.caller(region="west")))).status == 201
    world.cloud.rejoin("one", "east")
    assert world.run(one.send(post(demo))).status == 201
    assert [entry.client for entry in world.cloud.journal] == ["two", "one", "one"]


@pytest.mark.parametrize(
    ("how", "error", "left"),
    [(Cut.REFUSED, Transient, 0), (Cut.SILENT, Ambiguous, 0), (Cut.ANSWERS_LOST, Ambiguous, 1)],
)
def test_ways_to_be_cut(world: World, how: Cut, error: type[Exception], left: int) -> None:
    transport = world.cloud.transport("one")
    world.cloud.partition("one", "east", how)
    with pytest.raises(error):
        world.run(transport.send(post(world.caller())))
    assert len(world.cloud.truth()) == left
    world.cloud.heal()
    assert world.run(transport.send(post(world.caller()))).status == 201


def test_what_is_on_its_way_when_a_link_is_cut_is_lost(world: World) -> None:
    demo, transport = world.caller(), world.cloud.transport("one", lambda region: 1.0)
    world.loop.call_later(0.5, world.cloud.partition, "one", "east")
    world.loop.call_later(1.5, world.cloud.rejoin, "one", "east")
    with pytest.raises(Ambiguous):
        world.run(transport.send(post(demo)))
    assert world.cloud.truth() == []


def test_a_dead_caller_sends_nothing_but_what_it_sent_arrives(world: World) -> None:
    demo, transport = world.caller(), world.cloud.transport("one", lambda region: 1.0)

    async def die() -> None:
        sending = asyncio.ensure_future(transport.send(post(demo)))
        await asyncio.sleep(0.5)
        transport.close()
        sending.cancel()
        with pytest.raises(Transient):
            await transport.send(post(demo))
        await asyncio.sleep(1)

    world.run(die())
    assert [thing.name for thing in world.cloud.truth()] == ["n"]


def test_nobody_answers_elsewhere(world: World) -> None:
    transport = world.cloud.transport("one")
    with pytest.raises(Transient):
        world.run(transport.send(Request("GET", "http://moon.sim/", "moon")))


def test_two_callers_make_things_at_once(world: World) -> None:
    demo = world.caller()
    one = world.cloud.transport("one", lambda region: 0.1)
    two = world.cloud.transport("two", lambda region: 0.2)

    async def both() -> list[int]:
        answers = await asyncio.gather(*(t.send(post(demo, "n")) for t in (one, two) for _ in range(5)))
        return [answer.status for answer in answers]

    assert world.run(both()) == [201] * 10
    assert len({thing.id for thing in world.cloud.truth()}) == 10


def test_the_truth_tells_tokens_wherever_they_are(world: World) -> None:
    demo = world.caller()

    def token(kind: str, number: int) -> str:
        return mint(b"key", Project("p"), Region("east"), kind, bytes([number]) * 16)

    names = [token("k", number) for number in range(4)]
    demo.make("networks", name="n", description=f"mine gh1-{names[0]}")
    demo.make_server(metadata={"gh_token": f"gh1-{names[1]}"})
    demo.make_volume(metadata={"gh_token": f"gh1-{names[2]}"})
    group = {"server_group": {"name": f"g gh1-{names[3]}", "policy": "affinity"}}
    demo.nova("POST", "/os-server-groups", group).ok()
    plain = demo.make("networks", name="plain")
    truth = {thing.id: thing for thing in world.cloud.truth()}
    assert [thing.token for thing in truth.values()] == [*names, None]
    assert truth[plain["id"]].project == demo.project_id
    entries = [entry.token for entry in world.cloud.journal if entry.effective]
    assert entries == [*names, ""]
    demo.network("DELETE", f"/networks/{plain['id']}").ok(204)
    assert plain["id"] not in {thing.id for thing in world.cloud.truth()}
    history = {thing.id: thing for thing in world.east.history()}
    assert history[plain["id"]].deleted_at == world.now()


def test_the_same_seed_and_calls_give_the_same_world() -> None:
    def live(seed: int) -> bytes:
        world = World(seed)
        demo = world.caller()
        network, _ = demo.make_network()
        demo.make_server(networks=[{"uuid": network["id"]}])
        demo.make_volume()
        shown = [demo.network("GET", "/ports").body, demo.nova("GET", "/servers/detail").body]
        return json.dumps([shown, [str(entry) for entry in world.cloud.journal]]).encode()

    assert live(1) == live(1)
    assert live(1) != live(2)


def test_how_late_one_looks_changes_nothing() -> None:
    def active_at(looks: int) -> str:
        world = World()
        server = (
            world.caller()
            .nova(
                "POST",
                "/servers",
                {
                    "server": {
                        "name": "s",
                        "flavorRef": "1",
                        "imageRef": world.caller().cirros(),
                        "networks": "none",
                    }
                },
            )
            .ok(202)["server"]
        )
        for _ in range(looks):
            world.pass_time(6 / looks)
            world.east.truth()
        shown = world.caller().nova("GET", f"/servers/{server['id']}").ok()["server"]
        return str(shown["OS-SRV-USG:launched_at"])

    assert active_at(1) == active_at(60)


def test_the_journal_tells_when_what_was_set_going_is_over(world: World, demo: Caller) -> None:
    demo.make("networks", name="a")
    volume = demo.volume("POST", "/volumes", {"volume": {"size": 1}}).ok(202)["volume"]
    network, made = (entry for entry in world.cloud.journal if entry.effective)
    assert network.busy_until is None and made.busy_until is not None
    for moment, status in ((made.busy_until - 0.001, "creating"), (made.busy_until + 0.001, "available")):
        world.pass_time(moment - world.now())
        assert demo.volume("GET", f"/volumes/{volume['id']}").ok()["volume"]["status"] == status


def test_the_journal_forgets_its_oldest() -> None:
    world = World(journal_entries_max=2)
    demo = world.caller()
    for path in ("/networks", "/ports", "/routers"):
        demo.network("GET", path).ok()
    entries, number = world.cloud.journal.since(0)
    assert ([entry.path[14:] for entry in entries], number) == (["ports", "routers"], 3)
    assert [entry.path[14:] for entry in world.cloud.journal.since(2)[0]] == ["routers"]
    assert world.cloud.journal.since(3) == ([], 3)
