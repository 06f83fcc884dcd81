"""Event sinks: every event is posted to the queue, in its region's order, whoever dies meanwhile; and nobody
waits for the queue."""

from __future__ import annotations

import asyncio
from collections import Counter

import msgspec
import pytest
from conftest import Stage

from global_heat.model.records import ShardRecord
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.cloud.zaqar import Message
from global_heat.sim.world import SETTINGS
from global_heat.store.codec import decode

HEAD = "heat_template_version: 2018-08-31\nresources:\n"
NET = HEAD + "  x: {type: OS::Neutron::Net, properties: {name: one}}\n"
SUBNET = "  s: {type: OS::Neutron::Subnet, properties: {network: {get_resource: x}, cidr: 10.0.0.0/24}}\n"
CHAIN = NET + SUBNET
FAR = CHAIN + "  far: {type: OS::Neutron::Net, region: west, depends_on: s}\n"
POST = "/queues/q/messages"


def sinks(*targets: str, ttl: int = 600):
    return {"event_sinks": [{"type": "zaqar-queue", "target": name, "ttl": ttl} for name in targets]}


def posted(stage: Stage, queue: str = "q", region: str = "east") -> list[Message]:
    return [each for each in stage.world.cloud.regions[region].zaqar.history if each.queue == queue]


def told(stage: Stage, queue: str = "q") -> list[str]:
    """What a consumer reads who drops what he has read before."""
    bodies = {each.body["id"]: each.body["payload"] for each in posted(stage, queue)}
    return [
        f"{body['resource_name']} {body['resource_action']}_{body['resource_status']}"
        for body in bodies.values()
    ]


def recorded(stage: Stage) -> list[str]:
    return [f"{event.path} {event.action}_{event.status}" for event in stage.events()]


def most_often(stage: Stage) -> int:
    return max(Counter(each.body["id"] for each in posted(stage)).values())


def shard(stage: Stage, region: str = "east") -> ShardRecord:
    cluster = stage.world.cluster
    found = cluster.scan("stacks/", "", cluster.revision)
    return next(decode(ShardRecord, e.value) for e in found if e.key.endswith(f"/shards/{region}"))


def ill(stage: Stage, fate: Fate, region: str = "east", times: int | None = None) -> None:
    stage.world.cloud.regions[region].faults.add(Disturbance(fate, ("POST",), POST, times=times))


async def create(stage: Stage, template: str = CHAIN, *queues: str) -> None:
    await stage.world.user.create("web", template, environment=sinks(*(queues or ("q",))))


def test_all_that_is_recorded_is_posted_until_the_last_resource_is_gone(play):
    async def story(stage: Stage) -> None:
        await create(stage)
        assert await stage.settled() == "CREATE_COMPLETE"
        created = ["x CREATE_IN_PROGRESS", "x CREATE_COMPLETE", "s CREATE_IN_PROGRESS", "s CREATE_COMPLETE"]
        assert told(stage) == recorded(stage) == created
        await stage.world.user.delete("web")
        await stage.settled_all()
        assert told(stage) == recorded(stage)
        assert told(stage)[-1] == "x DELETE_COMPLETE" and most_often(stage) == 1
        record = shard(stage)
        assert record.published == record.events > 0

    play(story)


def test_a_message_is_as_heat_writes_it(play):
    async def story(stage: Stage) -> None:
        await create(stage)
        await stage.settled()
        (first, *_), header = posted(stage), stage.world.header("web")
        assert header is not None and first.ttl == 600 and first.project == header.project
        body = dict(first.body)
        assert body.pop("timestamp").startswith("2027-01-15T08:00:0") and len(body.pop("id")) == 36
        assert body == {
            "version": "0.1",
            "type": "os.heat.event",
            "payload": {
                "resource_name": "x",
                "physical_resource_id": "",
                "stack_id": header.id,
                "resource_action": "CREATE",
                "resource_status": "IN_PROGRESS",
                "resource_status_reason": "",
                "resource_type": "OS::Neutron::Net",
                "resource_properties": {},
                "region": "east",
                "version": "0.1",
            },
        }

    play(story)


