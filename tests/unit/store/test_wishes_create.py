"""A new stack: what one commit writes, and what writes nothing."""

from __future__ import annotations

import random

import msgspec
import pytest

from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Project
from global_heat.model.records import (
    Action,
    Header,
    NameRecord,
    Operation,
    RevisionRecord,
    TrustAttempt,
    TrustRecord,
)
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.caller import Caller
from global_heat.store.codec import decode
from global_heat.store.protocol import MAX_COMMIT_BYTES, MAX_WRITES
from global_heat.store.reading import list_stacks
from global_heat.store.trust_ledger import MadeTrust, begin
from tests.unit.store.desk import ANN, EAST, NONE, ONE, RED, REGIONS, TWO, Desk, stacks_of, wish

NO_NETWORK = ONE.replace("Net}", "Subnet, properties: {cidr: 10.0.0.0/24}}")
KNOWN_ONLY = ONE.replace("OS::Neutron::Net", "OS::Zaqar::Queue")
TRUST = TrustRecord(cloud="default", sealed="x", user="ann", expires_at=4.2e9)


async def refused(desk: Desk, **more: object) -> Invalid:
    """The error of a create that must write nothing."""
    written = desk.cluster.revision
    with pytest.raises(Invalid) as caught:
        await desk.hand.create(**more)
    assert desk.cluster.revision == written
    return caught.value


def test_one_commit_writes_the_stack_its_plan_and_the_call_to_work():
    async def story() -> None:
        desk = Desk()
        operation = await desk.hand.create("r1", template=TWO, tags=("a",), rollback=True)
        assert len(desk.cluster.history) == 1
        header = await desk.hand.header()
        assert header == Header(
            project=RED,
            id=header.id,
            name="web",
            user="ann",
            tags=("a",),
            region=EAST,
            revision=1,
            plan=1,
            action=Action.CREATE,
            status=header.status,
            rollback=True,
            open=("east", "west"),
            operation=operation.id,
            created_at=header.created_at,
        )
        assert header.state == "CREATE_IN_PROGRESS"
        assert desk.present("work/") == [f"work/east/red/{header.id}", f"work/west/red/{header.id}"]
        assert desk.present("projects/") == [
            "projects/red/names/web",
            f"projects/red/operations/{operation.id}",
            "projects/red/requests/r1",
        ]
        assert {str(step.forecast) for step in (await desk.hand.plan()).steps} == {"add"}

    run(story())


def test_the_operation_says_what_it_is_of():
    async def story() -> None:
        desk = Desk()
        operation = await desk.hand.create("r1")
        assert operation == Operation(
            id=operation.id,
            project=RED,
            stack=(await desk.hand.header()).id,
            stack_name="web",
            verb="create",
            plan=1,
            created_at=operation.created_at,
            request="r1",
        )

    run(story())


def test_the_source_is_kept_sealed_as_the_first_revision():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(files={"f": "open sesame"})
        header = await desk.hand.header()
        assert (await desk.hand.documents.source(RED, header.id, 1)).files == {"f": "open sesame"}
        entry = await desk.hand.store.get(keys.revision(RED, header.id, 1))
        assert decode(RevisionRecord, entry.value).user == "ann"
        written = b"".join(value or b"" for each in desk.cluster.history for _, value in each.changes)
        assert b"sesame" not in written

    run(story())


@pytest.mark.parametrize("name", ["", "1web", "we b", "we/b", "a" * 256, "-web", "wéb"])
def test_what_is_no_stack_name_is_refused(name):
    async def story() -> None:
        assert (await refused(Desk(), name=name)).reason is Reason.INVALID

    run(story())


def test_a_name_is_taken_once_in_a_project():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create()
        assert (await refused(desk)).reason is Reason.ALREADY_EXISTS
        await desk.hand.wishes.create(Caller(Project("blue"), "bob"), wish(), "", REGIONS)
        assert len(stacks_of(desk)) == 2

    run(story())


