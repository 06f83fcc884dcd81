"""The trusts of stacks: made with the caller's token, sealed, used, replaced, removed."""

from __future__ import annotations

import asyncio
import math

import pytest

from global_heat.model.errors import Invalid, Reason, Transient
from global_heat.model.names import StackId
from global_heat.regions.keystone import is_same_expiry
from global_heat.regions.transport import Request
from global_heat.sim.cloud.faults import Disturbance, Fate, Mangle
from global_heat.sim.cloud.inprocess import Cut
from global_heat.sim.loop import run
from global_heat.store import keys
from global_heat.store.credentials import FAR, KEPT_SECONDS
from global_heat.store.protocol import Refused
from global_heat.store.trust_ledger import recording, retire
from tests.unit.serving.bench import EAST, STACK, WEST, Bench


def test_two_regions_of_one_cloud_share_a_trust_that_works() -> None:
    async def main() -> None:
        bench = Bench()
        record = (await bench.ensure(EAST, WEST))[0].record
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
        before, (made,) = await bench.ledger(), await bench.ensure(EAST)
        (new,) = bench.trust_ids()
        assert new != old
        (replaced,) = await bench.ledger()
        assert before == [] and replaced.condemned and replaced.expires_at != made.record.expires_at
        found = await bench.trusts.find(bench.project, STACK, made.record.cloud)
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
        with pytest.raises(Transient):
            await bench.ensure_of(STACK, EAST)
        assert [attempt.condemned for attempt in await bench.ledger()] == [True]

    run(main())


def test_no_two_expire_at_the_same_moment_nor_soon() -> None:
    async def main() -> None:
        bench = Bench()
        for n in range(50):
            await bench.ensure_of(StackId(f"stack {n}"), EAST)
        expiries = [trust.expires_at or 0.0 for trust in bench.cloud.keystone.trusts.values()]
        assert len(set(expiries)) == 50 and min(expiries) >= FAR

    run(main())


def test_its_intent_is_in_the_ledger_before_it_is_asked_for() -> None:
    async def main() -> None:
        bench = Bench()
        who, token = await bench.who(), bench.token()
        asked = asyncio.Event()

        def decide(request: Request) -> Fate | None:
            if request.method == "POST" and "/OS-TRUST/" in request.url:
                asked.set()
                return Fate(delay_seconds=5.0)
            return None

        bench.cloud.regions[EAST].faults.decide = decide
        making = asyncio.ensure_future(bench.trusts.ensure(who, token, bench.project, STACK, [EAST]))
        await asked.wait()
        (attempt,) = await bench.ledger()
        (made,) = await making
        assert (attempt.user, attempt.project, attempt.stack) == (who.user, bench.project, STACK)
        assert attempt.cred_expires_at == who.expires_at and not attempt.condemned
        (trust,) = bench.cloud.keystone.trusts.values()
        assert trust.handle == attempt.handle == made.record.handle

    run(main())


def test_where_the_store_does_not_take_the_intent_nothing_is_asked_for() -> None:
    async def main() -> None:
        bench = Bench()
        who, token = await bench.who(), bench.token()
        bench.cluster.space = False
        with pytest.raises(Transient):
            await bench.trusts.ensure(who, token, bench.project, STACK, [EAST])
        assert bench.trust_ids() == []

    run(main())


def test_what_is_condemned_cannot_be_recorded_any_more() -> None:
    async def main() -> None:
        bench = Bench()
        (made,) = await bench.trusts.ensure(await bench.who(), bench.token(), bench.project, STACK, [EAST])
        await bench.trusts.condemn([made])
        added = recording(bench.project, STACK, made)
        outcome = await bench.store.commit(*added.guards, put=added.puts, delete=added.deletes)
        assert isinstance(outcome, Refused)
        assert [attempt.condemned for attempt in await bench.ledger()] == [True]

    run(main())


def test_what_is_recorded_cannot_be_condemned_any_more() -> None:
    async def main() -> None:
        bench = Bench()
        made = await bench.ensure(EAST)
        await bench.trusts.condemn(made)
        assert await bench.ledger() == []
        assert await bench.trusts.find(bench.project, STACK, "fake") is not None

    run(main())


def test_a_keystone_that_refuses_the_connection_is_asked_by_way_of_another_region() -> None:
    async def main() -> None:
        bench = Bench()
        who, token = await bench.who(), bench.token()
        bench.cloud.partition("test", EAST, Cut.REFUSED)
        await bench.trusts.ensure(who, token, bench.project, STACK, [EAST])
        assert len(bench.trust_ids()) == 1

    run(main())


def test_a_record_that_ends_goes_back_to_the_ledger_condemned() -> None:
    async def main() -> None:
        bench = Bench()
        (made,) = await bench.ensure(EAST)
        for _ in range(2):
            await retire(bench.store, bench.project, STACK)
            (attempt,) = await bench.ledger()
            assert attempt.condemned and attempt.handle == made.record.handle
            assert await bench.store.get(keys.trust(bench.project, STACK, "fake")) is None
        assert len(bench.trust_ids()) == 1, "whoever sweeps removes it"

    run(main())


def test_it_is_seen_and_removed_by_who_is_trusted() -> None:
    async def main() -> None:
        bench = Bench()
        await bench.ensure(EAST)
        (trust,) = bench.cloud.keystone.trusts.values()
        (seen,) = await bench.trusts.look("fake")
        assert (seen.id, seen.user, seen.project) == (trust.id, trust.trustor_user_id, bench.project)
        assert is_same_expiry(seen.expires_at, trust.expires_at or 0.0)
        await bench.trusts.remove("fake", seen.id)
        assert bench.trust_ids() == [] and await bench.trusts.look("fake") == []

    run(main())


def test_a_cloud_without_a_region_cannot_be_asked() -> None:
    async def main() -> None:
        bench = Bench()
        with pytest.raises(Invalid, match="no region any more"):
            await bench.trusts.look("gone")
        assert bench.trusts.settling_seconds("gone") == math.inf

    run(main())