def test_without_a_sink_nothing_is_posted(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", CHAIN)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert stage.posts("/queues/") == 0 and shard(stage).published == 0

    play(story)


def test_several_regions_tell_the_queue_of_the_default_one(play):
    async def story(stage: Stage) -> None:
        await create(stage, FAR, "q", "r")
        assert await stage.settled() == "CREATE_COMPLETE"
        for queue in ("q", "r"):
            assert sorted(told(stage, queue)) == sorted(recorded(stage))
        assert {each.body["payload"]["region"] for each in posted(stage)} == {"east", "west"}
        assert posted(stage, "q", "west") == []

    play(story)


def test_a_stack_that_lives_elsewhere_may_still_post_to_its_default_region(play):
    async def story(stage: Stage) -> None:
        await create(stage, HEAD + "  x: {type: OS::Neutron::Net, region: west}\n")
        assert await stage.settled() == "CREATE_COMPLETE"
        assert told(stage) == ["x CREATE_IN_PROGRESS", "x CREATE_COMPLETE"]

    play(story)


def test_an_owner_that_dies_before_it_posts_has_an_heir_that_does(play):
    async def story(stage: Stage) -> None:
        ill(stage, Fate(dropped=True), times=1)
        await create(stage)
        await stage.until(lambda: recorded(stage)[-1:] == ["s CREATE_COMPLETE"])
        assert posted(stage) == []
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert told(stage) == recorded(stage)

    play(story)


def test_what_a_dead_owner_has_posted_and_not_noted_is_posted_again(play):
    async def story(stage: Stage) -> None:
        await create(stage)
        await stage.until(lambda: told(stage)[-1:] == ["s CREATE_COMPLETE"])
        record = shard(stage)
        assert record.published < record.events
        await stage.owner("east").kill()
        assert await stage.settled() == "CREATE_COMPLETE"
        assert told(stage) == recorded(stage)
        assert most_often(stage) == 2
        assert shard(stage).published == shard(stage).events

    play(story)


@pytest.mark.parametrize(
    "fate",
    [
        Fate(status=503),
        Fate(status=404),
        Fate(status=500, effect=True),
        Fate(answer_lost=True),
        Fate(refused=True),
        Fate(dropped=True),
    ],
    ids=["503", "404", "500 and done", "unheard", "refused", "silent"],
)
def test_what_is_not_taken_is_posted_again_in_its_order(play, fate):
    async def story(stage: Stage) -> None:
        ill(stage, fate, times=3)
        await create(stage, FAR)
        assert await stage.settled() == "CREATE_COMPLETE"
        assert sorted(told(stage)) == sorted(recorded(stage))

    play(story)


@pytest.mark.parametrize("fate", [Fate(status=503), Fate(dropped=True)], ids=["503", "silent"])
def test_nobody_waits_for_a_queue_that_takes_nothing(play, fate):
    def lasted(world_sinks: bool) -> float:
        seconds = 0.0

        async def story(stage: Stage) -> None:
            nonlocal seconds
            stage.world.deaf.add("east")
            ill(stage, fate)
            clock = asyncio.get_running_loop()
            environment = sinks("q") if world_sinks else {}
            await stage.world.user.create("web", CHAIN, environment=environment)
            await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
            await stage.world.user.delete("web")
            await stage.until(lambda: stage.state() == "DELETE_COMPLETE")
            seconds = clock.time()
            # It is tried for five minutes, and then the shard is given up all the same.
            await stage.until(lambda: not stage.claimed("east"), 400.0)
            assert posted(stage) == []
            assert (300.0 < clock.time() - seconds < 400.0) is world_sinks

        play(story)
        return seconds

    assert lasted(True) < lasted(False) + 5.0


def test_a_service_that_is_down_is_probed_and_not_posted_to(play):
    async def story(stage: Stage) -> None:
        def asked(method: str) -> int:
            journal = stage.world.cloud.journal
            return sum(each.method == method and "/messaging" in each.path for each in journal)

        faults = stage.world.cloud.regions["east"].faults
        faults.down.add("messaging")
        await create(stage)
        await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
        await stage.until(lambda: asked("GET") > 0)
        await asyncio.sleep(100.0)
        assert asked("POST") < 10
        faults.down.clear()
        await stage.settled()
        assert told(stage) == recorded(stage)

    play(story)


def test_an_update_does_not_wait_either_and_what_is_told_goes_on(play):
    async def story(stage: Stage) -> None:
        ill(stage, Fate(status=503))
        await create(stage)
        await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
        await stage.world.user.update("web", CHAIN.replace("one", "two"), environment=sinks("q"))
        await stage.until(lambda: stage.state() == "UPDATE_COMPLETE", 60.0)
        assert posted(stage) == []
        stage.world.cloud.regions["east"].faults.clear_rules()
        await stage.settled()
        assert told(stage) == recorded(stage) and most_often(stage) == 1

    play(story)


def test_a_sink_is_told_of_what_happens_from_its_wish_on(play):
    async def story(stage: Stage) -> None:
        await stage.world.user.create("web", CHAIN)
        await stage.settled()
        await stage.world.user.update("web", CHAIN.replace("one", "two"), environment=sinks("q"))
        assert await stage.settled() == "UPDATE_COMPLETE"
        assert told(stage) == ["x UPDATE_IN_PROGRESS", "x UPDATE_COMPLETE"]
        await stage.world.user.update("web", CHAIN.replace("one", "six"), environment=sinks("r"))
        await stage.settled()
        assert len(told(stage)) == len(told(stage, "r")) == 2
        await stage.world.user.update("web", CHAIN)
        await stage.settled()
        assert len(told(stage)) == len(told(stage, "r")) == 2

    play(story)


def test_a_rollback_tells_the_sinks_of_what_it_goes_back_to(play):
    async def story(stage: Stage) -> None:
        await create(stage)
        await stage.settled()
        bad = CHAIN + "  bad: {type: OS::Heat::TestResource, depends_on: s, properties: {fail: true}}\n"
        await stage.world.user.update("web", bad, rollback=True, environment=sinks("r"))
        assert await stage.settled() == "ROLLBACK_COMPLETE"
        both = [line for line in recorded(stage) if line.startswith("bad ")]
        assert "bad CREATE_FAILED" in both and "bad DELETE_COMPLETE" in both
        assert [line for line in told(stage) if line.startswith("bad ")] == [
            line for line in both if "DELETE" in line
        ]

    play(story)


def test_one_deaf_queue_keeps_no_other_waiting(play):
    async def story(stage: Stage) -> None:
        stage.world.cloud.regions["east"].faults.add(
            Disturbance(Fate(dropped=True), ("POST",), "/queues/r/messages", times=3)
        )
        await create(stage, CHAIN, "r", "q")
        await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
        await stage.until(lambda: told(stage) == recorded(stage), 5.0)
        assert posted(stage, "r") == []
        await stage.settled()
        assert told(stage, "r") == recorded(stage)

    play(story)


def test_the_trust_is_kept_until_the_last_event_is_posted(play):
    async def story(stage: Stage) -> None:
        await create(stage)
        await stage.settled()
        faults = stage.world.cloud.regions["east"].faults
        ill(stage, Fate(status=503))
        await stage.world.user.delete("web")
        await stage.until(lambda: stage.world.headers()[0].deleted)
        await asyncio.sleep(200.0)
        faults.clear_rules()
        await stage.settled_all()
        assert told(stage) == recorded(stage)

    play(story, settings=msgspec.structs.replace(SETTINGS, scan_seconds=20.0))


def test_a_replica_that_is_told_to_go_does_not_wait_for_the_queue(play):
    async def story(stage: Stage) -> None:
        ill(stage, Fate(dropped=True), times=2)
        await create(stage)
        await stage.until(lambda: stage.state() == "CREATE_COMPLETE")
        before, clock = stage.owner("east"), asyncio.get_running_loop()
        begun = clock.time()
        await before.leave(60.0)
        assert clock.time() - begun < 5.0
        await stage.settled()
        assert told(stage) == recorded(stage)

    play(story)
