"""Whether what a template names is there: asked of the clouds, with the caller's token."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

import pytest

from global_heat.api.auth import Tokens, Who
from global_heat.api.ports import Checked, LookUp, Need
from global_heat.cli.serving.callers import Proof
from global_heat.cli.serving.lookups import CHECK_SECONDS, CloudLookUps
from global_heat.model.errors import Invalid, Reason
from global_heat.model.names import Region
from global_heat.regions.credentials import TokenCredential
from global_heat.sim.cloud.inprocess import Cut
from global_heat.sim.loop import run
from tests.unit.serving.bench import EAST, WEST, Bench


def lookup(constraint: str, value: str, region: Region = EAST) -> LookUp:
    return LookUp(f"at.{value}", region, constraint, value)


async def nothing(region: Region) -> None:
    return None


async def prove(who: Who, tokens: Tokens, region: Region) -> Proof:
    return Proof(who, tokens.home)


async def check(
    bench: Bench,
    *lookups: LookUp,
    needs: Sequence[Need] = (),
    know: Callable[[Region], Awaitable[None]] = nothing,
) -> Checked:
    asking = CloudLookUps(bench.clouds, bench.sessions, know, prove)
    return await asking.check(await bench.who(), Tokens(bench.token()), lookups, needs)


def test_what_is_there_is_there_by_name_and_by_id() -> None:
    async def main() -> None:
        bench = Bench()
        found = await check(
            bench,
            lookup("nova.flavor", "m1.small"),
            lookup("glance.image", "cirros"),
            lookup("nova.flavor", "3"),
        )
        assert found == Checked()

    run(main())


def test_what_an_external_id_names_is_looked_for_by_its_id_alone() -> None:
    async def main() -> None:
        bench = Bench()
        external = "external OS::Neutron::Net"
        cloud = await bench.clouds.open(
            EAST, (await bench.who()).project, TokenCredential(bench.token(), (await bench.who()).project)
        )
        public = (await cloud.list("network", "/networks", "networks"))[0]["id"]
        assert await check(bench, lookup(external, public)) == Checked()
        checked = await check(bench, lookup(external, "public"), lookup("external OS::Heat::Value", "x"))
        told = "there is no external OS::Neutron::Net 'public' in region east"
        assert [fault.message for fault in checked.faults] == [told]
        assert checked.not_checked == ()

    run(main())


def test_what_is_not_there_is_a_fault_where_it_stands() -> None:
    async def main() -> None:
        checked = await check(
            Bench(),
            lookup("nova.flavor", "m9.huge"),
            lookup("neutron.network", "nowhere", WEST),
            lookup("nova.flavor", "m1.small"),
        )
        assert [(fault.path, fault.message) for fault in checked.faults] == [
            ("at.m9.huge", "there is no nova.flavor 'm9.huge' in region east"),
            ("at.nowhere", "there is no neutron.network 'nowhere' in region west"),
        ]
        assert checked.not_checked == ()

    run(main())


def test_a_region_that_does_not_answer_is_no_fault() -> None:
    async def main() -> None:
        bench = Bench()
        await check(bench, lookup("nova.flavor", "m1.small"))
        bench.cloud.partition("test", WEST, Cut.SILENT)
        checked = await check(
            bench, lookup("nova.flavor", "m9.huge", WEST), lookup("nova.flavor", "m9.huge", EAST)
        )
        assert [fault.path for fault in checked.faults] == ["at.m9.huge"]
        (silent,) = checked.not_checked
        assert f"no answer within {CHECK_SECONDS:g} s" in silent.message and "west" in silent.message

    run(main())


def test_what_nobody_can_look_up_is_left_to_the_service() -> None:
    async def main() -> None:
        assert await check(Bench(), lookup("zaqar.queue", "q"), lookup("nova.flavor", "")) == Checked()

    run(main())


def test_one_question_is_asked_once() -> None:
    async def main() -> None:
        bench = Bench()
        same = [LookUp(f"at.{n}", EAST, "neutron.network", "nowhere") for n in range(20)]
        checked = await check(bench, *same)
        assert [fault.path for fault in checked.faults] == [f"at.{n}" for n in range(20)]
        lists = [entry for entry in bench.cloud.journal if "/networks?" in entry.path]
        assert len(lists) == 1

    run(main())


def test_a_region_is_made_known_before_it_is_asked() -> None:
    async def main() -> None:
        bench = Bench()
        bench.registry.update([])

        async def know(region: Region) -> None:
            bench.registry.update(bench.specs)

        assert await check(bench, lookup("nova.flavor", "m1.small"), know=know) == Checked()

    run(main())


def test_the_callers_token_is_not_kept() -> None:
    async def main() -> None:
        bench = Bench()
        for count in (1, 2):
            await check(bench, lookup("nova.flavor", "m1.small"))
            grants = bench.cloud.keystone.grants.values()
            exchanged = [grant for grant in grants if grant.methods == ("token",)]
            assert len(exchanged) == count, "a session that was kept would have been used again"

    run(main())


def test_a_region_without_a_service_is_open_for_the_others() -> None:
    async def main() -> None:
        bench = Bench()
        bench.cloud.keystone.catalogue.withdraw("volume", EAST)
        who = await bench.who()
        cloud = await bench.clouds.open(EAST, who.project, TokenCredential(bench.token(), who.project))
        assert await cloud.list("network", "/networks", "networks")
        with pytest.raises(Invalid) as refused:
            await cloud.list("volume", "/volumes", "volumes")
        assert refused.value.reason is Reason.PRECONDITION
        assert "region east has no volume service" in refused.value.message

    run(main())


def test_a_service_that_a_region_has_not_is_told_where_it_is_needed() -> None:
    async def main() -> None:
        bench = Bench()
        bench.cloud.keystone.catalogue.withdraw("volume", WEST)
        bench.cloud.keystone.catalogue.withdraw("image", WEST)
        needs = [
            Need("resources.near", EAST, "OS::Cinder::Volume"),
            Need("resources.far", WEST, "OS::Cinder::Volume"),
            Need("resources.value", WEST, "OS::Heat::Value"),
            Need("resources.port", WEST, "OS::Neutron::Port"),
        ]
        checked = await check(bench, lookup("glance.image", "cirros", WEST), needs=needs)
        assert [(fault.path, fault.message, fault.reason) for fault in checked.lacking] == [
            (
                "resources.far",
                "region west has no volume service, which OS::Cinder::Volume needs",
                "NO_SERVICE",
            ),
            (
                "at.cirros",
                "glance.image 'cirros' in region west cannot be there: region west has no image service:"
                " the catalogue has no public endpoint of it in west",
                "NO_SERVICE",
            ),
        ]
        assert checked.faults == checked.not_checked == ()
        assert not [entry for entry in bench.cloud.journal if "/identity" not in entry.path]

    run(main())


def test_the_services_of_a_region_nobody_can_ask_of_were_not_checked() -> None:
    async def main() -> None:
        bench = Bench()
        who = await bench.who()
        for region in (EAST, WEST):
            bench.cloud.partition("test", region, Cut.SILENT)
        needs = [Need("resources.far", WEST, "OS::Cinder::Volume")] * 3
        asking = CloudLookUps(bench.clouds, bench.sessions, nothing, prove)
        checked = await asking.check(who, Tokens("t"), [], needs)
        (silent,) = checked.not_checked
        assert silent.message.startswith("whether region west has volume was not checked: no answer")
        assert checked.faults == checked.lacking == ()

    run(main())
