"""The ledger, what was removed, and orphans, as the front door shows them; and what an operator decides."""

from __future__ import annotations

import msgspec
import pytest

from global_heat.model.leavings import Look, Orphan, OrphanState, Removal
from global_heat.model.names import Path, PhysicalId, Project, ReplicaId, StackId, Token
from global_heat.model.records import Attempt, AttemptState, Record
from global_heat.proto.v1 import attempt_service_pb2, orphan_service_pb2
from global_heat.store import keys
from global_heat.store.codec import decode, encode
from global_heat.store.keys import Shard
from global_heat.store.leavings import admit, note_answer
from tests.unit.api.world import EAST, WEST, World, refused, spec

RED, BLUE = Project("red"), Project("blue")


def attempt(token: str, project: Project = RED, **changes: object) -> Attempt:
    made = Attempt(
        token=Token(token),
        project=project,
        stack=StackId("s1"),
        region=EAST,
        path=Path("net"),
        n=1,
        type="OS::Neutron::Net",
        kind="network.network",
        state=AttemptState.CONDEMNED,
        started_at=1000.0,
        cred_expires_at=4600.0,
    )
    return msgspec.structs.replace(made, **changes)


def orphan(id: str, project: Project = RED, **changes: object) -> Orphan:
    made = Orphan(
        region=EAST,
        project=project,
        kind="network.network",
        type="OS::Neutron::Net",
        id=PhysicalId(id),
        token=Token("t" * 42),
        why="the ledger does not know its token",
        made_at=500.0,
        first_seen=9000.0,
    )
    return msgspec.structs.replace(made, **changes)


def removal(id: str, project: Project = RED, at: float = 7200.0) -> Removal:
    return Removal(
        region=EAST,
        project=project,
        kind="network.network",
        id=PhysicalId(id),
        token=Token("one"),
        stack=StackId("s1"),
        why="its attempt is CONDEMNED",
        replica=ReplicaId("r1.1"),
        at=at,
    )


async def put(world: World, **records: Record) -> None:
    await world.store.commit(put={key: encode(record) for key, record in records.items()})


async def record_attempts(world: World, *attempts: Attempt) -> None:
    for each in attempts:
        key = keys.attempt(Shard(each.region, each.project, each.stack), each.token)
        await put(world, **{key: each})


async def record_orphans(world: World, *orphans: Orphan) -> None:
    for each in orphans:
        await put(world, **{keys.orphan(each.project, each.handle): each})


async def test_attempts_are_listed_newest_first_by_what_is_asked(world: World):
    await record_attempts(
        world,
        attempt("one"),
        attempt("two", started_at=2000.0, state=AttemptState.ADOPTED, settled=True, id="n2"),
        attempt("three", started_at=3000.0, region=WEST, stuck="no credential: gone"),
        attempt("theirs", BLUE),
    )
    client = world.client()
    told = await client.list_attempts()
    assert [each.name for each in told] == [f"projects/red/attempts/{n}" for n in ("three", "two", "one")]
    assert [each.open for each in told] == [True, False, True]
    assert told[1].state == attempt_service_pb2.ATTEMPT_STATE_ADOPTED and told[1].physical_id == "n2"
    for asked, names in {
        "open=true": ["three", "one"],
        "stuck=?*": ["three"],
        "region=RegionOne AND pending=true": ["one"],
        "state=ADOPTED": ["two"],
    }.items():
        found = await client.list_attempts(asked)
        assert [each.name.rpartition("/")[2] for each in found] == names, asked
    wrong = await refused(client.list_attempts("colour=red"))
    assert wrong.code == "INVALID_ARGUMENT" and "stuck=" in str(wrong)


async def test_an_attempt_is_shown_with_what_was_removed(world: World):
    await record_attempts(world, attempt("one"), attempt("two"))
    assert await admit(world.store, removal("n1"), 10)
    await note_answer(world.store, removal("n1"), "it is being deleted")
    shown = await world.client().get_attempt("one")
    assert shown.attempt.stack == "projects/red/stacks/s1" and shown.attempt.expire_time.seconds == 4600
    (gone,) = shown.removals
    assert (gone.physical_id, gone.answer) == ("n1", "it is being deleted")
    assert (await world.client().get_attempt("two")).removals == []
    assert (await refused(world.client().get_attempt("three"))).code == "NOT_FOUND"


