"""`global-heat …`: the commands, each loaded when it is first asked for."""

from __future__ import annotations

import importlib
from typing import Any

import click

from global_heat.cli.failure import EPILOG, report

_COMMANDS = {
    "stack": ("global_heat.cli.stack:stack", "Plan, apply, watch and delete stacks."),
    "template": (
        "global_heat.cli.template:template",
        "Validate, evaluate and draw templates, without a server.",
    ),
    "resource": ("global_heat.cli.resource:resource", "Signal resources."),
    "operation": ("global_heat.cli.operation:operation", "See and wait for what was asked for."),
    "attempts": ("global_heat.cli.attempts:attempts", "The ledger, and what the sweeper removed."),
    "orphans": ("global_heat.cli.orphans:orphans", "Things with our mark that nothing accounts for."),
    "region": ("global_heat.cli.region:region", "The regions that stacks may use."),
    "replica": ("global_heat.cli.region:replica", "The replicas that work."),
    "serve": ("global_heat.cli.serve:serve", "Run a replica."),
    "policy": ("global_heat.cli.policy:policy", "Who may call what."),
    "lab": ("global_heat.cli.lab.commands:lab", "Run several regions on this machine."),
    "demo": ("global_heat.cli.demo:demo", "Show a stack over several regions, on this machine."),
    "chaos": ("global_heat.cli.chaos:chaos", "Break a lab in every way, and judge."),
    "sim": ("global_heat.cli.sim:sim", "Run simulated worlds, seed by seed."),
}


class Commands(click.Group):
    """A group whose commands are imported when they are used: `stack list` need not load a server."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, attribute = _COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (click.ClickException, click.exceptions.Exit, click.Abort, BrokenPipeError):
            # Who reads has enough (`| head`): click then ends without a word.
            raise
        except Exception as error:
            ctx.exit(report(error))


@click.group(cls=Commands, epilog=EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="global-heat", prog_name="global-heat")
def main() -> None:
    """One orchestrator for clouds of several OpenStack regions."""
