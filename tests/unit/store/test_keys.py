"""Where each record stands: no two in one place, and each found below its prefix."""

from __future__ import annotations

import pytest

from global_heat.model.names import Path, Project, Region, ReplicaId, StackId, Token
from global_heat.store import keys
from global_heat.store.keys import Shard

RED, STACK, EAST = Project("red"), StackId("s1"), Region("east")
SHARD = Shard(EAST, RED, STACK)
TOKEN = Token("t1")

PLACES = {
    keys.name(RED, "web"): "projects/red/names/web",
    keys.request(RED, "r1"): "projects/red/requests/r1",
    keys.operation(RED, "o1"): "projects/red/operations/o1",
    keys.header(RED, STACK): "stacks/red/s1/header",
    keys.plan(RED, STACK): "stacks/red/s1/plan",
    keys.revision(RED, STACK, 7): "stacks/red/s1/revisions/00000007",
    keys.blob(RED, STACK, "ab12", 3): "stacks/red/s1/blobs/ab12/0003",
    keys.trust(RED, STACK, "default"): "stacks/red/s1/trusts/default",
    keys.shard(RED, STACK, EAST): "stacks/red/s1/shards/east",
    keys.resource(RED, STACK, Path("group/3/server"), EAST, 2): (
        "stacks/red/s1/resources/group/3/server/east/2"
    ),
    keys.event(RED, STACK, EAST, 12): "stacks/red/s1/events/east/0000000012",
    keys.work(SHARD): "work/east/red/s1",
    keys.claim(SHARD): "claims/east/red/s1",
    keys.attempt(SHARD, TOKEN): "attempts/east/red/s1/t1",
    keys.sweep(SHARD, TOKEN): "sweep/east/red/s1/t1",
    keys.replica(EAST, ReplicaId("r1")): "replicas/east/r1",
    keys.region(EAST): "regions/east",
}


def test_every_record_has_its_place():
    for place, expected in PLACES.items():
        assert place == expected
    assert len(PLACES) == 17


@pytest.mark.parametrize(
    ("prefix", "below"),
    [
        (keys.names(RED), keys.name(RED, "web")),
        (keys.operations(RED), keys.operation(RED, "o1")),
        (keys.stacks(RED), keys.stack(RED, STACK)),
        (keys.stack(RED, STACK), keys.header(RED, STACK)),
        (keys.blob_chunks(RED, STACK, "ab"), keys.blob(RED, STACK, "ab", 0)),
        (keys.shards(RED, STACK), keys.shard(RED, STACK, EAST)),
        (keys.resources(RED, STACK), keys.resource(RED, STACK, Path("a"), EAST, 1)),
        (keys.incarnations(RED, STACK, Path("a")), keys.resource(RED, STACK, Path("a"), EAST, 1)),
        (keys.events(RED, STACK), keys.event(RED, STACK, EAST, 1)),
        (keys.attempts(), keys.attempt(SHARD, TOKEN)),
        (keys.attempts(SHARD), keys.attempt(SHARD, TOKEN)),
        (keys.sweeps(), keys.sweep(SHARD, TOKEN)),
        (keys.sweeps(EAST), keys.sweep(SHARD, TOKEN)),
        (keys.WORK, keys.work(SHARD)),
        (keys.CLAIMS, keys.claim(SHARD)),
        (keys.REPLICAS, keys.replica(EAST, ReplicaId("r1"))),
        (keys.REGIONS, keys.region(EAST)),
    ],
)
def test_a_prefix_holds_its_own_records(prefix, below):
    assert below.startswith(prefix) and prefix.endswith("/")


def test_no_prefix_holds_what_belongs_to_a_neighbour_whose_name_begins_alike():
    longer = Shard(Region("east2"), RED, StackId("s11"))
    assert not keys.attempt(longer, TOKEN).startswith(keys.attempts(SHARD))
    assert not keys.sweep(longer, TOKEN).startswith(keys.sweeps(EAST))
    assert not keys.header(RED, StackId("s11")).startswith(keys.stack(RED, STACK))
    assert not keys.name(Project("red2"), "web").startswith(keys.names(RED))
    assert not keys.blob(RED, STACK, "abc", 0).startswith(keys.blob_chunks(RED, STACK, "ab"))


@pytest.mark.parametrize("key", [keys.work(SHARD), keys.claim(SHARD)])
def test_a_work_or_claim_key_names_its_shard(key):
    assert keys.shard_of(key) == SHARD


def test_an_index_key_leads_to_its_attempt():
    assert keys.attempt_of(keys.sweep(SHARD, TOKEN)) == keys.attempt(SHARD, TOKEN)


@pytest.mark.parametrize("low, high", [(9, 10), (99, 100), (999, 1000)])
def test_numbers_stand_in_their_order(low, high):
    assert keys.event(RED, STACK, EAST, low) < keys.event(RED, STACK, EAST, high)
    assert keys.revision(RED, STACK, low) < keys.revision(RED, STACK, high)
    assert keys.blob(RED, STACK, "ab", low) < keys.blob(RED, STACK, "ab", high)


def test_the_bulk_of_a_stack_stands_before_its_header():
    header = keys.header(RED, STACK)
    assert keys.blob(RED, STACK, "ff", 9999) < header and keys.event(RED, STACK, EAST, 10**9) < header
    assert header < keys.plan(RED, STACK) < keys.resource(RED, STACK, Path("a"), EAST, 1)
    assert header < keys.shard(RED, STACK, EAST)


def test_a_shard_is_named_by_stack_and_region():
    assert str(SHARD) == "s1@east"
