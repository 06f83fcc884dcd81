"""`global-heat lab …`: several regions on this machine, to be killed, paused, cut and restored."""

from __future__ import annotations

import asyncio
import functools
import shlex
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import click
import msgspec

from global_heat.cli.failure import REFUSED, Failed
from global_heat.cli.lab import layout
from global_heat.cli.lab.auditing import audit_record, print_audit, take_audit
from global_heat.cli.lab.network import Condition
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.lab.status import read_status
from global_heat.cli.output import Format, console, format_options
from global_heat.cli.template_options import seconds
from global_heat.model.errors import Invalid, Reason
from global_heat.store.etcd.finder import find

DIRECTORY = Path(".lab")

_directory = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=DIRECTORY,
    envvar="GLOBAL_HEAT_LAB",
    show_default=True,
    show_envvar=True,
    help="Where the lab keeps what it needs.",
)


class Milliseconds(click.ParamType):  # type: ignore[type-arg,unused-ignore]
    """One figure or several, separated by commas."""

    name = "MS[,MS…]"

    def convert(
        self, value: Any, parameter: click.Parameter | None, context: click.Context | None
    ) -> tuple[float, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(float(part) for part in str(value).split(","))
        except ValueError:
            self.fail(f"{value!r} is no time: write 30, or 20,40,60", parameter, context)


@click.group()
def lab() -> None:
    """Run several regions on this machine, and break them.

    Each region has an etcd member, replicas and a fake OpenStack of its own. REGION may also be the name of a
    replica (`north-1`), for kill, pause and restore.
    """


def running(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Give a command the lab that runs. The command is a coroutine function of a `RunningLab`."""

    @functools.wraps(function)
    def command(directory: Path, **rest: Any) -> None:
        async def run() -> None:
            await function(RunningLab.load(directory), **rest)

        asyncio.run(run())

    return _directory(command)


@lab.command()
@click.option("--regions", type=int, default=3, show_default=True)
@click.option("--replicas", type=int, default=None, help="In all; one for each region if not given.")
@click.option(
    "--rtt",
    "rtts",
    type=Milliseconds(),
    default=(20.0, 40.0, 60.0),
    help="Round trips between regions in milliseconds: one for all pairs, or one for each pair in the order"
    " 1-2, 1-3, 2-3. [default: 20,40,60 for three regions, else 30]",
)
@_directory
@click.pass_context
def up(
    context: click.Context, regions: int, replicas: int | None, rtts: tuple[float, ...], directory: Path
) -> None:
    """Start a lab, and print what it takes to use it."""
    if context.get_parameter_source("rtts") is click.core.ParameterSource.DEFAULT and regions != 3:
        rtts = ()
    if directory.exists() and any(directory.iterdir()):
        raise Invalid(
            f"{directory} is not empty: global-heat lab down --directory {shlex.quote(str(directory))}",
            reason=Reason.ALREADY_EXISTS,
        )
    laid_out = layout.lay_out(directory, regions, regions if replicas is None else replicas, rtts, etcd="")
    program = find(say=lambda line: click.echo(line, err=True))
    directory.mkdir(parents=True, exist_ok=True)
    made = RunningLab(msgspec.structs.replace(laid_out, etcd=str(program.path)), directory)
    try:
        asyncio.run(made.start(lambda line: click.echo(f"# {line}")))
    except BaseException:
        made.stop()
        raise
    asyncio.run(_print_use(made))


@lab.command()
@running
async def env(lab: RunningLab) -> None:
    """Print the variables to use the lab with: eval "$(global-heat lab env)"."""
    await print_environment(lab)


@lab.command()
@format_options
@running
async def status(lab: RunningLab, output: Format) -> None:
    """Show the regions: what was done to each, how the others see it, and what runs there."""
    rows = await read_status(lab)
    output.rows(rows, ("region", "condition", "seen", "etcd", "replicas", "keystone", "rtt"))


@lab.command()
@click.argument("region")
@running
async def kill(lab: RunningLab, region: str) -> None:
    """SIGKILL a region's replicas and etcd member; its cloud is unreachable."""
    await lab.kill(region)
    click.echo(f"{region} is killed")


@lab.command()
@click.argument("region")
@running
async def pause(lab: RunningLab, region: str) -> None:
    """SIGSTOP a region's replicas and etcd member; its cloud takes connections and says nothing."""
    await lab.pause(region)
    click.echo(f"{region} is paused")


@lab.command()
@click.argument("region")
@click.option("--only", type=click.Choice(["in", "out"]), help="Hold back only what goes in, or out.")
@running
async def cut(lab: RunningLab, region: str, only: str | None) -> None:
    """Cut a region off: nothing crosses its border, and nobody is told. Inside, all goes on."""
    how = {"in": Condition.DEAF, "out": Condition.MUTE}.get(only or "", Condition.CUT)
    await lab.cut(region, how)
    click.echo(f"{region} is {'cut off' if how is Condition.CUT else how}")


@lab.command()
@click.argument("regions", metavar="REGION...", nargs=-1, required=True)
@running
async def restore(lab: RunningLab, regions: tuple[str, ...]) -> None:
    """Bring regions back, whatever was done to them.

    Together, if etcd has no majority without both.
    """
    await lab.restore(*regions)
    for region in regions:
        click.echo(f"{region} is back")


@lab.command()
@click.option(
    "--patience",
    type=seconds,
    default="0",
    metavar="TIME",
    help="Look again for so long, while work goes on or something is wrong.",
)
@format_options
@running
async def audit(lab: RunningLab, output: Format, patience: float) -> None:
    """Compare what the clouds know with what is recorded. Status 1 if there is any difference."""
    found = await take_audit(lab, patience)
    if output.name == "table" and not output.columns:
        print_audit(found, console())
    else:
        output.record(audit_record(found))
    if not found.clean:
        raise Failed(REFUSED, f"{len(found.discrepancies)} discrepancies")


@lab.command()
@_directory
def down(directory: Path) -> None:
    """End all of it, and remove what it wrote, logs included."""
    if directory.exists() and not any(directory.iterdir()):
        return
    ended = RunningLab.load(directory)
    ended.stop()
    ended.remove()


async def _print_use(made: RunningLab) -> None:
    """What a shell may be fed with."""
    for replica in made.lab.replicas:
        click.echo(f"# replica {replica.name}: {replica.endpoint}")
    for region in made.lab.regions:
        click.echo(f"# cloud of {region.name}: {region.auth_url}")
    await print_environment(made)


async def print_environment(made: RunningLab) -> None:
    for name, value in (await made.environment()).items():
        click.echo(f"export {name}={shlex.quote(value)}")