async def test_nobody_sees_another_projects_leavings(world: World):
    await record_attempts(world, attempt("one"))
    await record_orphans(world, orphan("n1"))
    assert await admit(world.store, removal("n1"), 10)
    failed = Look(region=EAST, at=9000.0, failed={RED: ("the reds' trouble",)})
    await put(world, **{keys.look(EAST): failed})
    bob = world.client("bob")
    assert await bob.list_attempts() == await bob.list_removals() == await bob.list_orphans() == []
    assert (await refused(bob.get_attempt("one"))).code == "NOT_FOUND"
    assert [list(search.failures) for search in await bob.orphan_searches()] == [[]]
    name = f"projects/red/orphans/{orphan('n1').handle}"
    world.tokens.people["chief"] = msgspec.structs.replace(world.tokens.people["root"], project=BLUE)
    for call in (world.client("chief").delete_orphan, world.client("chief").adopt_orphan):
        assert (await refused(call(name))).code == "NOT_FOUND"
        assert (await refused(call(orphan("n1").handle))).code == "NOT_FOUND"


async def test_orphans_are_listed_with_when_they_were_searched_for(world: World):
    assert await world.client().orphan_searches() == []
    await record_orphans(world, orphan("n1"), orphan("n2", state=OrphanState.ADOPTED))
    await put(world, **{keys.look(EAST): Look(region=EAST, at=9000.0, failed={RED: ("volume.volume: 503",)})})
    client = world.client("eye")
    assert [each.physical_id for each in await client.list_orphans()] == ["n1"]
    assert len(await client.list_orphans(adopted=True)) == 2
    (search,) = await client.orphan_searches()
    assert (search.region, list(search.failures)) == ("regions/RegionOne", ["volume.volume: 503"])


@pytest.mark.parametrize(
    ("verb", "state"), [("delete_orphan", OrphanState.CONDEMNED), ("adopt_orphan", OrphanState.ADOPTED)]
)
async def test_a_decision_is_a_record_and_final(world: World, verb: str, state: OrphanState):
    await record_orphans(world, orphan("n1"))
    handle = orphan("n1").handle
    assert (await refused(getattr(world.client(), verb)(handle))).code == "PERMISSION_DENIED"
    root = world.client("root")
    told = await getattr(root, verb)(handle)
    assert told.user == "root"
    assert told.state == orphan_service_pb2.OrphanState.Value(f"ORPHAN_STATE_{state}")
    entry = await world.store.get(keys.orphan(RED, handle))
    assert entry is not None and decode(Orphan, entry.value).state is state
    assert await getattr(root, verb)(handle) == told, "twice is as once"
    other = {"delete_orphan": "adopt_orphan", "adopt_orphan": "delete_orphan"}[verb]
    wrong = await refused(getattr(root, other)(handle))
    assert wrong.code == "FAILED_PRECONDITION" and "root has" in wrong.message
    assert (await refused(getattr(root, verb)("nothing"))).code == "NOT_FOUND"


async def test_the_budget_is_a_projects_and_an_hours(world: World):
    store = world.store
    assert [await admit(store, removal(f"n{n}"), 2) for n in range(3)] == [True, True, False]
    assert await admit(store, removal("n0"), 2), "what was admitted is not counted again"
    assert await admit(store, removal("n0", BLUE), 2)
    assert await admit(store, removal("n2", at=10800.0), 2), "the next hour"
    assert await admit(store, removal("n3", at=10799.0), 2), "a clock that is behind counts in the hour begun"
    assert not await admit(store, removal("n4", at=10799.0), 2)
    found = await world.client().list_removals()
    assert (found[0].physical_id, len(found)) == ("n2", 4)


async def test_the_end_of_a_delete_says_what_may_be_left(world: World):
    client = world.client()
    await client.create_stack("web", spec())
    await world.build("web")
    deleting = await client.delete_stack("web")
    assert deleting is not None
    uid = StackId(deleting.metadata.stack_uid)
    await record_attempts(world, attempt("one", stack=uid), attempt("two", stack=uid, gone=True))
    await world.build("web")
    done = await client.wait_operation(deleting.name, 5.0)
    assert done.done and done.response.cleanup_pending == 1
