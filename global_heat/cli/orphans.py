"""`global-heat orphans …`."""

from __future__ import annotations

import sys
from typing import Any

import click

from global_heat.cli.messages import last, time
from global_heat.cli.output import Format
from global_heat.cli.remote import listing
from global_heat.client import Client
from global_heat.proto.v1 import orphan_service_pb2

_SHOWN = ("orphan", "state", "region", "kind", "id", "made", "first_seen", "reason", "stuck")


@click.group()
def orphans() -> None:
    """Things with our mark that no attempt accounts for. None is deleted unless you say so."""


@orphans.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those that the project keeps.")
@click.option("--filter", "filter_text", default="", metavar="TERMS", help="region=east AND kind=compute.*")
@listing
async def list_orphans(client: Client, output: Format, everything: bool, filter_text: str) -> None:
    """List the project's orphans; on stderr, when each region was last searched for them."""
    found = await client.list_orphans(filter_text, adopted=everything)
    output.rows([orphan_row(each) for each in found], _SHOWN)
    searches = await client.orphan_searches()
    if not searches:
        click.echo("no region has been searched yet", err=True)
    for search in searches:
        click.echo(f"{last(search.region)}: last searched {time(search, 'time')}", err=True)
        for failure in search.failures:
            click.echo(f"{last(search.region)}: not searched: {failure}", err=True)


@orphans.command()
@click.argument("orphan")
@listing
async def adopt(client: Client, output: Format, orphan: str) -> None:
    """Let the project keep an orphan. Needs the role admin; cannot be taken back.

    It is not told of again, and the sweeper never deletes it. It becomes no stack's: to have a stack use it,
    name it in the template by `external_id`.
    """
    output.record(orphan_row(await client.adopt_orphan(orphan)), _SHOWN)


@orphans.command()
@click.argument("orphan")
@click.option("--yes", is_flag=True, help="Do not ask.")
@listing
async def delete(client: Client, output: Format, orphan: str, yes: bool) -> None:
    """Have the sweeper delete an orphan. Needs the role admin; cannot be taken back.

    It is deleted if it is then still what was listed; it is listed until it is gone.
    """
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete orphan {orphan} from its cloud?", abort=True)
    output.record(orphan_row(await client.delete_orphan(orphan)), _SHOWN)


def orphan_row(orphan: orphan_service_pb2.Orphan) -> dict[str, Any]:
    state = orphan_service_pb2.OrphanState.Name(orphan.state)
    return {
        "orphan": last(orphan.name),
        "state": state.removeprefix("ORPHAN_STATE_"),
        "region": last(orphan.region),
        "kind": orphan.kind,
        "type": orphan.type,
        "id": orphan.physical_id,
        "token": orphan.token,
        "made": time(orphan, "make_time"),
        "first_seen": time(orphan, "first_seen_time"),
        "reason": orphan.reason,
        "user": orphan.user,
        "stuck": orphan.stuck,
    }
