"""A simulated front door: it takes wishes, has trusts made for them, and may die in the midst of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence

from global_heat.model.errors import Transient
from global_heat.model.names import Project, Region
from global_heat.model.records import Header, Operation
from global_heat.regions.keystone import Who
from global_heat.sim.etcd import Link
from global_heat.sim.outside import Outside, Surroundings
from global_heat.sim.process import Process
from global_heat.store.entrusting import Entrusting
from global_heat.store.sinks import entrusted
from global_heat.store.trust_ledger import MadeTrust
from global_heat.store.wishes import Prepare, Wishes
from global_heat.template.tree import Tree

Wish = Callable[[Wishes, Prepare], Awaitable[Operation]]
NAME = "front door"
"""What it is to the clouds."""


class FrontDoor:
    """One process after the other: when it is killed, another takes its place, which remembers nothing.

    `user` is the name of the user, in `project`, whose token comes with every wish.
    """

    def __init__(
        self,
        around: Surroundings,
        user: str,
        project: str,
        home: Region,
        link: Link,
        chance: random.Random,
        latency: Callable[[str], float],
    ) -> None:
        self._around = around
        self._user = user
        self._project = project
        self._home = home
        self._link = link
        self._chance = chance
        self._latency = latency
        self._open()

    def kill(self) -> None:
        """As by SIGKILL: what is on its way arrives, nothing more is sent, and who waits is told nothing."""
        self.process.die()
        self._died.set()
        self._open()

    async def carry_out(self, wish: Wish) -> Operation:
        """Raises what the wish raises; `Transient` when the process dies meanwhile."""
        died, outside = self._died, self._outside
        entrusting = Entrusting(self._make(outside), outside.trusts.condemn)
        wishes = Wishes(outside.documents, self._around.clock, self._new_id)
        working = asyncio.ensure_future(entrusting.around(wish(wishes, entrusting)))
        dying = asyncio.ensure_future(died.wait())
        await asyncio.wait({working, dying}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            working.cancel()
            raise Transient("the front door is gone")
        dying.cancel()
        return working.result()

    def _open(self) -> None:
        self.process = Process()
        self._died = asyncio.Event()
        self._outside = Outside(
            self._around,
            NAME,
            NAME,
            self._home,
            self.process,
            self._link,
            self._latency,
            self._around.clock,
            self._chance.randbytes,
        )

    def _make(self, outside: Outside) -> Callable[[Header, Tree], Awaitable[Sequence[MadeTrust]]]:
        keystone = self._around.cloud.keystone
        user, project = keystone.user_id(self._user), keystone.project_id(self._project)
        grant = keystone.issue(user, project)
        who = Who(user, self._user, Project(project), tuple(sorted(grant.roles)), grant.expires_at)

        async def make(header: Header, tree: Tree) -> Sequence[MadeTrust]:
            regions = sorted(entrusted(header, tree))
            return await outside.trusts.ensure(who, grant.token, header.project, header.id, regions)

        return make

    def _new_id(self) -> str:
        return f"{self._chance.getrandbits(128):032x}"
