"""`global-heat attempts …`."""

from __future__ import annotations

from typing import Any

import click

from global_heat.cli.messages import last, time
from global_heat.cli.output import Format
from global_heat.cli.remote import listing
from global_heat.client import Client
from global_heat.proto.v1 import attempt_service_pb2

_SHOWN = ("attempt", "state", "region", "resource", "kind", "id", "seen", "stuck", "started", "expires")
_REMOVALS = ("time", "region", "kind", "id", "attempt", "reason", "answer")


@click.group()
def attempts() -> None:
    """The ledger of requests that may have created something, and what the sweeper removed."""


@attempts.command("list")
@click.option("--all", "everything", is_flag=True, help="Also those of which nothing can appear any more.")
@click.option("--filter", "filter_text", default="", metavar="TERMS", help="stuck=?* AND region=east")
@listing
async def list_attempts(client: Client, output: Format, everything: bool, filter_text: str) -> None:
    """List the attempts that are still looked after, newest first."""
    terms = [term for term in ("" if everything else "open=true", filter_text.strip()) if term]
    found = await client.list_attempts(" AND ".join(terms))
    output.rows([attempt_row(each) for each in found], _SHOWN)


@attempts.command()
@click.argument("token")
@listing
async def show(client: Client, output: Format, token: str) -> None:
    """Show an attempt, and what was removed of what it left."""
    found = await client.get_attempt(token)
    output.record(attempt_row(found.attempt) | {"removals": [removal_row(each) for each in found.removals]})


@attempts.command()
@click.option("--filter", "filter_text", default="", metavar="TERMS", help="region=east AND kind=compute.*")
@listing
async def removals(client: Client, output: Format, filter_text: str) -> None:
    """List what the sweeper removed in the last 30 days, newest first."""
    output.rows([removal_row(each) for each in await client.list_removals(filter_text)], _REMOVALS)


def attempt_row(attempt: attempt_service_pb2.Attempt) -> dict[str, Any]:
    state = attempt_service_pb2.AttemptState.Name(attempt.state)
    return {
        "attempt": last(attempt.name),
        "state": state.removeprefix("ATTEMPT_STATE_"),
        "stack": last(attempt.stack),
        "region": last(attempt.region),
        "resource": attempt.resource,
        "incarnation": attempt.incarnation,
        "type": attempt.type,
        "kind": attempt.kind,
        "id": attempt.physical_id,
        "seen": attempt.seen,
        "pending": attempt.pending,
        "open": attempt.open,
        "stuck": attempt.stuck,
        "started": time(attempt, "start_time"),
        "expires": time(attempt, "expire_time"),
        "looked": time(attempt, "look_time"),
    }


def removal_row(removal: attempt_service_pb2.Removal) -> dict[str, Any]:
    return {
        "time": time(removal, "time"),
        "region": last(removal.region),
        "kind": removal.kind,
        "id": removal.physical_id,
        "attempt": last(removal.attempt),
        "stack": last(removal.stack),
        "reason": removal.reason,
        "replica": removal.replica,
        "answer": removal.answer,
    }
