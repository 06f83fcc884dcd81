"""A lab of three regions, small and near, that is whole again for each test."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from global_heat.cli.lab.layout import lay_out
from global_heat.cli.lab.network import Condition
from global_heat.cli.lab.running import RunningLab
from global_heat.store.etcd.finder import Program


@pytest.fixture(scope="session")
def shared_lab(tmp_path_factory: pytest.TempPathFactory, etcd_program: Program) -> Iterator[RunningLab]:
    directory = tmp_path_factory.mktemp("lab")
    made = RunningLab(lay_out(directory, 3, 4, (5.0,), str(etcd_program.path)), directory)
    try:
        asyncio.run(made.start(lambda line: None))
        yield made
    finally:
        made.stop()


@pytest.fixture
def lab(shared_lab: RunningLab) -> RunningLab:
    async def mend() -> None:
        conditions = await shared_lab.conditions()
        await shared_lab.restore(
            *(
                name
                for name in conditions
                if conditions[name] is not Condition.UP or _broken(shared_lab, name)
            )
        )

    asyncio.run(mend())
    return shared_lab


def _broken(lab: RunningLab, region: str) -> bool:
    names = [lab.lab.region(region).member, *(replica.name for replica in lab.lab.replicas_of(region))]
    return any(not lab.processes.alive(name) or lab.processes.paused(name) for name in names)
