"""A group's names over the revisions of its stack."""

from __future__ import annotations

from global_heat.sim.loop import run
from tests.unit.store.desk import Desk

GROUP = """heat_template_version: 2021-04-16
resources:
  g:
    type: OS::Heat::ResourceGroup
    properties: {count: 2, removal_policies: %s, resource_def: {type: OS::Neutron::Net}}
"""


def group(*removed: str) -> str:
    return GROUP % (f"[{{resource_list: [{', '.join(removed)}]}}]" if removed else "[]")


def test_a_member_that_was_taken_out_by_name_or_by_id_stays_out():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=group())
        await desk.end()
        wished = []
        for removed in (("'0'",), ("id-of-g/2",), ()):
            await desk.hand.update(template=group(*removed))
            wished.append(sorted((await desk.hand.plan()).applies))
            await desk.end()
        assert wished == [["g/1", "g/2"], ["g/1", "g/3"], ["g/1", "g/3"]]

    run(story())


def test_what_names_no_member_is_passed_over():
    async def story() -> None:
        desk = Desk()
        await desk.hand.create(template=group())
        await desk.end()
        await desk.hand.update(template=group("'9'", "nobody"))
        assert sorted((await desk.hand.plan()).applies) == ["g/0", "g/1"]

    run(story())
