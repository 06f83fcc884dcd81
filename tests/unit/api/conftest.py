"""Coroutine tests run in a loop of their own; `world` is made inside it."""

from __future__ import annotations

import asyncio
import inspect

import pytest

from tests.unit.api.world import front_door


@pytest.fixture
def world():
    """Filled in where the test runs."""
    return


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem):
    if not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    arguments = {name: pyfuncitem.funcargs[name] for name in pyfuncitem._fixtureinfo.argnames}

    async def run():
        if "world" not in arguments:
            return await pyfuncitem.obj(**arguments)
        async with front_door() as world:
            return await pyfuncitem.obj(**{**arguments, "world": world})

    asyncio.run(run())
    return True
