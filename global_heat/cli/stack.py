"""`global-heat stack …`: wishes."""

from __future__ import annotations

import sys

import click

from global_heat.cli.failure import CHANGES
from global_heat.cli.hooks import hook
from global_heat.cli.messages import operation_row, plan_record, warning_rows
from global_heat.cli.output import Format, console
from global_heat.cli.plan_text import print_plan, warning_line
from global_heat.cli.progress import wait_for
from global_heat.cli.remote import listing
from global_heat.cli.stack_records import RECORD_COMMANDS
from global_heat.cli.template_faults import warn_of
from global_heat.cli.template_options import stack_of, template_options, timeout_option
from global_heat.client import Client
from global_heat.proto.v1 import operation_pb2, stack_pb2

_SHOWN = ("stack", "operation", "verb", "phase", "error")

name_argument = click.argument("name")
wait_option = click.option("--wait", is_flag=True, help="Follow it to its end.")
rollback_option = click.option("--rollback", is_flag=True, help="Undo it if it fails.")


@click.group()
def stack() -> None:
    """Plan, apply, watch and delete stacks."""


@stack.command()
@name_argument
@template_options
@click.option("--exit-code", is_flag=True, help=f"End with status {CHANGES} if there is something to do.")
@listing
async def plan(client: Client, output: Format, name: str, spec: stack_pb2.StackSpec, exit_code: bool) -> None:
    """Say what `apply` would do, region by region. Nothing is written."""
    found = await client.plan_stack(stack_of(name, spec))
    if output.name == "table":
        print_plan(found, console())
        if found.etag and not found.empty:
            click.echo(f"\nTo do this and nothing else: global-heat stack apply {name} --etag {found.etag} …")
    else:
        output.record(plan_record(found))
    if exit_code and not found.empty:
        click.get_current_context().exit(CHANGES)


@stack.command()
@name_argument
@template_options
@rollback_option
@click.option("--etag", default="", help="Only if the stack still is as a plan showed it.")
@click.option("--new", is_flag=True, help="Only if there is no such stack yet.")
@wait_option
@timeout_option
@listing
async def apply(
    client: Client,
    output: Format,
    name: str,
    spec: stack_pb2.StackSpec,
    rollback: bool,
    etag: str,
    new: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Create the stack or update it, whichever is due."""
    warn_of(spec)
    wished = stack_of(name, spec, etag, rollback)
    await _finish(client, output, await client.apply_stack(wished, must_not_exist=new), wait, timeout)


@stack.command()
@name_argument
@template_options
@rollback_option
@wait_option
@timeout_option
@listing
async def create(
    client: Client,
    output: Format,
    name: str,
    spec: stack_pb2.StackSpec,
    rollback: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Create a stack."""
    warn_of(spec)
    spec.rollback = rollback
    await _finish(client, output, await client.create_stack(name, spec), wait, timeout)


@stack.command()
@name_argument
@template_options
@rollback_option
@click.option("--etag", default="", help="Only if the stack still is as it was read.")
@click.option("--existing", is_flag=True, help="Keep the parameters that are not given here.")
@wait_option
@timeout_option
@listing
async def update(
    client: Client,
    output: Format,
    name: str,
    spec: stack_pb2.StackSpec,
    rollback: bool,
    etag: str,
    existing: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Update a stack."""
    warn_of(spec)
    wished = stack_of(name, spec, etag, rollback)
    mask: tuple[str, ...] = ()
    if existing:
        mask = ("spec.template", "spec.files", "spec.parameters", "spec.rollback")
        mask += ("spec.environment",) if spec.environment else ()
        mask += ("spec.tags",) if spec.tags else ()
    await _finish(client, output, await client.update_stack(wished, mask=mask), wait, timeout)


@stack.command()
@name_argument
@click.option("-y", "--yes", is_flag=True, help="Do not ask.")
@click.option("--etag", default="", help="Only if the stack still is as it was read.")
@click.option("--missing-ok", is_flag=True, help="It is a success if there is no such stack.")
@click.option("--plan", "only_plan", is_flag=True, help="Only say what would be deleted.")
@wait_option
@timeout_option
@listing
async def delete(
    client: Client,
    output: Format,
    name: str,
    yes: bool,
    etag: str,
    missing_ok: bool,
    only_plan: bool,
    wait: bool,
    timeout: float | None,
) -> None:
    """Delete a stack and all it made."""
    if only_plan:
        found = await client.plan_stack(stack_pb2.Stack(name=name, etag=etag), delete=True)
        if output.name == "table":
            print_plan(found, console())
        else:
            output.record(plan_record(found))
        return
    if not yes and sys.stdin.isatty():
        click.confirm(f"Delete stack {name} and all it made?", abort=True)
    operation = await client.delete_stack(name, etag=etag, allow_missing=missing_ok)
    if operation is None:
        click.echo(f"there is no stack {name}", err=True)
        return
    await _finish(client, output, operation, wait, timeout)


@stack.command()
@name_argument
@click.option("--rollback", is_flag=True, help="Go back to the last complete revision.")
@wait_option
@timeout_option
@listing
async def cancel(
    client: Client, output: Format, name: str, rollback: bool, wait: bool, timeout: float | None
) -> None:
    """Stop what runs: what has begun is finished, nothing more is begun."""
    await _finish(client, output, await client.cancel_stack(name, rollback=rollback), wait, timeout)


@stack.command()
@template_options
@listing
async def validate(client: Client, output: Format, spec: stack_pb2.StackSpec) -> None:
    """Check a template with all its faults at once, and list its parameters."""
    found = await client.validate(spec)
    parameters = [
        {
            "name": each.name,
            "type": each.type,
            "required": each.required,
            "hidden": each.hidden,
            "description": each.description,
        }
        for each in found.parameters
    ]
    if output.name == "table":
        click.echo(f"the template is good{': ' if found.description else ''}{found.description}")
        output.rows(parameters, ("name", "type", "required", "hidden", "description"))
        for warning in found.warnings:
            click.echo(warning_line(warning))
    else:
        warnings = warning_rows(found.warnings)
        output.record({"description": found.description, "parameters": parameters, "warnings": warnings})


async def _finish(
    client: Client, output: Format, operation: operation_pb2.Operation, wait: bool, timeout: float | None
) -> None:
    if wait:
        operation = await wait_for(client, operation, console(stderr=True), timeout)
    output.record(operation_row(operation), _SHOWN)
    if pending := operation.response.cleanup_pending:
        uid = operation.metadata.stack_uid
        click.echo(
            f"{pending} of its requests may have left something that is looked for and deleted: "
            f"global-heat attempts list --filter 'stack={uid}'",
            err=True,
        )


stack.add_command(hook)
for _command in RECORD_COMMANDS:
    stack.add_command(_command)
