"""What every resource type must do, against the fake cloud through a region's own `Cloud`."""

from __future__ import annotations

import json

import pytest

from global_heat.model.errors import Ambiguous
from global_heat.model.token import token_in, verifies
from global_heat.regions.cloud import Gone
from global_heat.resources.catalogue import ALL
from global_heat.resources.type import Handle
from global_heat.sim.cloud.faults import Disturbance, Fate
from global_heat.sim.loop import run
from tests.unit.resources.bench import EAST, KEY, SCHEMAS, Bench, Made, with_defaults
from tests.unit.resources.cases import CASES, Case

CHANGES = [(case, name) for case in CASES for name in case.changes]
every_type = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)
every_change = pytest.mark.parametrize(
    ("case", "change"), CHANGES, ids=[f"{case.type} {name}" for case, name in CHANGES]
)


def test_every_type_has_a_case() -> None:
    clouds = {name for name, type in ALL.items() if type.handle is not Handle.LOCAL}
    assert {case.type for case in CASES} == clouds


@every_type
def test_every_change_in_place_has_a_case(case: Case) -> None:
    schema, type = SCHEMAS.get(case.type), ALL[case.type]
    assert schema is not None
    allowed = {
        name
        for name, prop in schema.properties.items()
        if prop.update_allowed and name in type.supported and not type.replaces({name}, {})
    }
    # A policy says how to change others; nothing is to be done when it changes itself. "shared" is an
    # administrator's, the hints of a router are refused by Neutron; a volume that moves is a test of its own.
    allowed = {name for name in allowed if not name.endswith("_update_policy")}
    allowed -= {"shared"} if case.type == "OS::Neutron::Net" else set()
    allowed -= {"availability_zone_hints", "propagate_uplink_status", "instance_uuid"}
    tried = {"flavor", "image", "user_data"} & set(case.changes)
    assert allowed | tried == {name for name in case.changes if " " not in name}


@every_type
@pytest.mark.parametrize("which", ["minimal", "full"])
def test_make_and_delete_twice(case: Case, which: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            before = {made.id for made in bench.region.truth()}
            props = getattr(case, which)(around)
            made = await bench.make_from(case.type, props)
            body = await bench.shown(made)
            if which == "full":
                assert case.expect(around, body), body
            await bench.delete(made)
            await bench.delete(made)
            assert await made.type.show(bench.cloud, made.id) is None
            assert {made.id for made in bench.region.truth()} == before

    run(main())


@every_type
def test_a_given_name_and_a_name_of_ours(case: Case) -> None:
    schema = SCHEMAS.get(case.type)
    assert schema is not None
    if "name" not in schema.properties or schema.properties["name"].required:
        return

    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            made = await bench.make_from(case.type, case.minimal(around))
            assert (await bench.attributes(made))["show"]["name"] == made.making.name

    run(main())


@every_type
def test_attributes_are_those_of_the_schema_and_without_our_mark(case: Case) -> None:
    schema = SCHEMAS.get(case.type)
    assert schema is not None

    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            made = await bench.make_from(case.type, case.full(around))
            attributes = await bench.attributes(made)
            assert attributes.keys() <= schema.attributes.keys() | {"show"}
            text = json.dumps(attributes)
            assert token_in(text) is None and "gh_" not in text
            assert made.type.reference(made.id, await bench.shown(made))

    run(main())


@every_type
def test_found_again_when_the_answer_was_lost(case: Case) -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            type, props = ALL[case.type], with_defaults(case.type, case.full(around))
            making = bench.making(type, props)
            resolved = await type.resolve(bench.cloud, props)
            assert await bench.found(type, making, resolved) == []
            lost = Disturbance(Fate(answer_lost=True), methods=("POST", "PUT"), times=1)
            bench.region.faults.add(lost)
            with pytest.raises(Ambiguous):
                await type.create(bench.cloud, making, resolved)
            [id] = await bench.found(type, making, resolved)
            await bench.until_ready(Made(type, id, making, props))
            if type.handle is Handle.TOKEN:
                assert verifies(making.token, (KEY,), bench.project, EAST, type.kind)
                other = bench.making(type, props)
                assert await bench.found(type, other, resolved) == []

    run(main())


@every_change
def test_a_change_in_place(case: Case, change: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            wish = case.changes[change]
            given = wish.given(around)
            props = {**case.full(around)}
            if change == "fixed_ip_address" and case.type == "OS::Neutron::FloatingIP":
                del props["fixed_ip_address"]
            made = await bench.make_from(case.type, props)
            after = await bench.change(made, **given)
            body = await bench.shown(after)
            assert wish.expect(around, body), body
            if made.type.handle is Handle.TOKEN:
                assert made.type.token_of(body) == made.making.token
            writes = bench.writes()
            await bench.update(after, set(given))
            assert wish.silent or bench.writes() == writes

    run(main())


@every_change
def test_a_change_whose_answer_was_lost_is_finished_by_another(case: Case, change: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            wish = case.changes[change]
            props = {**case.full(around)}
            if change == "fixed_ip_address" and case.type == "OS::Neutron::FloatingIP":
                del props["fixed_ip_address"]
            made = await bench.make_from(case.type, props)
            lost = Disturbance(Fate(answer_lost=True), methods=("POST", "PUT", "DELETE"), times=1)
            bench.region.faults.add(lost)
            given = wish.given(around)
            writes = bench.writes()
            with pytest.raises(Ambiguous):
                await bench.change(made, **given)
                # Nothing was to be written at all.
                assert bench.writes() == writes
                raise Ambiguous
            bench.region.faults.heal()
            if wish.remade:
                await bench.until_gone(made)
                after = await bench.make_from(case.type, {**props, **given})
            else:
                after = await bench.change(made, **given)
            assert wish.expect(around, await bench.shown(after))

    run(main())


@every_type
def test_show_and_delete_of_what_never_was(case: Case) -> None:
    async def main() -> None:
        async with Bench() as bench:
            around = await case.around(bench)
            type, props = ALL[case.type], with_defaults(case.type, case.minimal(around))
            made = await bench.make_from(case.type, case.minimal(around))
            await bench.delete(made)
            resolved = await type.resolve(bench.cloud, props)
            id = made.id if type.handle is Handle.TOKEN else type.natural_id(made.making, resolved)
            assert await type.show(bench.cloud, id) is None
            try:
                await type.delete(bench.cloud, id)
            except Gone:
                return

    run(main())
