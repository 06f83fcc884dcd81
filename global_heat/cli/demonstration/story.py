"""The demo, step by step. Whatever does not hold raises `Failed`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rich.console import Console
from rich.text import Text

from global_heat.cli.demonstration.figures import Figures
from global_heat.cli.demonstration.watching import WAIT_SECONDS_MAX, Watching
from global_heat.cli.failure import OPERATION_FAILED, Failed
from global_heat.cli.lab.access import connect
from global_heat.cli.lab.audit import Audit
from global_heat.cli.lab.auditing import print_audit, take_audit
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.lab.status import read_status
from global_heat.cli.messages import last, output_value, stack_state, time
from global_heat.cli.plan_text import plan_table
from global_heat.cli.progress import raise_failure
from global_heat.client import Client, collect_spec
from global_heat.proto.v1 import operation_pb2, plan_pb2, stack_pb2

STACK, SMALL = "demo", "meanwhile"
RESOURCES_MIN = 30
AUDIT_SECONDS = 30.0
_AT_REST = (stack_pb2.SHARD_STATE_DONE, stack_pb2.SHARD_STATE_WAITING)


class Story:
    """One telling, on a lab that is up."""

    def __init__(self, lab: RunningLab, client: Client, templates: Path, console: Console) -> None:
        self._lab = lab
        self._client = client
        self._templates = templates
        self._console = console
        self.figures = Figures()

    async def create(self) -> None:
        """Steps 2 to 4: the stack, the death of a region, its return."""
        spec = collect_spec(str(self._templates / "stack.yaml"), (), {}, ())
        self._title(2, "One template over three regions")
        plan = await self._plan(spec)
        self.figures.resources = sum(region.add for region in plan.regions)
        self._expect(
            self.figures.resources >= RESOURCES_MIN, f"the plan has only {self.figures.resources} resources"
        )
        operation = await self._client.create_stack(STACK, spec)
        async with Watching(self._client, STACK, self._console) as watching:
            half = self.figures.resources / 2
            await watching.until("half of the resources are made", lambda seen: seen.completed >= half)
            dead = await self._missed_most(watching.stack)
            await self._lab.kill(dead)
            self.figures.kills += 1
            self._title(3, f"Half-way, {dead} is killed")
            self._say("kill -9 of its replica and of its etcd member; its cloud is unreachable")
            self._say(f"{watching.completed} of {self.figures.resources} resources were made by then")
            await self._live_without(dead, watching)
            self._title(4, f"{dead} returns")
            await self._lab.restore(dead)
            await watching.end()
        self.figures.parked_seconds += watching.parked_seconds
        await self._succeeded(operation)
        await self._print_outputs()

    async def update(self) -> None:
        """Step 5: an update, through the death of the replica that works hardest."""
        self._title(5, "An update, and the replica that works hardest is killed in the middle of it")
        spec = collect_spec(str(self._templates / "update.yaml"), (), {}, ())
        plan = await self._plan(spec)
        changes = sum(each.add + each.change + each.replace + each.delete for each in plan.regions)
        operation = await self._client.update_stack(stack_pb2.Stack(name=STACK, spec=spec))
        async with Watching(self._client, STACK, self._console) as watching:
            await watching.until("the update has begun", lambda seen: 1 <= seen.completed < changes)
            busiest = self._busiest(await self._client.get_stack(STACK))
            await self._lab.kill(busiest)
            self.figures.kills += 1
            told = watching.completed
            self._say(f"kill -9 of replica {busiest}, with {told} of {changes} changes made")
            await watching.end()
        self._expect(watching.completed > told, "nothing was left to do when the replica was killed")
        self.figures.parked_seconds += watching.parked_seconds
        await self._succeeded(operation)

    async def audit_and_delete(self) -> None:
        """Step 6: the clouds' own truth against the records, before and after everything is deleted."""
        self._title(6, "The audit")
        await self._audit()
        for name in (STACK, SMALL):
            operation = await self._client.delete_stack(name)
            assert operation is not None, f"{name} was there a moment ago"
            async with Watching(self._client, operation.metadata.stack_uid, self._console) as watching:
                await watching.end()
            await self._succeeded(operation)
        self._say("all is deleted; once more")
        found = await self._audit()
        self._expect(found.exist == 0, f"{found.exist} things are left in the clouds")

    # how each part is told

    async def _live_without(self, dead: str, watching: Watching) -> None:
        """While a region is dead: its part is parked, the others go on, all else works."""
        others = [region.name for region in self._lab.lab.regions if region.name != dead]
        parked = stack_pb2.SHARD_STATE_PARKED
        await watching.until(f"{dead} is parked", lambda seen: seen.state(dead) == parked)
        await watching.until(
            "the other regions have done what they can",
            lambda seen: all(seen.state(other) in _AT_REST for other in others),
        )
        self._say(f"{', '.join(others)} went on: {watching.completed} of {self.figures.resources} are made")
        for replica in self._lab.lab.replicas:
            if replica.region != dead:
                async with connect(self._lab, replica.endpoint) as one:
                    stacks = [f"{last(each.name)} {stack_state(each)}" for each in await one.list_stacks()]
                self._say(f"replica {replica.name} answers: {', '.join(stacks)}")
        regions = {"region_one": others[0], "region_other": others[-1]}
        small = collect_spec(str(self._templates / "small.yaml"), (), regions, ())
        await self._succeeded(await self._client.create_stack(SMALL, small))
        self._say(f"a new stack, {SMALL}, was made in {', '.join(others)}")
        await self._print_why()

    async def _print_why(self) -> None:
        found = await self._client.explain_stack(STACK)
        self._say(f"global-heat stack why {STACK}")
        self._expect(len(found.waits) > 0, "a stack that is not done must know what it waits for")
        for wait in found.waits:
            owner = f", replica {last(wait.replica)}" if wait.replica else ""
            self._say(f"  {last(wait.region)} waits for {wait.reason}, since {time(wait, 'since')}{owner}")

    async def _print_outputs(self) -> None:
        for output in await self._client.get_outputs(STACK):
            value = output_value(output)
            self._expect(value is not None, f"output {output.key} has no value: {output.error}")
            by_region = ", ".join(f"{region} {value[region]}" for region in sorted(value))
            self._say(f"{output.key}: {by_region}")

    async def _plan(self, spec: stack_pb2.StackSpec) -> plan_pb2.Plan:
        plan = await self._client.plan_stack(stack_pb2.Stack(name=STACK, spec=spec))
        self._console.print(plan_table(plan))
        return plan

    async def _succeeded(self, operation: operation_pb2.Operation) -> None:
        ended = await self._client.wait_operation(operation.name, WAIT_SECONDS_MAX)
        self._expect(ended.done, f"{operation.metadata.verb} is not done after {WAIT_SECONDS_MAX:g} s")
        raise_failure(ended)

    async def _audit(self) -> Audit:
        found = await take_audit(self._lab, AUDIT_SECONDS)
        print_audit(found, self._console)
        self.figures.take(found)
        self._expect(found.clean, "the clouds and the records differ")
        return found

    async def _missed_most(self, stack: stack_pb2.Stack) -> str:
        """The region whose etcd member leads, or, all being done there, the one with most to do."""
        leading = [row["region"] for row in await read_status(self._lab) if row["etcd"] == "leader"]
        left = {last(region.region): region.steps_total - region.steps_done for region in stack.regions}
        return max(left, key=lambda region: (left[region] > 0 and region in leading, left[region]))

    def _busiest(self, stack: stack_pb2.Stack) -> str:
        """The replica with the most steps left to do."""
        left: Counter[str] = Counter()
        for region in stack.regions:
            if region.replica:
                left[last(region.replica)] += max(region.steps_total - region.steps_done, 0)
        self._expect(bool(left), "nobody works on the update")
        id = left.most_common(1)[0][0]
        return next(each.name for each in self._lab.lab.replicas if id.startswith(f"{each.name}-"))

    def _title(self, number: int, text: str) -> None:
        self._console.print(Text(f"\n{number}. {text}", style="bold"))

    def _say(self, text: str) -> None:
        self._console.print(Text(f"   {text}"))

    def _expect(self, holds: bool, otherwise: str) -> None:
        if not holds:
            raise Failed(OPERATION_FAILED, otherwise)


async def tell(lab: RunningLab, templates: Path, console: Console) -> Figures:
    """Tell it from its second step on."""
    async with connect(lab) as client:
        story = Story(lab, client, templates, console)
        await story.create()
        await story.update()
        await story.audit_and_delete()
        return story.figures
