"""Percentiles, waits as an asker would have them, and who took over what, when."""

from __future__ import annotations

from global_heat.cli.chaos_runs.figures import Death, percentile, spread, takeovers
from global_heat.model.names import Project, Region, ReplicaId, StackId
from global_heat.model.records import Claim, WorkRecord
from global_heat.sim.etcd import Written
from global_heat.store import keys
from global_heat.store.codec import encode
from global_heat.store.keys import Shard

SHARD = Shard(Region("east"), Project("red"), StackId("s1"))
CLAIM, WORK = keys.claim(SHARD), keys.work(SHARD)
SOME_WORK = encode(WorkRecord())


def claimed(by: str) -> bytes:
    return encode(Claim(replica=ReplicaId(by)))


def story(*changes: tuple[float, str, bytes | None]) -> list[Written]:
    return [Written(n, at, "", (), ((key, value),)) for n, (at, key, value) in enumerate(changes, 2)]


def test_percentiles_are_of_the_values_themselves():
    values = [float(n) for n in range(1, 101)]
    assert [percentile(values, percent) for percent in (1, 50, 99, 100)] == [1.0, 50.0, 99.0, 100.0]
    assert percentile([3.0], 99) == 3.0
    assert percentile([], 50) is None


def test_a_long_wait_is_that_of_all_who_would_have_asked_meanwhile():
    assert spread([0.5, 3.5], 1.0) == [0.5, 3.5, 2.5, 1.5, 0.5]


def test_a_gap_is_from_a_claims_end_to_the_next_claim():
    history = story(
        (0.0, WORK, SOME_WORK), (1.0, CLAIM, claimed("a-1")), (5.0, CLAIM, None), (5.5, CLAIM, claimed("b-1"))
    )
    assert takeovers(history, ()).gaps == [0.5]


def test_a_claim_that_ended_with_its_work_leaves_no_gap():
    done = Written(9, 5.0, "", (), ((CLAIM, None), (WORK, None)))
    later = Written(10, 60.0, "", (), ((WORK, SOME_WORK), (CLAIM, claimed("b-1"))))
    history = [*story((0.0, WORK, SOME_WORK), (1.0, CLAIM, claimed("a-1"))), done, later]
    assert takeovers(history, ()).gaps == []


def test_work_that_goes_before_it_is_claimed_again_leaves_no_gap():
    history = story(
        (0.0, WORK, SOME_WORK),
        (1.0, CLAIM, claimed("a-1")),
        (5.0, CLAIM, None),
        (6.0, WORK, None),
        (60.0, WORK, SOME_WORK),
        (61.0, CLAIM, claimed("b-1")),
    )
    assert takeovers(history, ()).gaps == []


def test_a_take_over_lasts_from_the_owners_death():
    history = story(
        (0.0, WORK, SOME_WORK),
        (1.0, CLAIM, claimed("north-1-abc")),
        (9.0, CLAIM, None),
        (9.5, CLAIM, claimed("south-1-x")),
    )
    assert takeovers(history, [Death(3.0, "north-1")]).deaths == [6.5]
    assert takeovers(history, [Death(3.0, "south-1")]).deaths == []
    assert takeovers(history, [Death(0.5, "north-1")]).deaths == []


def test_who_comes_back_in_time_is_not_taken_over():
    history = story((1.0, CLAIM, claimed("north-1-abc")), (9.0, CLAIM, claimed("north-1-abc")))
    assert takeovers(history, [Death(3.0, "north-1")]).deaths == []


def test_who_comes_back_and_finishes_is_not_taken_over_by_who_works_there_later():
    done = Written(9, 5.0, "", (), ((CLAIM, None), (WORK, None)))
    later = Written(10, 60.0, "", (), ((WORK, SOME_WORK), (CLAIM, claimed("south-1-x"))))
    history = [*story((0.0, WORK, SOME_WORK), (1.0, CLAIM, claimed("north-1-abc"))), done, later]
    assert takeovers(history, [Death(3.0, "north-1")]).deaths == []
