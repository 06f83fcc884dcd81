"""`global-heat stack …`: what is recorded."""

from __future__ import annotations

import click

from global_heat.cli.failure import REFUSED, Failed
from global_heat.cli.messages import (
    event_row,
    last,
    output_row,
    progress_row,
    resource_row,
    stack_record,
    stack_row,
    stack_state,
    time,
)
from global_heat.cli.output import Format, console
from global_heat.cli.progress import follow
from global_heat.cli.remote import listing, remote
from global_heat.client import Client

filter_option = click.option(
    "--filter", "filter_text", default="", metavar="TERMS", help="status=FAILED AND name=web*"
)


@click.command("list")
@filter_option
@listing
async def list_stacks(client: Client, output: Format, filter_text: str) -> None:
    """List the project's stacks."""
    rows = [stack_row(each) for each in await client.list_stacks(filter_text)]
    output.rows(rows, ("name", "id", "status", "default_region", "waiting_for", "created", "updated"))


@click.command()
@click.argument("name")
@listing
async def show(client: Client, output: Format, name: str) -> None:
    """Show a stack with its regions, parameters and outputs."""
    output.record(stack_record(await client.get_stack(name)))


@click.command()
@click.argument("name")
@click.argument("path", default="")
@filter_option
@listing
async def resources(client: Client, output: Format, name: str, path: str, filter_text: str) -> None:
    """List a stack's resources, or show the one at PATH with its attributes."""
    if path:
        output.record(resource_row(await client.get_resource(name, path)))
        return
    rows = [resource_row(each) for each in await client.list_resources(name, filter_text)]
    output.rows(rows, ("region", "resource", "type", "status", "physical_id", "reason"))


@click.command()
@click.argument("name")
@filter_option
@click.option("--newest-first", is_flag=True)
@listing
async def events(client: Client, output: Format, name: str, filter_text: str, newest_first: bool) -> None:
    """List what happened, in the order in which it was recorded, over all regions."""
    found = await client.list_events(name, filter_text, newest_first=newest_first)
    output.rows([event_row(each) for each in found], ("time", "region", "resource", "status", "reason"))


@click.command()
@click.argument("name")
@click.argument("key", default="")
@listing
async def outputs(client: Client, output: Format, name: str, key: str) -> None:
    """Show a stack's outputs, or the value of the one named KEY."""
    found = [output_row(each) for each in await client.get_outputs(name)]
    if not key:
        output.rows(found, ("key", "value", "description", "error"))
        return
    row = next((each for each in found if each["key"] == key), None)
    if row is None:
        raise Failed(REFUSED, f"stack {name} has no output {key!r}")
    if row["error"]:
        raise Failed(REFUSED, f"output {key}: {row['error']}")
    if output.name == "table" and not output.columns:
        click.echo(row["value"] if isinstance(row["value"], str) else Format("json", ()).text(row["value"]))
    else:
        output.record(row)


@click.command()
@click.argument("name")
@click.option("--until-done", is_flag=True, help="End when the running operation is over.")
@remote
async def watch(client: Client, name: str, until_done: bool) -> None:
    """Follow a stack, region by region, until interrupted."""
    await follow(client, name, console(), until_done=until_done)


@click.command()
@click.argument("name")
@listing
async def why(client: Client, output: Format, name: str) -> None:
    """Say what a stack waits for: where, since when, on whom."""
    found = await client.explain_stack(name)
    rows = [
        {
            "region": last(wait.region),
            "waits_for": wait.reason,
            "since": time(wait, "since"),
            "replica": last(wait.replica),
        }
        for wait in found.waits
    ]
    if output.name != "table":
        state = {"stack": last(found.stack.name), "status": stack_state(found.stack)}
        regions = [progress_row(each) for each in found.stack.regions]
        output.record({**state, "reason": found.stack.status_reason, "waits": rows, "regions": regions})
        return
    reason = f": {found.stack.status_reason}" if found.stack.status_reason else ""
    click.echo(f"{last(found.stack.name)} is {stack_state(found.stack)}{reason}")
    if rows:
        output.rows(rows, ("region", "waits_for", "since", "replica"))
    else:
        click.echo("it waits for nothing")


RECORD_COMMANDS = (list_stacks, show, resources, events, outputs, watch, why)
