"""Event sinks from wish to wish: which a stack has, and from which plan on they are told."""

from __future__ import annotations

import msgspec

from global_heat.model.records import Sink
from global_heat.sim.loop import run
from global_heat.store.sinks import entrusted
from global_heat.template.source import Source
from tests.unit.store.desk import ANN, EAST, ONE, REGIONS, WEST, Desk, wish

FAR = "heat_template_version: 2021-04-16\nresources: {net: {type: OS::Neutron::Net, region: west}}\n"


def wished(*targets: str, template: str = ONE, ttl: int | None = None):
    sinks = [{"type": "zaqar-queue", "target": target, "ttl": ttl} for target in targets]
    return msgspec.structs.replace(wish(template), source=Source(template, {"event_sinks": sinks}))


def test_a_sink_is_told_from_the_plan_that_brought_it() -> None:
    async def story() -> None:
        hand = Desk().hand
        await hand.wishes.create(ANN, wished("a"), "", REGIONS)
        assert (await hand.header()).sinks == (Sink("a", 3600, 1),)
        await hand.wishes.update(ANN, "web", wished("b", "a", ttl=60), "", REGIONS)
        assert (await hand.header()).sinks == (Sink("b", 60, 2), Sink("a", 60, 1))
        await hand.cancel()
        assert len((await hand.header()).sinks) == 2
        await hand.wishes.update(ANN, "web", wished("b"), "", REGIONS)
        await hand.delete()
        assert (await hand.header()).sinks == (Sink("b", 3600, 2),)

    run(story())


def test_the_default_region_is_entrusted_where_something_is_posted_there() -> None:
    async def story() -> None:
        hand = Desk().hand
        await hand.wishes.create(ANN, wished("a", template=FAR), "", REGIONS)
        header = await hand.header()
        assert entrusted(header, await hand.documents.tree(header, 1)) == {EAST, WEST}
        await hand.wishes.update(ANN, "web", wish(FAR), "", REGIONS)
        assert entrusted(header, await hand.documents.tree(header, 2)) == {WEST}

    run(story())
