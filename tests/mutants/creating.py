"""Wrong ways to make, change and remove one thing."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from pytest import MonkeyPatch

from global_heat.engine import applying, cleaning, creating, performing
from global_heat.engine.in_flight import InFlight
from global_heat.engine.inventory import Inventory
from global_heat.engine.job import Job
from global_heat.engine.updating import _converge
from global_heat.model.errors import Ambiguous, Error, Transient
from global_heat.model.records import AttemptState, State
from global_heat.model.token import mark
from global_heat.regions import answers
from global_heat.regions.region_cloud import RegionCloud
from global_heat.resources.neutron import family
from global_heat.resources.neutron.family import NeutronType
from global_heat.resources.nova.keypair import KeyPair
from tests.mutants import stories
from tests.mutants.registry import mutant


@mutant(stories.life, finds={6})
def create_without_intent(patch: MonkeyPatch) -> None:
    """The request goes out while its intent is still being written."""
    real = creating._Attempts._intend

    async def hasty(self: Any, *arguments: Any) -> None:
        write = self._resource.write

        async def later(incarnation: Any, *events: Any, attempts: Any = None) -> None:
            task = asyncio.ensure_future(write(incarnation, *events, attempts=attempts))
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

        self._resource.write = later
        try:
            await real(self, *arguments)
        finally:
            del self._resource.write

    patch.setattr(creating._Attempts, "_intend", hasty)


@mutant(stories.lost_answer, finds={7})
def ambiguous_request_sent_again(patch: MonkeyPatch) -> None:
    """A request without an answer is sent again, as it is."""
    real = InFlight.send

    async def stubborn(self: Any, call: Any) -> Any:
        try:
            return await real(self, call)
        except Ambiguous:
            return await real(self, call)

    patch.setattr(InFlight, "send", stubborn)


@mutant(stories.late_request, finds={26})
def ambiguous_request_given_up_at_once(patch: MonkeyPatch) -> None:
    """A request without an answer is looked for once, and then another attempt is made."""
    real = creating._Attempts._find

    async def impatient(self: Any, look_until: float) -> bool:
        return await real(self, min(look_until, asyncio.get_running_loop().time()))

    patch.setattr(creating._Attempts, "_find", impatient)


@mutant(stories.late_after_a_take_over, stories.killed_at_intent, finds={26})
def look_before_the_lists_have_caught_up(patch: MonkeyPatch) -> None:
    """An heir looks once, at once: what lists show late counts as not there."""

    async def hasty(self: Any) -> bool:
        return await self._find(asyncio.get_running_loop().time())

    patch.setattr(creating._Attempts, "_find_soon", hasty)


@mutant(stories.sick_lists, finds={26})
def sick_list_read_as_empty(patch: MonkeyPatch) -> None:
    """A list that is answered by 5xx is a list of nothing."""
    real = NeutronType.observe

    async def trusting(self: NeutronType, cloud: Any) -> list[Any]:
        try:
            return await real(self, cloud)
        except Transient:
            return []

    patch.setattr(NeutronType, "observe", trusting)


@mutant(stories.dropped_filters, finds={12})
def list_filter_trusted(patch: MonkeyPatch) -> None:
    """What a filtered list shows is taken for what it was filtered by."""
    real = creating._Attempts._look

    async def trusting(self: Any) -> Any:
        if not isinstance(self._type, NeutronType) or self._type.kind != "network.network":
            return await real(self)
        query = {
            "description": mark(None, self._incarnation.token),
            "project_id": self._job.book.shard.project,
        }
        found = await self._job.read(lambda cloud: cloud.list("network", "/networks", "networks", query))
        return (found[0]["id"], found[0]) if found else None

    patch.setattr(creating._Attempts, "_look", trusting)


@mutant(stories.late_after_a_take_over, finds={8, 9, 18})
def condemning_skipped(patch: MonkeyPatch) -> None:
    """A new attempt is made, and the one before is left open."""
    patch.setattr(creating, "condemn", lambda before: before)


@mutant(stories.stopped_owner, finds={11, 12})
def loser_deletes_its_own(patch: MonkeyPatch) -> None:
    """Who cannot record what he made removes it, though somebody else has adopted it."""
    real = creating._Attempts._adopt
    tasks = set()

    async def tidy(self: Any, id: Any, body: Any) -> None:
        done = False
        try:
            await real(self, id, body)
            done = True
        finally:
            if not done:
                task = asyncio.ensure_future(_delete(self._job, self._type, id))
                tasks.add(task)

    patch.setattr(creating._Attempts, "_adopt", tidy)


async def _delete(job: Job, type: Any, id: Any) -> None:
    for _ in range(60):
        try:
            await type.delete((await job.world.clouds.open(job.book.shard)).cloud, id)
            return
        except Error:
            await asyncio.sleep(1.0)


@mutant(stories.two_alike, finds={10, 11})
def stranger_adopted(patch: MonkeyPatch) -> None:
    """What has the wished name is ours, whoever made it."""
    patch.setattr(KeyPair, "is_made_by", lambda self, body, making, props: True)


@mutant(stories.update_in_place, finds={6})
def update_without_intent(patch: MonkeyPatch) -> None:
    """A thing is changed while its record says that it is ready."""

    async def hasty(resource: Any, incarnation: Any, changed: Any, event: str = "UPDATE") -> None:
        target = msgspec.structs.replace(
            incarnation, target=dict(resource.wish.hashes), tried=resource.job.plan.number
        )
        await _converge(resource, target, changed, event)

    patch.setattr(applying, "update", hasty)


@mutant(stories.outage_during_an_update, finds={11})
def outage_read_as_deleted(patch: MonkeyPatch) -> None:
    """Who cannot be asked says that there is nothing."""
    real = family.show_or_none

    async def hasty(*arguments: Any) -> Any:
        try:
            return await real(*arguments)
        except Transient:
            return None

    patch.setattr(family, "show_or_none", hasty)


@mutant(stories.proxy_during_an_update, finds={11})
def anybodys_404_read_as_deleted(patch: MonkeyPatch) -> None:
    """A 404 counts, whoever says it: a proxy before the service, for one."""
    patch.setattr(answers, "_is_service", lambda response: True)


@mutant(stories.two_alike, finds={11, 12})
def delete_by_name(patch: MonkeyPatch) -> None:
    """The first thing of that name goes."""
    real = NeutronType.delete

    async def by_name(self: NeutronType, cloud: Any, id: Any) -> None:
        body = await self.show(cloud, id)
        listed = await cloud.list(self.service, f"/{self.collection}", self.plural)
        named = [item["id"] for item in listed if body and item["name"] == body["name"]]
        await real(self, cloud, named[0] if named else id)

    patch.setattr(NeutronType, "delete", by_name)


@mutant(stories.retained, finds={11})
def retained_thing_deleted(patch: MonkeyPatch) -> None:
    """The deletion policy is not looked at."""
    real = cleaning.clean

    async def thorough(job: Job, incarnation: Any) -> None:
        await real(job, msgspec.structs.replace(incarnation, retain=False))

    patch.setattr(performing, "clean", thorough)


@mutant(finds={13}, profile="mixed")
def closed_attempt_opened_again(patch: MonkeyPatch) -> None:
    """The owner sees its thing gone after the sweeper has closed the attempt, and opens it."""

    def gone(before: Any) -> Any:
        closes = before.settled and before.state is AttemptState.CONDEMNED
        state = AttemptState.CLOSED if closes else AttemptState.CONDEMNED
        return msgspec.structs.replace(before, gone=True, state=state)

    patch.setattr(cleaning, "_gone", gone)


@mutant(stories.refused_token, finds={6})
def refused_token_replaced_by_a_fresher_one(patch: MonkeyPatch) -> None:
    """After a 401 the same create goes out with a token that lives longer than the ledger knows."""
    real = RegionCloud._change

    async def eager(self: Any, method: str, service: str, path: str, *rest: Any) -> Any:
        try:
            return await real(self, method, service, path, *rest)
        except Transient:
            if self._newest is self._session:
                raise
            self._session = self._newest
            return await real(self, method, service, path, *rest)

    patch.setattr(RegionCloud, "_change", eager)


@mutant(stories.made_before_a_take_over, finds={19})
def event_lost_on_take_over(patch: MonkeyPatch) -> None:
    """What an heir finds and adopts is recorded, and told to nobody."""
    real = creating._Attempts.take_over

    async def silent(self: Any) -> None:
        write = self._resource.write

        async def without_events(incarnation: Any, *events: Any, attempts: Any = None) -> None:
            await write(incarnation, attempts=attempts)

        self._resource.write = without_events
        await real(self)

    patch.setattr(creating._Attempts, "take_over", silent)


@mutant(stories.replacement, finds={15})
def holders_ignored(patch: MonkeyPatch) -> None:
    """A thing goes while others stand on it."""
    patch.setattr(Inventory, "holders", lambda self, incarnation: set())


@mutant(stories.replacement, finds={15, 17})
def dependency_met_by_an_old_plan(patch: MonkeyPatch) -> None:
    """What another region had finished for the plan before counts as finished."""
    real = Inventory.show

    def trusting(self: Any, incarnation: Any) -> None:
        real(self, incarnation)
        elsewhere = incarnation.region != self._region
        if incarnation.state is State.READY and elsewhere and incarnation.path not in self.finished:
            self.finished[incarnation.path] = incarnation

    patch.setattr(Inventory, "show", trusting)
