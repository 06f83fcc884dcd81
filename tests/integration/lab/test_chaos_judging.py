"""The verdict on real processes: nothing to say of what is as it should be, and a word for what is not."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from global_heat.cli.chaos_runs.judging import judge_end, judge_rest
from global_heat.cli.chaos_runs.load import Known
from global_heat.cli.chaos_runs.witness import Witness
from global_heat.cli.lab.access import connect
from global_heat.cli.lab.running import RunningLab
from global_heat.proto.v1 import stack_pb2
from global_heat.sim.blueprints import Blueprint, Site
from global_heat.sim.cloud.things import Made
from global_heat.sim.evidence import Violation
from tests.integration.lab.test_lab import PATIENCE_SECONDS, delete, meddle

NAME = "judged"
BLUEPRINT = Blueprint((Site("s0", "north", ports=1),))


def invariants(found: Iterable[Violation]) -> set[int]:
    return {violation.invariant for violation in found}


async def create(lab: RunningLab) -> Known:
    async with connect(lab) as client:
        spec = stack_pb2.StackSpec(template=BLUEPRINT.template())
        operation = await client.create_stack(NAME, spec)
        ended = await client.wait_operation(operation.name, PATIENCE_SECONDS)
    assert ended.done and not ended.HasField("error")
    about = operation.metadata
    return Known(NAME, BLUEPRINT, about.stack_uid, {about.plan: BLUEPRINT})


async def made(lab: RunningLab, kind: str) -> Made:
    (found,) = [each for each in await lab.truth() if each.kind == kind and each.token]
    return found


async def test_what_is_wrong_is_seen_and_nothing_else(lab: RunningLab) -> None:
    async with lab.store() as store, connect(lab) as client:
        witness = Witness(store)
        watching = asyncio.create_task(witness.run())
        known = await create(lab)
        assert await judge_rest(lab, witness, [known]) == []
        assert await witness.differing() == []

        lost = Known("lost", BLUEPRINT, "no such stack")
        assert invariants(await judge_rest(lab, witness, [known, lost])) == {1}
        assert invariants(await judge_rest(lab, witness, [])) == {1}

        # Or somebody sweeps the copy away before it is seen.
        replicas = [replica.name for replica in lab.lab.replicas]
        for replica in replicas:
            await lab.pause(replica)
        network = await made(lab, "network.network")
        copy = {"name": "copy", "description": network.description}
        await meddle(lab, "POST", "/networks", {"network": copy})
        assert invariants(await judge_rest(lab, witness, [known])) == {8, 9}

        port = await made(lab, "network.port")
        await meddle(lab, "DELETE", f"/ports/{port.id}")
        assert invariants(await judge_rest(lab, witness, [known])) == {8, 9, 17}
        await lab.restore(*replicas)

        await delete(client, NAME)
        assert 11 in invariants(await judge_end(lab, witness, ()))
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)
