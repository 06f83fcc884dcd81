"""The one way in which the sweeper deletes: recorded first, within the budget, under the lease."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import msgspec
import structlog

from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.ports import Opened, World
from global_heat.model.errors import Error, Fenced
from global_heat.model.leavings import Removal
from global_heat.model.names import PhysicalId, Project
from global_heat.regions.cloud import Gone
from global_heat.resources.type import ResourceType
from global_heat.store.leavings import HOUR_SECONDS, admit, note_answer

log = structlog.get_logger()
DRY_RUN = "a dry run: it would be deleted"
SENT, WAS_GONE = "it is being deleted", "there was no such thing"


class Done(msgspec.Struct, frozen=True):
    """What came of it: `held` says why it has to wait, else there is an `answer` to the request."""

    held: str = ""
    answer: str = ""


class Remover:
    """Whether a thing may be deleted at all is for the caller to have asked (`engine.guards`)."""

    def __init__(self, world: World, lease: LeaseKeeper) -> None:
        self._world = world
        self._lease = lease
        self._spent: dict[Project, int] = {}
        """The last hour whose budget was found to be used up."""

    async def remove(self, removal: Removal, send: Callable[[], Awaitable[str]]) -> Done:
        """Delete one thing. `send` sends the request, and says what came of it.

        Raises `Transient`, `Ambiguous` when it cannot be recorded: then nothing was sent, or its answer is
        not recorded.
        """
        settings = self._world.settings
        if settings.sweep_dry_run:
            return Done(held=DRY_RUN)
        hour = int(removal.at // HOUR_SECONDS)
        over = f"over the budget of {settings.deletions_per_hour} deletions of a project in an hour"
        if self._spent.get(removal.project) == hour:
            return Done(held=over)
        if not await admit(self._world.store, removal, settings.deletions_per_hour):
            self._spent[removal.project] = hour
            return Done(held=over)
        log.warning(
            "deleting what nobody adopted",
            region=removal.region,
            project=removal.project,
            stack=removal.stack,
            kind=removal.kind,
            attempt=removal.token,
            id=removal.id,
            why=removal.why,
        )
        await self._lease.until_may_act()
        try:
            answer = await send()
        except Gone:
            answer = WAS_GONE
        except Fenced:
            raise
        except Error as error:
            answer = str(error)
            log.info("not deleted yet", id=removal.id, kind=removal.kind, error=answer)
        await note_answer(self._world.store, removal, answer)
        return Done(answer=answer)


async def delete_thing(type: ResourceType, opened: Opened, id: PhysicalId) -> str:
    """To be sent by a `Remover`: the deletion of what has an id of its own."""
    await type.delete(opened.cloud, id)
    return SENT