def test_a_name_that_is_taken_after_it_was_looked_for_is_refused_too():
    async def story() -> None:
        desk = Desk()

        async def somebody_is_faster(header, tree):
            await desk.client("other").create()
            return ()

        with pytest.raises(Invalid) as caught:
            await desk.hand.wishes.create(ANN, wish(TWO), "r1", REGIONS, somebody_is_faster)
        assert caught.value.reason is Reason.ALREADY_EXISTS
        assert len(stacks_of(desk)) == 1 and "projects/red/requests/r1" not in desk.present()

    run(story())


@pytest.mark.parametrize("template", ["[]", ONE.replace("Neutron::Net", "No::Such"), NO_NETWORK])
def test_a_template_with_faults_is_refused_with_their_places(template):
    async def story() -> None:
        error = await refused(Desk(), template=template)
        assert error.reason is Reason.INVALID and error.faults

    run(story())


def test_a_type_that_cannot_be_carried_out_is_refused_by_name():
    async def story() -> None:
        error = await refused(Desk(), template=KNOWN_ONLY)
        assert error.reason is Reason.PRECONDITION and "OS::Zaqar::Queue" in error.message

    run(story())


def test_a_region_that_is_not_registered_is_refused():
    async def story() -> None:
        assert (await refused(Desk(), template=TWO.replace("west", "mars"))).faults

    run(story())


def test_what_the_preparation_gives_is_written_with_the_stack_and_what_it_refuses_is_not():
    async def story() -> None:
        desk = Desk()

        async def prepare(header, tree):
            assert set(tree.definitions) == {"net"} and header.name == "web"
            attempt = TrustAttempt(
                cloud="default",
                project=RED,
                stack=header.id,
                user="ann",
                user_project=RED,
                expires_at=TRUST.expires_at,
                started_at=1.0,
                cred_expires_at=2.0,
            )
            return (MadeTrust(TRUST, await begin(desk.hand.store, attempt), None),)

        async def refuse(header, tree):
            raise Invalid("the image is not there")

        with pytest.raises(Invalid, match="image"):
            await desk.hand.wishes.create(ANN, wish(), "r1", REGIONS, refuse)
        assert desk.present() == []
        await desk.hand.wishes.create(ANN, wish(), "r1", REGIONS, prepare)
        header = await desk.hand.header()
        entry = await desk.hand.store.get(keys.trust(RED, header.id, "default"))
        assert decode(TrustRecord, entry.value) == TRUST
        assert desk.present(keys.TRUSTS) == [], "the record has taken the place of the ledger's entry"

    run(story())


def test_a_stack_without_resources_is_complete_at_once():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=NONE)
        header = await desk.hand.header()
        assert (header.state, header.complete_revision, header.open) == ("CREATE_COMPLETE", 1, ())
        assert header.ended_at > 0 and desk.present("work/") == []

    run(story())


def test_a_stack_that_has_nothing_to_delete_is_gone_at_once_and_its_name_is_free():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=NONE)
        id = (await desk.hand.header()).id
        await desk.hand.delete()
        assert (await desk.hand.header(id)).state == "DELETE_COMPLETE"
        assert await list_stacks(desk.hand.store, RED) == []
        await desk.hand.create()
        assert (await desk.hand.header()).id != id

    run(story())


def test_what_is_too_big_for_one_commit_is_put_ahead_in_pieces_and_nothing_refers_to_it_before():
    async def story() -> None:
        desk = Desk()
        noise = random.Random(1).randbytes(1_500_000).hex()
        await desk.hand.create("r1", files={"f": noise})
        for each in desk.cluster.history:
            assert len(each.changes) <= MAX_WRITES
            assert sum(len(value or b"") for _, value in each.changes) <= MAX_COMMIT_BYTES
        *ahead, last = desk.cluster.history
        assert ahead and all("/blobs/" in key for each in ahead for key, _ in each.changes)
        assert keys.name(RED, "web") in dict(last.changes)
        source = await desk.client("c").documents.source(RED, (await desk.hand.header()).id, 1)
        assert source.files == {"f": noise}

    run(story())


def test_the_name_leads_to_the_stack():
    async def story() -> None:
        desk = Desk()
        operation = await desk.hand.create()
        entry = await desk.hand.store.get(keys.name(RED, "web"))
        assert msgspec.json.decode(entry.value) == {"schema": 1, "stack": operation.stack}
        assert decode(NameRecord, entry.value).stack == operation.stack

    run(story())
