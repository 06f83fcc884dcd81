"""What every resource type shows of a thing that it did not make: one named by `external_id`."""

from __future__ import annotations

import pytest

from global_heat.model.errors import Invalid
from global_heat.model.names import PhysicalId
from global_heat.resources.catalogue import ALL
from global_heat.resources.external import show_external
from global_heat.sim.loop import run
from tests.unit.resources.bench import Bench
from tests.unit.resources.cases import CASES, Case

every_type = pytest.mark.parametrize("case", CASES, ids=lambda case: case.type)


@every_type
def test_what_is_there_has_its_reference_and_attributes(case: Case) -> None:
    async def main() -> None:
        async with Bench() as bench:
            made = await bench.make_from(case.type, case.minimal(await case.around(bench)))
            writes = bench.writes()
            body = await show_external(made.type, bench.cloud, made.id)
            assert body is not None and made.type.ready(body)
            assert made.type.reference(made.id, body)
            assert made.type.attributes(made.id, body, {})["show"]
            assert bench.writes() == writes

    run(main())


@every_type
@pytest.mark.parametrize(
    "id", ["nonsense", "a:b", "00000000-0000-4000-8000-000000000000", "../x", "a?b", ":"]
)
def test_what_is_not_there_is_not_found(case: Case, id: str) -> None:
    async def main() -> None:
        async with Bench() as bench:
            await case.around(bench)
            try:
                assert await show_external(ALL[case.type], bench.cloud, PhysicalId(id)) is None
            except Invalid:
                return  # the service says so itself

    run(main())
