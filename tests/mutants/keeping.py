"""Wrong ways to keep records: what commits compare, who owns what, who is told."""

from __future__ import annotations

import asyncio
import itertools
from typing import Any

import msgspec
from pytest import MonkeyPatch

from global_heat.engine import claims, commits, shard
from global_heat.engine.backoff import Backoff
from global_heat.engine.commits import Commits
from global_heat.engine.inventory import Inventory
from global_heat.engine.job import Job
from global_heat.engine.lease import LeaseKeeper
from global_heat.engine.resource import Resource
from global_heat.engine.running import Run
from global_heat.engine.shard import ShardRunner
from global_heat.engine.standing import Standing
from global_heat.engine.stored import Expected, Stored
from global_heat.model.errors import Ambiguous, Fenced, Transient
from global_heat.regions.calls import Calls
from global_heat.regions.health import RegionHealth
from global_heat.store import wishes
from global_heat.store.protocol import absent
from global_heat.store.stack_writer import StackWriter
from tests.mutants import stories
from tests.mutants.registry import mutant


def _without_guards(patch: MonkeyPatch, *parts: str) -> None:
    """Let commits of shards compare no key in which one of these occurs."""
    real = commits.compose

    def careless(*arguments: Any) -> Any:
        transaction = real(*arguments)
        transaction.guards = [g for g in transaction.guards if not any(part in g.key for part in parts)]
        return transaction

    patch.setattr(commits, "compose", careless)


@mutant(stories.life, finds={5})
def intent_without_fence(patch: MonkeyPatch) -> None:
    """A shard's writes do not compare its claim."""
    _without_guards(patch, "claims/")


@mutant(stories.life, finds={5})
def plan_not_compared(patch: MonkeyPatch) -> None:
    """A shard's writes do not compare the plan."""
    _without_guards(patch, "/plan")


@mutant(stories.life, finds={5})
def adopt_without_compare(patch: MonkeyPatch) -> None:
    """A shard's writes do not compare the ledger."""
    _without_guards(patch, "attempts/")


@mutant(stories.replacement, finds={16})
def open_regions_updated_blindly(patch: MonkeyPatch) -> None:
    """Who takes his region out of the open ones does not compare the header."""
    _without_guards(patch, "/header")


@mutant(stories.life, finds={5})
def work_key_deleted_blindly(patch: MonkeyPatch) -> None:
    """A shard that is done deletes its work key, whoever has signalled since."""
    _without_guards(patch, "work/")


@mutant(stories.lost_commits, finds={6, 16})
def unknown_commit_taken_as_done(patch: MonkeyPatch) -> None:
    """A commit without an answer is believed to have happened."""

    async def trusting(self: Any) -> None:
        self._done(self._sent[0], self._stored.revision + 1)

    patch.setattr(Commits, "_look_up", trusting)


@mutant(stories.lost_answers_of_commits, finds={19})
def unknown_commit_sent_again_blindly(patch: MonkeyPatch) -> None:
    """Nobody looks what became of a commit without an answer; it goes again and compares no records."""

    async def blindly(self: Any) -> None:
        for sent in self._sent:
            guards = sent.transaction.guards
            sent.transaction.guards = [g for g in guards if "claims/" in g.key or g.key.endswith("/plan")]

    patch.setattr(Commits, "_look_up", blindly)


@mutant(stories.many_commits, finds={19})
def commits_overtake_each_other(patch: MonkeyPatch) -> None:
    """A commit does not compare what the one before it left in the shard's record."""
    _without_guards(patch, "/shards/")


@mutant(stories.many_commits, finds={19})
def commits_built_on_the_same_records(patch: MonkeyPatch) -> None:
    """Commits that are on their way at once share a key: each is built as if it were the only one."""
    patch.setattr(commits, "Expected", lambda stored, ahead: Expected(stored))
    _without_guards(patch, "/shards/", "/resources/", "attempts/")


@mutant(stories.life, finds={19})
def events_numbered_anew(patch: MonkeyPatch) -> None:
    """A new owner counts its events from one."""
    real = Stored.__init__

    def forgetful(self: Any, *arguments: Any, **named: Any) -> None:
        real(self, *arguments, **named)
        self.record = msgspec.structs.replace(self.record, events=0)

    patch.setattr(Stored, "__init__", forgetful)


@mutant(stories.life, finds={18})
def name_not_freed(patch: MonkeyPatch) -> None:
    """A deleted stack keeps its name."""
    real = commits.compose

    def careless(*arguments: Any) -> Any:
        transaction = real(*arguments)
        transaction.deletes = {key for key in transaction.deletes if "/names/" not in key}
        return transaction

    patch.setattr(commits, "compose", careless)


@mutant(stories.replacement, finds={16})
def wake_ups_lost(patch: MonkeyPatch) -> None:
    """Who finishes a step tells no other region."""
    for name in ("_after_apply", "_take_freed"):
        real = getattr(Run, name)

        def silent(self: Any, *arguments: Any, real: Any = real) -> set[Any]:
            real(self, *arguments)
            return set()

        patch.setattr(Run, name, silent)


