"""`global-heat demo`: one template over three regions, through the death of one."""

from __future__ import annotations

import asyncio
import signal
import tempfile
import time
from pathlib import Path

import click
from rich.console import Console
from rich.text import Text

import global_heat
from global_heat.cli.demonstration.figures import Figures
from global_heat.cli.demonstration.story import tell
from global_heat.cli.lab import layout
from global_heat.cli.lab.running import RunningLab
from global_heat.cli.output import console
from global_heat.model.errors import Invalid, Reason
from global_heat.store.etcd.finder import find

REGIONS = 3
RTTS = (20.0, 40.0, 60.0)
_TEMPLATES = Path("deploy/local/demo")


@click.command()
@click.option(
    "--templates",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help=f"The folder of its templates; otherwise {_TEMPLATES} of the source tree.",
)
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    help="Where its lab is kept; otherwise a temporary folder.",
)
def demo(templates: Path | None, directory: Path | None) -> None:
    """Show one template over three regions, through the death of one, on this machine.

    Takes about a minute. Ends with status 0 only if everything held. Whatever it started is ended with it;
    after a failure the logs are kept.
    """
    templates = templates or _find_templates()
    directory = directory or Path(tempfile.mkdtemp(prefix="global-heat-demo-"))
    directory.mkdir(parents=True, exist_ok=True)
    if any(directory.iterdir()):
        raise Invalid(f"{directory} is not empty", reason=Reason.ALREADY_EXISTS)
    shown = console()
    began = time.monotonic()
    lab = _lay_out(directory)
    try:
        figures = asyncio.run(_run(lab, templates, shown))
    except Exception:
        lab.stop()
        shown.print(Text(f"\nIt did not hold. The logs are in {lab.processes.directory}", style="bold red"))
        raise
    except asyncio.CancelledError:
        _clear(lab)
        raise click.Abort from None
    except BaseException:
        _clear(lab)
        raise
    _clear(lab)
    shown.print(Text(f"\n7. {figures.line(time.monotonic() - began)}", style="bold green"))


async def _run(lab: RunningLab, templates: Path, shown: Console) -> Figures:
    """A signal that ends the process ends this first: what was started shall not outlive it."""
    this = asyncio.current_task()
    assert this is not None
    for number in (signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, this.cancel)
    shown.print(
        Text("1. A lab: three regions, each with an etcd member, a replica and a cloud", style="bold")
    )
    for pair, rtt in lab.lab.rtts.items():
        shown.print(Text(f"   {pair}: {rtt:g} ms there and back"))
    await lab.start(lambda line: shown.print(Text(f"   {line}")))
    return await tell(lab, templates, shown)


def _lay_out(directory: Path) -> RunningLab:
    program = find(say=lambda line: click.echo(line, err=True))
    return RunningLab(layout.lay_out(directory, REGIONS, REGIONS, RTTS, str(program.path)), directory)


def _clear(lab: RunningLab) -> None:
    """Nothing shall be left, however often somebody presses Ctrl-C."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        lab.stop()
        lab.remove()
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _find_templates() -> Path:
    """Raises `Invalid` outside of a source tree."""
    found = Path(global_heat.__file__).parents[1] / _TEMPLATES
    if not found.is_dir():
        raise Invalid(f"there is no {found}: give --templates", reason=Reason.NOT_FOUND)
    return found
