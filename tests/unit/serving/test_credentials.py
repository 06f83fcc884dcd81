"""The trusts of stacks: made with the caller's token, sealed, used, replaced, removed."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from global_heat.model.errors import Ambiguous, Invalid, Reason, Transient
from global_heat.model.names import StackId
from global_heat.model.records import TrustRecord
from global_heat.sim.cloud.faults import Disturbance, Fate, Mangle
from global_heat.sim.cloud.inprocess import Cut
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.store.credentials import FAR, KEPT_SECONDS
from tests.unit.serving.bench import EAST, STACK, WEST, Bench


def test_two_regions_of_one_cloud_share_a_trust_that_works() -> None:
    async def main() -> None:
        bench = Bench()
        (record,) = await bench.ensure(EAST, WEST)
        (trust,) = bench.cloud.keystone.trusts.values()
        assert (record.cloud, record.user) == ("fake", trust.trustor_user_id)
        assert trust.id not in record.sealed
        assert trust.roles == ("member",), "as few roles as were asked for"
        for region in (EAST, WEST):
            cloud = await bench.clouds.open_for_stack(region, bench.project, STACK, bench.trusts.find)
            assert cloud.project == bench.project
            assert await cloud.list("network", "/networks", "networks") is not None

    run(main())


def test_without_a_choice_all_of_the_callers_roles_are_delegated() -> None:
    async def main() -> None:
        bench = Bench(roles=())
        await bench.ensure(EAST)
        (trust,) = bench.cloud.keystone.trusts.values()
        assert set(trust.roles) == {"member", "reader"}

    run(main())


def test_a_role_that_the_caller_has_not_is_refused() -> None:
    async def main() -> None:
        bench = Bench(roles=("admin",))
        with pytest.raises(Invalid) as refused:
            await bench.ensure(EAST)
        assert refused.value.reason is Reason.FORBIDDEN
        assert bench.trust_ids() == []

    run(main())


def test_a_stack_that_has_one_gets_no_other() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        assert await bench.ensure(EAST, WEST) == []
        assert len(bench.trust_ids()) == 1

    run(main())


def test_one_that_keystone_does_not_take_any_more_is_replaced() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        (old,) = bench.trust_ids()
        bench.cloud.keystone.delete_trust(old)
        (record,) = await bench.ensure(EAST)
        (new,) = bench.trust_ids()
        assert new != old
        found = await bench.trusts.find(bench.project, STACK, record.cloud)
        assert found is not None and found.trust_id == new

    run(main())


def test_another_replica_finds_the_replacement_after_a_while() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        there = bench.other_trusts()
        first = await there.find(bench.project, STACK, "fake")
        bench.cloud.keystone.delete_trust(bench.trust_ids()[0])
        await bench.ensure(EAST)
        assert await there.find(bench.project, STACK, "fake") == first
        await asyncio.sleep(KEPT_SECONDS)
        second = await there.find(bench.project, STACK, "fake")
        assert second is not None and [second.trust_id] == bench.trust_ids()

    run(main())


def test_who_has_none_has_none() -> None:
    async def main() -> None:
        bench = Bench()
        assert await bench.trusts.find(bench.project, STACK, "fake") is None

    run(main())


def test_a_trust_moved_to_another_stack_does_not_open() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        entry = await bench.store.get(keys.trust(bench.project, STACK, "fake"))
        assert entry is not None
        thief = StackId("s2")
        await bench.store.commit(put={keys.trust(bench.project, thief, "fake"): entry.value})
        with pytest.raises(Invalid, match="does not belong where it stands"):
            await bench.trusts.find(bench.project, thief, "fake")

    run(main())


def test_while_keystone_is_silent_none_is_made() -> None:
    async def main() -> None:
        bench = Bench()
        who, token = await bench.who(), bench.token()
        for region in (EAST, WEST):
            bench.cloud.partition("test", region, Cut.REFUSED)
        with pytest.raises(Transient):
            await bench.trusts.ensure(who, token, bench.project, STACK, [EAST])
        assert bench.trust_ids() == []

    run(main())


@pytest.mark.parametrize(
    "fate", [Fate(answer_lost=True, reset=True), Fate(status=500, effect=True), Fate(mangle=Mangle.GARBAGE)]
)
def test_one_whose_answer_was_lost_is_found_by_its_expiry(fate: Fate) -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure_of(StackId("other"), EAST)
        lost = Disturbance(fate, ("POST",), path="/OS-TRUST/trusts", times=1)
        bench.cloud.regions[EAST].faults.add(lost)
        await bench.ensure_of(STACK, EAST)
        found = await bench.trusts.find(bench.project, STACK, "fake")
        assert found is not None
        assert bench.trust_ids()[1:] == [found.trust_id], "one for each stack, and no more"

    run(main())


def test_one_that_was_never_made_is_not_found() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure_of(StackId("other"), EAST)
        bench.cloud.regions[EAST].faults.add(
            Disturbance(Fate(status=500), ("POST",), path="/OS-TRUST/trusts")
        )
        with pytest.raises(Ambiguous):
            await bench.ensure_of(STACK, EAST)

    run(main())


def test_no_two_expire_at_the_same_moment_nor_soon() -> None:
    async def main() -> None:
        bench = Bench()
        for n in range(50):
            await bench.ensure_of(StackId(f"stack {n}"), EAST)
        expiries = [trust.expires_at or 0.0 for trust in bench.cloud.keystone.trusts.values()]
        assert len(set(expiries)) == 50 and min(expiries) >= FAR

    run(main())


def test_retiring_removes_it_and_may_be_repeated() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        bench.cloud.partition("test", EAST, Cut.REFUSED)
        bench.cloud.partition("test", WEST, Cut.REFUSED)
        with pytest.raises(Transient):
            await bench.trusts.retire(bench.project, STACK)
        assert len(bench.trust_ids()) == 1
        bench.cloud.heal()
        for _ in range(2):
            await bench.trusts.retire(bench.project, STACK)
            assert bench.trust_ids() == []

    run(main())


def test_retiring_leaves_what_nobody_can_remove() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        key = keys.trust(bench.project, STACK, "fake")
        entry = await bench.store.get(key)
        assert entry is not None
        torn = msgspec.structs.replace(decode(TrustRecord, entry.value), sealed="bm90aGluZw==")
        await bench.store.commit(put={key: msgspec.json.encode(torn)})
        await bench.trusts.retire(bench.project, STACK)
        bench.registry.update([])
        await bench.store.commit(put={key: entry.value})
        await bench.trusts.retire(bench.project, STACK)
        assert len(bench.trust_ids()) == 1

    run(main())
