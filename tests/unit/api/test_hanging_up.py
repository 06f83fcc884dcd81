"""A caller who hangs up in the middle of a wish leaves nothing lying about."""

from __future__ import annotations

import asyncio
import gc

import pytest

from global_heat.api.auth import Call
from global_heat.api.wishing import Spec, Wishing
from global_heat.model.errors import Transient
from global_heat.model.records import TrustAttempt
from global_heat.store import keys
from global_heat.store.codec import decode
from global_heat.template.source import Source
from tests.unit.api.world import ONE_NET, World


async def test_a_wish_whose_caller_hangs_up_is_written_with_its_trust(world: World):
    world.trusts.meeting = meeting = asyncio.Barrier(2)
    wishing = Wishing(world.backend)
    call = Call(await world.tokens.check("ann"), "ann")
    asking = asyncio.create_task(wishing.create(call, "web", Spec(Source(template=ONE_NET))))
    await world.trusts.asked.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (under_way,) = wishing.under_way
    await meeting.wait()
    operation = await under_way
    header = await world.header("web")
    assert (operation.stack, [stack for stack, _ in world.trusts.standing]) == (header.id, [header.id])


async def test_a_trust_whose_wish_was_not_written_stays_in_the_ledger(world: World):
    world.trusts.meeting = meeting = asyncio.Barrier(2)
    call = Call(await world.tokens.check("ann"), "ann")
    asking = asyncio.create_task(Wishing(world.backend).create(call, "web", Spec(Source(template=ONE_NET))))
    await world.trusts.asked.wait()
    world.cluster.space = False
    await meeting.wait()
    with pytest.raises(Transient):
        await asking
    (stack,) = [stack for stack, _ in world.trusts.standing]
    (entry,) = (await world.store.scan(keys.TRUSTS)).entries
    assert decode(TrustAttempt, entry.value).stack == stack, "and no record: whoever sweeps finds it"
    assert await world.store.get(keys.trust(call.who.project, stack, "default")) is None


async def test_a_wish_that_fails_after_its_caller_hung_up_is_no_defect(world: World):
    defects: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: defects.append(context))
    world.trusts.meeting = meeting = asyncio.Barrier(2)
    wishing = Wishing(world.backend)
    call = Call(await world.tokens.check("ann"), "ann")
    asking = asyncio.create_task(wishing.create(call, "web", Spec(Source(template=ONE_NET))))
    await world.trusts.asked.wait()
    world.cluster.space = False
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    (under_way,) = wishing.under_way
    await meeting.wait()
    await asyncio.wait({under_way})
    del under_way
    gc.collect()
    assert defects == []
