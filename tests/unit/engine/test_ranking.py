"""Who should serve a shard."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from global_heat.engine.ranking import distance, ranked
from global_heat.model.names import Region, ReplicaId
from global_heat.model.records import ReplicaRecord

EAST, NORTH, WEST = Region("east"), Region("north"), Region("west")
DISTANCES = {EAST: {WEST: 0.08, NORTH: 0.02}, WEST: {NORTH: 0.05}}
KEYS = [f"stack{n}@east" for n in range(600)]


def replica(name: str, region: str) -> ReplicaRecord:
    return ReplicaRecord(id=ReplicaId(name), region=Region(region))


HOME = [replica(f"e{n}", "east") for n in range(3)]
AWAY = [replica("n0", "north"), replica("w0", "west"), replica("w1", "west")]


def test_replicas_of_the_region_come_first_then_the_nearest():
    for key in KEYS[:20]:
        order = ranked(key, EAST, [*AWAY, *HOME], DISTANCES)
        assert [id[0] for id in order] == ["e", "e", "e", "n", "w", "w"]


def test_all_replicas_agree_whatever_the_order_in_which_they_see_each_other():
    orders = {tuple(ranked("key", EAST, seen, DISTANCES)) for seen in itertools.permutations(HOME + AWAY[:1])}
    assert len(orders) == 1


def test_the_work_of_a_region_is_spread_over_its_replicas():
    counts = Counter(ranked(key, EAST, HOME, DISTANCES)[0] for key in KEYS)
    assert set(counts) == {"e0", "e1", "e2"} and min(counts.values()) > len(KEYS) / 3 * 0.8


def test_one_replicas_death_moves_its_own_work_alone():
    for key in KEYS:
        before = ranked(key, EAST, HOME, DISTANCES)
        after = ranked(key, EAST, HOME[1:], DISTANCES)
        assert after == [id for id in before if id != "e0"]


def test_without_a_replica_at_home_the_nearest_serves():
    assert ranked("key", EAST, AWAY, DISTANCES)[0] == "n0"
    assert ranked("key", EAST, [], DISTANCES) == []


def test_even_at_no_distance_those_at_home_come_first():
    for key in KEYS[:50]:
        assert ranked(key, EAST, [*AWAY, *HOME], {EAST: {WEST: 0.0, NORTH: 0.0}})[0].startswith("e")


@pytest.mark.parametrize(
    ("here", "there", "seconds"),
    [(EAST, WEST, 0.08), (WEST, EAST, 0.08), (NORTH, WEST, 0.05), (EAST, Region("mars"), 60.0)],
)
def test_a_distance_is_the_same_both_ways_and_an_unknown_one_is_far(here, there, seconds):
    assert distance(DISTANCES, here, there) == seconds
