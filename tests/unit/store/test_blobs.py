"""Plans and sources as blobs: packed, sealed, cut in chunks, put together again."""

from __future__ import annotations

import random

import pytest
import zstandard

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import Path, Project, Region, StackId
from global_heat.model.plan import Kind, Plan, Step
from global_heat.model.records import Action
from global_heat.sim.etcd import Link, SimCluster, SimStore
from global_heat.sim.loop import run
from global_heat.store import blobs, keys
from global_heat.store.sealing import Seal
from global_heat.template.source import Source

RED, STACK, OTHER = Project("red"), StackId("s1"), StackId("s2")
SEAL = Seal({"k1": b"k" * 32}, lambda count: bytes(count))
NOISE = random.Random(1).randbytes(3 * blobs.CHUNK_BYTES)


def plan_of(steps: int) -> Plan:
    made = tuple(
        Step(kind=Kind.APPLY, path=Path(f"server{n}"), region=Region("east"), type="OS::Nova::Server")
        for n in range(steps)
    )
    return Plan(number=1, parent=0, revision=1, action=Action.CREATE, steps=made)


def test_a_plan_is_packed_smaller_and_comes_back():
    plan = plan_of(1000)
    packed = blobs.pack_plan(plan)
    assert blobs.unpack_plan(packed) == plan
    assert len(packed) < 10_000


def test_a_source_is_sealed_as_a_whole_and_opens_in_its_own_stack_only():
    source = Source("text", {"parameters": {"a": 1}}, {"file": "x"}, {"password": "open sesame"})
    packed = blobs.pack_source(source, SEAL, RED, STACK)
    assert b"sesame" not in packed
    assert blobs.unpack_source(packed, SEAL, RED, STACK) == source
    with pytest.raises(Invalid):
        blobs.unpack_source(packed, SEAL, RED, OTHER)


@pytest.mark.parametrize(
    ("size", "count"),
    [(0, 1), (1, 1), (blobs.CHUNK_BYTES, 1), (blobs.CHUNK_BYTES + 1, 2), (len(NOISE), 3)],
)
def test_a_blob_is_cut_in_chunks_that_a_store_takes(size, count):
    digest, pieces = blobs.chunks(RED, STACK, NOISE[:size])
    assert list(pieces) == [keys.blob(RED, STACK, digest, n) for n in range(count)]
    assert b"".join(pieces.values()) == NOISE[:size]
    assert all(len(piece) <= blobs.CHUNK_BYTES for piece in pieces.values())


def test_equal_data_has_one_name_and_other_data_another():
    assert blobs.chunks(RED, STACK, b"a")[0] == blobs.chunks(RED, OTHER, b"a")[0]
    assert blobs.chunks(RED, STACK, b"a")[0] != blobs.chunks(RED, STACK, b"b")[0]


def store_with(cluster: SimCluster) -> SimStore:
    return SimStore(cluster, "test", Link(lambda: 0.002, lambda: 1.0))


@pytest.mark.parametrize("data", [b"", b"small", NOISE])
def test_a_blob_is_loaded_as_it_was_put_whatever_stands_beside_it(data):
    async def story() -> None:
        store = store_with(SimCluster())
        digest, pieces = blobs.chunks(RED, STACK, data)
        await store.commit(put=pieces)
        await store.commit(put=blobs.chunks(RED, STACK, b"another")[1])
        assert await blobs.load(store, RED, STACK, digest) == data

    run(story())


def test_a_blob_that_the_nearest_member_does_not_have_yet_is_asked_for_elsewhere():
    async def story() -> None:
        store = store_with(SimCluster())
        store.link.member_lag = 60.0
        digest, pieces = blobs.chunks(RED, STACK, NOISE)
        await store.commit(put=pieces)
        assert await blobs.load(store, RED, STACK, digest) == NOISE

    run(story())


def test_a_blob_that_lacks_a_chunk_is_not_taken_for_the_whole():
    async def story() -> None:
        store = store_with(SimCluster())
        digest, pieces = blobs.chunks(RED, STACK, NOISE)
        await store.commit(put=dict(list(pieces.items())[:-1]))
        with pytest.raises(Transient):
            await blobs.load(store, RED, STACK, digest)

    run(story())


def test_a_small_blob_that_would_fill_the_memory_is_not_inflated(monkeypatch):
    packed = blobs.pack_plan(plan_of(1000))
    monkeypatch.setattr(blobs, "INFLATED_BYTES_MAX", 10 * len(packed))
    with pytest.raises(Invalid):
        blobs.unpack_plan(packed)


def test_a_blob_that_does_not_say_its_size_is_not_inflated():
    unsized = zstandard.ZstdCompressor(write_content_size=False).compress(b"{}")
    with pytest.raises(Invalid):
        blobs.unpack_plan(unsized)


def test_what_could_not_be_read_again_is_not_packed(monkeypatch):
    monkeypatch.setattr(blobs, "INFLATED_BYTES_MAX", 1000)
    for pack in (
        lambda: blobs.pack_source(Source("x" * 1001), SEAL, RED, STACK),
        lambda: blobs.pack_plan(plan_of(1000)),
    ):
        with pytest.raises(Invalid) as caught:
            pack()
        assert caught.value.reason is Reason.EXHAUSTED
