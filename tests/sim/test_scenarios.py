"""Stories in which other orchestrators lose, leave or double things; each ends with the checker's verdict."""

from __future__ import annotations

import asyncio
import json

import msgspec
from conftest import Stage

from global_heat.regions.transport import Request
from global_heat.sim.blueprints import Site
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.world import SETTINGS

NET = Site("s0", "east", ports=0)
ONE_PORT = Site("s0", "east", ports=1)


def test_a_lost_answer_is_found_by_its_token_and_nothing_is_made_twice(play):
    async def story(stage: Stage) -> None:
        stage.meets(Fate(answer_lost=True), "/networks")
        await stage.create(NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.posts("/networks") == 1
        assert len(stage.things("network.network")) == 1

    play(story)


def test_a_crash_between_intent_and_request_is_taken_over(play):
    async def story(stage: Stage) -> None:
        await stage.create(NET)
        await stage.until_intent("s0_net@east#1")
        await stage.owner("east").kill()
        assert stage.posts("/networks") == 0
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.made("network.network") == 1

    play(story)


def test_a_request_that_lands_after_the_take_over_is_swept(play):
    async def story(stage: Stage) -> None:
        sent = stage.meets(Fate(delay_seconds=40.0, hold_seconds=4.0), "/networks")
        await stage.create(NET)
        await sent.wait()
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        kept = stage.things("network.network")
        await stage.until(lambda: stage.made("network.network") == 2)
        await stage.closed()
        assert stage.things("network.network") == kept

    play(story)


def test_a_request_that_lands_after_the_stack_was_deleted_is_swept(play):
    async def story(stage: Stage) -> None:
        sent = stage.meets(Fate(delay_seconds=50.0, hold_seconds=4.5), "/networks")
        await stage.create(NET)
        await sent.wait()
        await stage.owner("east").kill()
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        await stage.until(lambda: stage.made("network.network") >= 1)
        await stage.closed()
        assert stage.things("network.network") == []

    play(story)


def test_an_owner_that_was_stopped_beyond_its_lease_harms_nothing_when_it_goes_on(play):
    async def story(stage: Stage) -> None:
        stage.meets(Fate(return_seconds=3.0), "/networks")
        await stage.create(NET)
        await stage.until(lambda: stage.made("network.network") == 1)
        owner = stage.owner("east")
        owner.process.stop()
        assert await stage.settled() == "CREATE_COMPLETE"
        kept = stage.things("network.network")
        owner.process.go_on()
        await stage.closed()
        assert stage.things("network.network") == kept
        assert stage.record("s0_net@east#1").id == kept[0]

    play(story)


def test_a_request_that_a_stopped_owner_sends_late_is_swept(play):
    async def story(stage: Stage) -> None:
        await stage.create(NET)
        await stage.until_intent("s0_net@east#1")
        owner = stage.owner("east")
        owner.process.stop()
        assert await stage.settled() == "CREATE_COMPLETE"
        kept = stage.things("network.network")
        owner.process.go_on()
        await stage.until(lambda: stage.made("network.network") == 2)
        await stage.closed()
        assert stage.things("network.network") == kept

    play(story)


def test_a_replayed_request_makes_a_second_thing_that_is_swept(play):
    async def story(stage: Stage) -> None:
        stage.meets(Fate(replay_after_seconds=20.0), "/networks")
        await stage.create(NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        kept = stage.things("network.network")
        await stage.until(lambda: stage.made("network.network") == 2)
        await stage.closed()
        assert stage.things("network.network") == kept

    play(story)


def test_a_crash_of_the_owner_that_recovers_from_a_crash_is_recovered_from(play):
    async def story(stage: Stage) -> None:
        stage.meets(Fate(answer_lost=True), "/networks")
        await stage.create(ONE_PORT)
        await stage.until(lambda: stage.made("network.network") == 1)
        first = stage.owner("east")
        await first.kill()
        claims = stage.world.cluster
        await stage.until(
            lambda: any("r0" not in e.value.decode() for e in claims.scan("claims/", "", claims.revision))
        )
        await stage.owner("east").kill()
        first.start()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.made("network.network") == 1

    play(story)


def test_a_region_that_is_down_parks_its_shard_and_the_others_go_on(play):
    async def story(stage: Stage) -> None:
        east = stage.world.cloud.regions["east"].faults
        east.unreachable = True
        await stage.create(Site("s0", "east"), Site("s1", "west"), Site("s2", "west", watches="s0"))
        await stage.until(lambda: "s1_port0@west#1" in stage.refs() and _parked(stage, "east"))
        await stage.until(lambda: stage.record("s1_port0@west#1").state == "READY")
        await asyncio.sleep(600.0)
        assert stage.state() == "CREATE_IN_PROGRESS"
        assert set(stage.things("network.network")) == {stage.record(f"s{n}_net@west#1").id for n in (1, 2)}
        east.unreachable = False
        assert await stage.settled() == "CREATE_COMPLETE"
        assert not _parked(stage, "east")
        assert stage.record("s2_note@west#1").state == "READY"

    play(story)


def _parked(stage: Stage, region: str) -> bool:
    shards = stage.world.cluster.scan("stacks/", "", stage.world.cluster.revision)
    return any(e.key.endswith(f"shards/{region}") and b'"parked"' in e.value for e in shards)


def test_a_thing_with_an_unknown_token_is_never_touched(play):
    async def story(stage: Stage) -> None:
        await stage.create(NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        strange = "gh1-" + "a" * 42
        made = await _make_network(stage, f"mine {strange}")
        await stage.closed()
        assert made in stage.things("network.network")
        await _delete_network(stage, made)

    play(story)


async def _make_network(stage: Stage, description: str) -> str:
    answer = await _call(stage, "POST", "/v2.0/networks", {"network": {"description": description}})
    id: str = json.loads(answer)["network"]["id"]
    return id


async def _delete_network(stage: Stage, id: str) -> None:
    await _call(stage, "DELETE", f"/v2.0/networks/{id}", None)


async def _call(stage: Stage, method: str, path: str, body: object, service: str = "network") -> bytes:
    """What a person does behind our back."""
    token = stage.world.cloud.keystone.token("demo", "demo")
    transport = stage.world.cloud.transport("a person")
    data = b"" if body is None else json.dumps(body).encode()
    url = f"http://east.sim/{service}{path}"
    response = await transport.send(Request(method, url, "east", {"X-Auth-Token": token}, data))
    assert response.status < 300, response
    return response.body


def test_a_thing_that_somebody_deleted_is_made_again_by_an_update_that_touches_it(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=0, volumes=1))
        assert await stage.settled() == "CREATE_COMPLETE"
        gone = stage.record("s0_net@east#1").id
        stage.world.meddled.update(r.id for r in stage.world.records())
        await _call(stage, "DELETE", f"/v2.0/subnets/{stage.record('s0_subnet@east#1').id}", None)
        await _call(stage, "DELETE", f"/v2.0/networks/{gone}", None)
        await stage.update(Site("s0", "east", ports=0, title=1, volumes=1))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert stage.record("s0_net@east#2").id in stage.things("network.network")
        assert stage.record("s0_subnet@east#2").id in stage.things("network.subnet")

    play(story)


def test_a_delete_that_something_unadopted_hinders_has_it_removed_at_once(play):
    """The network is in use by a port that came late. By itself the sweeper would look in ten minutes."""

    async def story(stage: Stage) -> None:
        sent = stage.meets(Fate(delay_seconds=40.0, hold_seconds=4.0), "/ports")
        await stage.create(ONE_PORT)
        await sent.wait()
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.until(lambda: len(stage.things("network.port")) == 2)
        await stage.world.user.delete("web")
        await stage.until(lambda: stage.state() == "DELETE_COMPLETE", 60.0)

    play(story, settings=msgspec.structs.replace(SETTINGS, sweep_seconds=600.0))


def test_a_copy_of_our_mark_that_a_person_made_is_spared(play):
    """He copied the description of a network that is then deleted, slowly."""

    async def story(stage: Stage) -> None:
        await stage.create(NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        await stage.closed()
        id = stage.record("s0_net@east#1").id
        marked = json.loads(await _call(stage, "GET", f"/v2.0/networks/{id}", None))["network"]
        copy = await _make_network(stage, marked["description"])
        stage.world.foreign.add(copy)
        stage.meets(Fate(return_seconds=30.0), "/networks", method="DELETE")
        await stage.world.user.delete("web")
        assert await stage.settled() == "DELETE_COMPLETE"
        await stage.closed()
        assert stage.things("network.network") == [copy]

    play(story)


def test_a_claim_that_could_not_be_given_back_at_once_is_not_kept_for_ever(play):
    """A better placed replica comes to life; the store is silent just when the shard is handed to it."""

    async def story(stage: Stage) -> None:
        better = next(node for node in stage.world.nodes if node.region == "west")
        await better.kill()
        stage.world.cloud.regions["east"].faults.unreachable = True
        await stage.create(Site("s0", "east"), Site("s1", "west", watches="s0"))
        await stage.until(lambda: "s1_port0@west#1" in stage.refs())
        owner, clock = stage.owner("west"), asyncio.get_running_loop()
        better.start()
        for tick in range(1, 8):
            await asyncio.sleep(tick * SETTINGS.handover_seconds / 3 - 0.5 - clock.time())
            owner.link.lose_requests = 1.0
            await asyncio.sleep(1.0)
            owner.link.lose_requests = 0.0
        await stage.until(lambda: stage.owner("west") is better)
        stage.world.cloud.heal()
        assert await stage.settled() == "CREATE_COMPLETE"

    play(story)


def test_what_a_late_request_has_made_does_not_fail_the_one_that_takes_its_place(play):
    """The first subnet lands unseen, just before the second is asked for, which it overlaps."""

    async def story(stage: Stage) -> None:
        await asyncio.sleep(2.0)
        stage.world.cloud.regions["east"].faults.list_lag_seconds = 1.0
        sent = stage.meets(Fate(delay_seconds=9.4), "/subnets")
        await stage.create(NET)
        await sent.wait()
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.made("network.subnet") == 2
        await stage.closed()
        assert len(stage.things("network.subnet")) == 1

    play(story)


def test_a_service_that_has_too_much_to_do_is_waited_for_as_long_as_it_says(play):
    async def story(stage: Stage) -> None:
        throttled = Disturbance(
            Fate(status=429, retry_after_seconds=2), ("POST",), path="/network/", times=20
        )
        stage.world.cloud.regions["east"].faults.add(throttled)
        await stage.create(NET)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert len(stage.things("network.network")) == 1

    play(story)


def test_one_service_that_is_down_does_not_keep_the_others_from_being_swept(play):
    """Volumes come before networks in the sweeper's order."""

    async def story(stage: Stage) -> None:
        east = stage.world.cloud.regions["east"].faults
        sent = stage.meets(Fate(delay_seconds=40.0, hold_seconds=4.0), "/networks")
        await stage.create(Site("s0", "east", ports=0, volumes=1))
        await sent.wait()
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        east.down.add("volume")
        await stage.until(lambda: stage.made("network.network") == 2)
        await stage.until(lambda: len(stage.things("network.network")) == 1, 60.0)
        east.heal()

    play(story)


def test_what_is_retained_and_was_deleted_by_somebody_is_forgotten(play):
    async def story(stage: Stage) -> None:
        await stage.create(Site("s0", "east", ports=0, volumes=1, retained=True))
        assert await stage.settled() == "CREATE_COMPLETE"
        volume = stage.record("s0_volume0@east#1").id
        stage.world.meddled.add(volume)
        await _call(stage, "DELETE", f"/v3/{stage.world.project}/volumes/{volume}", None, "volume")
        await stage.update(Site("s0", "east", title=1, ports=0, volumes=1, retained=True))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert len(stage.things("volume.volume")) == 1

    play(story)
