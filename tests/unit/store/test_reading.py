"""What is recorded, as people and planners read it; how an operation stands; why a stack is not finished."""

from __future__ import annotations

import asyncio

import pytest

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Path, PhysicalId, Project, Region, ReplicaId, StackId
from global_heat.model.records import (
    Action,
    Claim,
    EventBatch,
    Header,
    Incarnation,
    Operation,
    ReplicaRecord,
    ShardRecord,
    State,
    Status,
    Waiting,
)
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.reading import (
    Outcome,
    Wait,
    explain_waits,
    list_operations,
    list_stacks,
    outcome_of,
    read_events,
    read_header,
    read_operation,
    read_stack,
    resolve_name,
)
from tests.unit.store.desk import EAST, RED, TWO, WEST, Desk

OPERATION = Operation(
    id="mine", project=RED, stack=StackId("s"), stack_name="web", verb="update", plan=2, created_at=1.0
)


def header(status: Status, operation: str = "mine", plan: int = 2, reason: str = "") -> Header:
    return Header(
        project=RED,
        id=StackId("s"),
        name="web",
        region=EAST,
        revision=2,
        plan=plan,
        action=Action.UPDATE,
        status=status,
        reason=reason,
        operation=operation,
        created_at=0.0,
    )


@pytest.mark.parametrize(
    ("header", "outcome"),
    [
        pytest.param(None, Outcome(True), id="the stack is forgotten: whatever it was, it is over"),
        pytest.param(header(Status.IN_PROGRESS), Outcome(False), id="it goes on"),
        pytest.param(header(Status.COMPLETE), Outcome(True), id="it succeeded"),
        pytest.param(header(Status.FAILED), Outcome(True, "UPDATE_FAILED"), id="it failed"),
        pytest.param(header(Status.FAILED, reason="no room"), Outcome(True, "no room"), id="and says why"),
        pytest.param(
            header(Status.IN_PROGRESS, "another", 3),
            Outcome(True, "superseded by operation another", True),
            id="a later plan took its place",
        ),
        pytest.param(
            header(Status.IN_PROGRESS, "cancel"),
            Outcome(True, "superseded by operation cancel", True),
            id="a cancel of its own plan took its place",
        ),
    ],
)
def test_how_an_operation_stands_follows_from_its_stack(header, outcome):
    assert outcome_of(OPERATION, header) == outcome


def test_a_member_that_lags_does_not_know_how_an_operation_stands():
    with pytest.raises(Transient):
        outcome_of(OPERATION, header(Status.COMPLETE, "earlier", plan=1))


async def made(template: str = TWO) -> Desk:
    desk = Desk()
    await desk.hand.create(template=template)
    return desk


async def claim(desk: Desk, region: Region) -> None:
    shard = keys.Shard(region, RED, (await desk.hand.header()).id)
    await desk.put({keys.claim(shard): Claim(replica=ReplicaId("r1"))})


async def record(desk: Desk, path: str, state: str, region: Region = EAST, updated_at: float = 1.0) -> None:
    id = (await desk.hand.header()).id
    made = Incarnation(
        path=Path(path),
        region=region,
        n=1,
        type="OS::Neutron::Net",
        state=State(state),
        id=PhysicalId("x"),
        updated_at=updated_at,
    )
    await desk.put({keys.resource(RED, id, made.path, region, 1): made})


async def waits(desk: Desk) -> dict[str, Wait]:
    return {wait.region: wait for wait in await explain_waits(desk.hand.store, await desk.hand.view())}


def test_an_unclaimed_region_waits_for_a_replica():
    async def story() -> None:
        desk = await made()
        assert (await waits(desk))["east"].on == "a replica to claim it (no replica is alive)"
        replica = ReplicaRecord(id=ReplicaId("r1"), region=EAST)
        await desk.put({keys.replica(EAST, replica.id): replica})
        found = await waits(desk)
        assert set(found) == {"east", "west"}
        assert found["east"].on == found["west"].on == "a replica to claim it"

    run(story())


def test_a_parked_region_waits_for_what_its_owner_says_since_it_says_so():
    async def story() -> None:
        desk = await made()
        id = (await desk.hand.header()).id
        parked = ShardRecord(region=WEST, owner=ReplicaId("r7"), parked=Waiting("no answer", 42.0))
        await desk.put({keys.shard(RED, id, WEST): parked})
        assert (await waits(desk))["west"] == Wait(WEST, "no answer", 42.0, "r7")

    run(story())


@pytest.mark.parametrize(
    ("state", "verb"),
    [("INTENT", "created"), ("CREATED", "ready"), ("UPDATING", "updated"), ("LEAVING", "deleted")],
)
def test_a_claimed_region_waits_for_the_resource_that_is_busy(state, verb):
    async def story() -> None:
        desk = await made()
        await claim(desk, EAST)
        await record(desk, "net", state, updated_at=7.0)
        await record(desk, "done", "READY")
        await record(desk, "far", state, WEST)
        assert (await waits(desk))["east"] == Wait(EAST, f"net (OS::Neutron::Net) to be {verb}", 7.0)

    run(story())


