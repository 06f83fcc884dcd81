"""Follow a stack live: a line per region that stays, events that scroll by."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from global_heat.cli.failure import OPERATION_FAILED, TIMED_OUT, Failed
from global_heat.cli.messages import last, stack_state
from global_heat.cli.output import colour
from global_heat.client import ApiError, Client
from global_heat.proto.v1 import event_pb2, operation_pb2, stack_pb2, stack_service_pb2


async def follow(
    client: Client, name: str, console: Console, *, until_done: bool, resume_token: str = ""
) -> None:
    """Print what happens to a stack; with `until_done` until its operation is over."""
    await show(client.watch_stack(name, until_done=until_done, resume_token=resume_token), console)


async def show(updates: AsyncIterator[stack_service_pb2.WatchStackResponse], console: Console) -> None:
    """Print what a watch tells, until it ends."""
    if console.is_terminal:
        with Live(console=console, refresh_per_second=8) as live:
            await _print_all(updates, live.console, live)
    else:
        await _print_all(updates, console, None)


async def wait_for(
    client: Client, operation: operation_pb2.Operation, console: Console, seconds: float | None
) -> operation_pb2.Operation:
    """Follow an operation to its end. Raises `Failed` when it failed, or when the time is up."""
    if not operation.done:
        try:
            async with asyncio.timeout(seconds):
                await _follow_operation(client, operation, console)
                operation = await client.wait_operation(operation.name)
        except TimeoutError:
            name = last(operation.name)
            raise Failed(
                TIMED_OUT, f"not done after {seconds:g} s; it goes on: global-heat operation wait {name}"
            ) from None
    raise_failure(operation)
    return operation


async def _follow_operation(client: Client, operation: operation_pb2.Operation, console: Console) -> None:
    try:
        await follow(client, operation.metadata.stack_uid, console, until_done=True)
    except ApiError as error:
        # A deleted stack may be gone before it is looked at.
        if error.code != "NOT_FOUND":
            raise


def raise_failure(operation: operation_pb2.Operation) -> None:
    if operation.HasField("error"):
        stack, verb = last(operation.metadata.stack), operation.metadata.verb
        message = ApiError.of_status(operation.error).message
        raise Failed(
            OPERATION_FAILED, f"{verb} of {stack}: {message}\n  (global-heat stack events {stack} tells more)"
        )


async def _print_all(
    updates: AsyncIterator[stack_service_pb2.WatchStackResponse], console: Console, live: Live | None
) -> None:
    told: list[str] = []
    async for update in updates:
        match update.WhichOneof("update"):
            case "event":
                console.print(event_line(update.event))
            case "stack" if live is not None:
                live.update(board(update.stack))
            case "stack":
                lines = [line.plain for line in state_lines(update.stack)]
                for line in lines:
                    if line not in told:
                        console.print(line)
                told = lines
            case "gone":
                console.print("the stack is gone")


def event_line(event: event_pb2.Event) -> Text:
    line = Text(event.time.ToDatetime().strftime("%H:%M:%S "), style="dim")
    line.append(f"{last(event.region):<12} ")
    state = f"{event.action}_{event.status}"
    line.append(f"{state:<20} ", style=colour(state))
    line.append(event.resource or "(stack)")
    if event.reason:
        line.append(f"  {event.reason}", style="dim")
    return line


def state_lines(stack: stack_pb2.Stack) -> list[Text]:
    """The stack and each of its regions, a line each."""
    reason = f": {stack.status_reason}" if stack.status_reason else ""
    lines = [Text(f"{last(stack.name)}: {stack_state(stack)}{reason}")]
    for region in stack.regions:
        state = stack_pb2.ShardState.Name(region.state).removeprefix("SHARD_STATE_").lower()
        count = f" {region.steps_done}/{region.steps_total}" if region.steps_total else ""
        why = f": {region.reason}" if region.reason else ""
        lines.append(Text(f"  {last(region.region)}: {state}{count}{why}"))
    return lines


def board(stack: stack_pb2.Stack) -> Table:
    """The same as a live picture."""
    table = Table(box=None, show_header=False, pad_edge=False)
    state = stack_state(stack)
    table.add_row(Text(last(stack.name), style="bold"), Text(state, style=colour(state)), stack.status_reason)
    for region in stack.regions:
        name = stack_pb2.ShardState.Name(region.state).removeprefix("SHARD_STATE_")
        bar = ProgressBar(total=max(region.steps_total, 1), completed=region.steps_done, width=30)
        count = f"{region.steps_done}/{region.steps_total}"
        state_text = Text(f"{name.lower()} {count} {region.reason}", style=colour(name))
        table.add_row(Text(last(region.region)), bar, state_text)
    return table
