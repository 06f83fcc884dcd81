"""`global-heat operation …`."""

from __future__ import annotations

import click

from global_heat.cli.failure import TIMED_OUT, Failed
from global_heat.cli.messages import operation_row
from global_heat.cli.output import Format
from global_heat.cli.progress import raise_failure
from global_heat.cli.remote import listing
from global_heat.cli.template_options import timeout_option
from global_heat.client import Client

_SHOWN = ("operation", "stack", "verb", "phase", "error", "created", "ended")


@click.group()
def operation() -> None:
    """See and wait for what was asked for."""


@operation.command("list")
@click.option("--filter", "filter_text", default="", metavar="TERMS", help="done=false AND stack=web*")
@listing
async def list_operations(client: Client, output: Format, filter_text: str) -> None:
    """List the project's operations, newest first."""
    output.rows([operation_row(each) for each in await client.list_operations(filter_text)], _SHOWN)


@operation.command()
@click.argument("name")
@listing
async def show(client: Client, output: Format, name: str) -> None:
    """Show an operation with its progress in each region."""
    output.record(operation_row(await client.get_operation(name)))


@operation.command()
@click.argument("name")
@timeout_option
@listing
async def wait(client: Client, output: Format, name: str, timeout: float | None) -> None:
    """Wait until an operation is over."""
    found = await client.wait_operation(name, timeout)
    output.record(operation_row(found), _SHOWN)
    if not found.done:
        raise Failed(TIMED_OUT, f"not done after {timeout:g} s; it goes on")
    raise_failure(found)


@operation.command()
@click.argument("name")
@listing
async def cancel(client: Client, output: Format, name: str) -> None:
    """Stop an operation: what has begun is finished, nothing more is begun."""
    output.record(operation_row(await client.cancel_operation(name)), _SHOWN)