def test_of_many_busy_resources_the_eldest_is_named_and_the_others_counted():
    async def story() -> None:
        desk = await made()
        await claim(desk, EAST)
        for path, at in (("young", 9.0), ("old", 3.0), ("middle", 5.0)):
            await record(desk, path, "CREATED", updated_at=at)
        wait = (await waits(desk))["east"]
        assert (wait.on, wait.since) == ("old (OS::Neutron::Net) to be ready and 2 more", 3.0)

    run(story())


def test_a_claimed_region_without_anything_busy_waits_for_the_others():
    async def story() -> None:
        desk = await made()
        await claim(desk, EAST)
        assert (await waits(desk))["east"].on == "steps in other regions"

    run(story())


def test_a_stack_that_has_ended_waits_for_nothing():
    async def story() -> None:
        desk = await made()
        await desk.end()
        assert await waits(desk) == {}

    run(story())


def test_a_stack_is_found_by_name_and_by_id_and_only_in_its_project():
    async def story() -> None:
        desk = await made()
        id = (await desk.hand.header()).id
        store = desk.hand.store
        assert await resolve_name(store, RED, "web") == id
        assert await resolve_name(store, RED, id) == id
        for project, name in ((Project("blue"), "web"), (Project("blue"), id), (RED, "other")):
            with pytest.raises(Invalid) as caught:
                await resolve_name(store, project, name)
            assert caught.value.reason is Reason.NOT_FOUND

    run(story())


def test_what_a_member_that_lags_does_not_know_is_asked_for_elsewhere():
    async def story() -> None:
        desk = await made()
        late = desk.client("late")
        late.link.member_lag = 60.0
        id = await resolve_name(late.store, RED, "web")
        assert (await read_stack(late.store, RED, id)).header.name == "web"

    run(story())


def test_a_local_read_may_be_old_but_never_older_than_asked_for():
    async def story() -> None:
        desk = await made()
        id = (await desk.hand.header()).id
        await asyncio.sleep(60.0)
        late = desk.client("late")
        late.link.member_lag = 30.0
        await desk.hand.cancel()
        assert not (await read_stack(late.store, RED, id)).header.stopping
        view = await read_stack(late.store, RED, id, at_least=desk.cluster.revision)
        assert view.header.stopping and view.revision == desk.cluster.revision

    run(story())


def test_a_view_holds_all_of_a_stack_at_one_revision_and_nothing_of_its_neighbours():
    async def story() -> None:
        desk = await made()
        id = (await desk.hand.header()).id
        await desk.hand.create(name="other")
        await record(desk, "net", "READY")
        await record(desk, "group/1/net", "READY")
        await desk.put({keys.shard(RED, id, EAST): ShardRecord(region=EAST, done=1)})
        view = await desk.hand.view()
        assert sorted(i.path for i in view.incarnations) == ["group/1/net", "net"]
        assert (set(view.shards), view.plan.number) == ({"east"}, 1)
        assert view.etag == str(view.header_entry.mod_revision)
        assert all(key.startswith(f"stacks/red/{id}/") for key in view.entries)
        assert not any("/blobs/" in key for key in view.entries)

    run(story())


@pytest.mark.parametrize("read", [read_stack, read_header])
def test_a_stack_that_is_not_recorded_is_not_found(read):
    async def story() -> None:
        with pytest.raises(Invalid) as caught:
            await read(Desk().hand.store, RED, StackId("none"))
        assert caught.value.reason is Reason.NOT_FOUND

    run(story())


def test_live_stacks_are_listed_by_name_and_those_deleted_are_not():
    async def story() -> None:
        desk = await made()
        for name in ("b", "a"):
            await desk.hand.create(name=name)
        await desk.hand.delete()
        await desk.end()
        assert [each.header.name for each in await list_stacks(desk.hand.store, RED)] == ["a", "b"]
        assert await list_stacks(desk.hand.store, Project("blue")) == []

    run(story())


def test_events_come_in_the_order_of_their_commits_over_all_regions():
    async def story() -> None:
        desk = await made()
        id = (await desk.hand.header()).id
        for region, seq in ((WEST, 1), (EAST, 1), (WEST, 2)):
            batch = EventBatch(region=region, seq=seq, plan=1, events=())
            await desk.put({keys.event(RED, id, region, seq): batch})
        found = await read_events(desk.hand.store, RED, id)
        assert [(batch.region, batch.seq) for _, batch in found] == [("west", 1), ("east", 1), ("west", 2)]
        assert [revision for revision, _ in found] == sorted({revision for revision, _ in found})

    run(story())


def test_operations_are_found_by_id_in_their_project():
    async def story() -> None:
        desk = Desk()
        told = await desk.hand.create()
        assert await read_operation(desk.hand.store, RED, told.id) == told
        assert await list_operations(desk.hand.store, RED) == [told]
        with pytest.raises(Invalid) as caught:
            await read_operation(desk.hand.store, Project("blue"), told.id)
        assert caught.value.reason is Reason.NOT_FOUND

    run(story())
