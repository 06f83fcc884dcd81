"""`global-heat resource …`."""

from __future__ import annotations

import json

import click

from global_heat.cli.failure import REFUSED, Failed
from global_heat.cli.remote import remote
from global_heat.client import Client


@click.group()
def resource() -> None:
    """Signal resources."""


@resource.command()
@click.argument("stack")
@click.argument("path")
@click.option("--data", "--data-binary", "data", default="", metavar="JSON", help='{"status": "SUCCESS"}')
@remote
async def signal(client: Client, stack: str, path: str, data: str) -> None:
    """Tell the resource at PATH of STACK something that it, or another one, waits for.

    A wait condition's handle takes a map with status (SUCCESS or FAILURE), reason, data and id; all of these
    may be left out. A deployment takes the values of its outputs.
    """
    try:
        said = json.loads(data) if data else None
    except json.JSONDecodeError as fault:
        raise Failed(REFUSED, f"--data is no JSON: {fault}") from None
    click.echo(await client.signal_resource(stack, path, said))
