"""`global-heat stack hook …`: what waits for a person, and lets it go on."""

from __future__ import annotations

from fnmatch import fnmatchcase

import click

from global_heat.cli.failure import REFUSED, Failed
from global_heat.cli.messages import last
from global_heat.cli.output import Format
from global_heat.cli.remote import listing, remote
from global_heat.client import Client

_HOOKS = ("pre-create", "post-create", "pre-update", "post-update", "pre-delete", "post-delete")


@click.group()
def hook() -> None:
    """Hooks that the environment set, at which a stack waits."""


@hook.command()
@click.argument("stack")
@listing
async def poll(client: Client, output: Format, stack: str) -> None:
    """List the hooks at which STACK waits."""
    found = await _pending(client, stack)
    rows = [{"region": region, "resource": path, "hook": hook} for region, path, hook in found]
    output.rows(rows, ("region", "resource", "hook"))


@hook.command()
@click.argument("stack")
@click.argument("resources", nargs=-1, required=True)
@click.option("--hook", "hooks", type=click.Choice(_HOOKS), multiple=True, help="Only this one.")
@remote
async def clear(client: Client, stack: str, resources: tuple[str, ...], hooks: tuple[str, ...]) -> None:
    """Let STACK go on at RESOURCES: paths as `poll` shows them, or globs such as 'group/*'."""
    found = [
        (path, hook)
        for _, path, hook in await _pending(client, stack)
        if any(fnmatchcase(path, glob) for glob in resources) and (not hooks or hook in hooks)
    ]
    if not found:
        raise Failed(REFUSED, f"stack {stack} waits at no such hook")
    for path, hook in dict.fromkeys(found):
        await client.signal_resource(stack, path, {"unset_hook": hook})
        click.echo(f"{path}: {hook} is cleared")


async def _pending(client: Client, stack: str) -> list[tuple[str, str, str]]:
    """Region, path and hook of each."""
    found = [
        (last(resource.region), resource.path, hook)
        for resource in await client.list_resources(stack)
        for hook in resource.hooks
    ]
    return sorted(set(found))
