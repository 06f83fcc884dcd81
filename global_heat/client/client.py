"""The API as methods. Stacks, operations and regions may be given by their short names."""

from __future__ import annotations

from global_heat.client.leavings import LeavingCalls
from global_heat.client.operations import OperationCalls, RegionCalls
from global_heat.client.stacks import StackCalls


class Client(StackCalls, OperationCalls, LeavingCalls, RegionCalls):
    """All calls of the API over one connection, which is closed with it."""

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.connection.close()