@mutant(finds={16}, profile="mixed")
def third_region_not_woken(patch: MonkeyPatch) -> None:
    """Two regions that let go of a third one's thing in the same moment leave it to each other to tell."""

    def take_freed(self: Any) -> set[str]:
        freed = {ref for ref in self._let_go if not self._required_by.get(ref)}
        self._let_go.clear()
        return freed

    patch.setattr(Inventory, "take_freed", take_freed)


@mutant(stories.members_far_apart, finds={16})
def stale_read_decides(patch: MonkeyPatch) -> None:
    """An owner that was woken reads what the nearest member has, however old that is."""
    real = shard.read_stack

    async def hasty(*arguments: Any, at_least: int = 0, **named: Any) -> Any:
        return await real(*arguments, **named)

    patch.setattr(shard, "read_stack", hasty)


@mutant(stories.life, finds={17})
def complete_with_a_step_open(patch: MonkeyPatch) -> None:
    """A shard with one step left to do calls itself done."""
    real = Standing.complete

    def hasty(self: Any) -> bool:
        return len(self._open) == 1 or real(self)

    patch.setattr(Standing, "complete", hasty)


@mutant(stories.failed_and_killed, finds={16})
def rollback_forgotten_on_take_over(patch: MonkeyPatch) -> None:
    """Only the owner that saw the failure rolls back."""
    real_run, real_must = ShardRunner._carry_out, ShardRunner._must_roll_back

    async def carry_out(self: Any, run: Any) -> bool:
        self.has_worked = bool(run.book.header.open)
        return await real_run(self, run)

    def must(self: Any, header: Any) -> bool:
        return getattr(self, "has_worked", False) and real_must(self, header)

    patch.setattr(ShardRunner, "_carry_out", carry_out)
    patch.setattr(ShardRunner, "_must_roll_back", must)


@mutant(stories.lagging_members, finds={4})
def claim_taken_from_its_owner(patch: MonkeyPatch) -> None:
    """Who claims a shard does not compare that nobody has."""
    patch.setattr(claims, "absent", lambda key: absent("nobody/" + key))


@mutant(stories.busy_and_cut_off, finds={14})
def deadline_counted_from_the_answer(patch: MonkeyPatch) -> None:
    """The lease is held to begin when its renewal's answer came, not when that was asked for."""

    async def keep(self: Any) -> None:
        pause = third = self.lease.ttl_seconds / 3
        while True:
            await asyncio.sleep(pause)
            try:
                async with asyncio.timeout(third):
                    await self._store.keep_alive(self.lease)
            except Fenced:
                break
            except (Transient, Ambiguous, TimeoutError):
                pause = 0.2
                continue
            self._extend(asyncio.get_running_loop().time())
            pause = third
        self.lost.set()
        self._renewed.set()

    patch.setattr(LeaseKeeper, "keep", keep)


def _without_deadline(patch: MonkeyPatch) -> None:
    patch.setattr(LeaseKeeper, "may_act", property(lambda self: True))
    patch.setattr(Calls, "change_until", lambda self, deadline: None)


@mutant(stories.busy_and_cut_off, finds={14})
def deadline_ignored(patch: MonkeyPatch) -> None:
    """An owner acts on for as long as it believes in its claim."""
    _without_deadline(patch)


@mutant(stories.no_store, finds={24})
def work_without_a_ledger(patch: MonkeyPatch) -> None:
    """Who cannot record goes on all the same, and records when that can be done again."""
    _without_deadline(patch)
    real = Resource.write

    async def hasty(self: Any, *arguments: Any, **named: Any) -> None:
        task = asyncio.ensure_future(real(self, *arguments, **named))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await asyncio.sleep(0)

    patch.setattr(Resource, "write", hasty)


@mutant(stories.life, finds={22})
def no_pause_between_tries(patch: MonkeyPatch) -> None:
    """What is waited for is asked for without end."""
    patch.setattr(Backoff, "next", lambda self, least=None: 0.0)


@mutant(stories.outage, finds={16})
def parked_for_ever(patch: MonkeyPatch) -> None:
    """Nobody tells who waits for a region that it is up again."""

    async def never(self: Any, region: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(RegionHealth, "until_up", never)


@mutant(stories.outage, finds={16})
def parked_and_never_unsaid(patch: MonkeyPatch) -> None:
    """A stack that has gone on is still said to wait for its region."""

    async def never(self: Any) -> None:
        return

    patch.setattr(Job, "_unpark", never)
    patch.setattr(Job, "unparked", lambda self, record: record)


@mutant(stories.unheard_update, finds={3})
def request_id_forgotten(patch: MonkeyPatch) -> None:
    """A repeated request is a new one."""
    count = itertools.count()
    patch.setattr(
        wishes.keys, "request", lambda project, id: f"projects/{project}/requests/{id}-{next(count)}"
    )


@mutant(stories.deaf_store, finds={1})
def wish_acknowledged_unwritten(patch: MonkeyPatch) -> None:
    """A wish of which nobody knows whether it was written is acknowledged."""
    real = StackWriter.commit

    async def trusting(self: Any, *arguments: Any) -> bool:
        try:
            async with asyncio.timeout(4.0):
                return await real(self, *arguments)
        except (Ambiguous, TimeoutError):
            return True

    patch.setattr(StackWriter, "commit", trusting)
