"""Faults are a seed's, enough of them, and each kind comes."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest

from global_heat.cli.chaos_runs.schedule import FOR_ALL, LEASE_SECONDS, Kind, draw
from global_heat.cli.lab import files

REGIONS = ("north", "south", "west")
REPLICAS = tuple(f"{region}-{n}" for region in REGIONS for n in (1, 2))


def test_the_same_seed_is_the_same_schedule():
    assert draw(7, 90.0, REGIONS, REPLICAS) == draw(7, 90.0, REGIONS, REPLICAS)
    assert draw(7, 90.0, REGIONS, REPLICAS) != draw(8, 90.0, REGIONS, REPLICAS)


@pytest.mark.parametrize("seed", range(20))
def test_every_lane_has_enough_for_the_whole_time(seed):
    for lane in draw(seed, 90.0, REGIONS, REPLICAS):
        assert sum(fault.wait_seconds + fault.seconds for fault in lane) >= 90.0


@pytest.mark.parametrize("seed", range(20))
def test_every_second_fault_of_regions_kills_one(seed):
    kinds = [fault.kind for fault in draw(seed, 90.0, REGIONS, REPLICAS)[0]]
    kills = [kind is Kind.REGION_KILL for kind in kinds]
    assert all(one is not other for one, other in itertools.pairwise(kills))


def test_every_kind_comes_in_time():
    lanes = [lane for seed in range(20) for lane in draw(seed, 90.0, REGIONS, REPLICAS)]
    assert {fault.kind for lane in lanes for fault in lane} == set(Kind)


def test_none_comes_again_before_all_have_come():
    others = [f.kind for f in draw(3, 2000.0, REGIONS, REPLICAS)[0] if f.kind is not Kind.REGION_KILL]
    kinds = len(set(others))
    for start in range(0, len(others) - kinds, kinds):
        assert set(Counter(others[start : start + kinds]).values()) == {1}


def test_faults_of_replicas_name_replicas_and_others_regions():
    regions, replicas, clouds = draw(1, 90.0, REGIONS, REPLICAS)
    assert {name for fault in (*regions, *clouds) for name in fault.targets} == set(REGIONS)
    assert {name for fault in replicas for name in fault.targets} == set(REPLICAS)


def test_a_stopped_replica_outlives_its_lease():
    assert LEASE_SECONDS == files.LEASE_SECONDS
    lanes = [lane for seed in range(20) for lane in draw(seed, 90.0, REGIONS, REPLICAS)]
    stopped = [fault for lane in lanes for fault in lane if fault.kind is Kind.REPLICA_PAUSE]
    assert stopped and all(fault.seconds > LEASE_SECONDS for fault in stopped)


def test_what_concerns_all_is_a_majority_or_the_space():
    assert {Kind.QUORUM_KILL, Kind.QUORUM_PAUSE, Kind.STORE_FULL} == FOR_ALL
