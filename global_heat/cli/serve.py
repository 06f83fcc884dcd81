"""`global-heat serve`: run a replica."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import click

from global_heat.cli.serving.logs import set_up_logs
from global_heat.cli.serving.setup import Setup, load_setup
from global_heat.cli.serving.supervisor import Supervisor, parts

DEFAULT_CONFIG = Path("/etc/global-heat/global-heat.yaml")
KILL_AFTER_SECONDS = 10.0


@click.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    envvar="GLOBAL_HEAT_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration file; docs/configuration.md describes it.",
)
@click.option("--check-config", is_flag=True, help="Only say whether the configuration is good.")
@click.pass_context
def serve(context: click.Context, config: Path, check_config: bool) -> None:
    """Run a replica: a front door that answers, and an engine that works.

    SIGTERM or Ctrl-C: claim nothing more, let calls end, give the lease back; a second one: end now.
    SIGHUP: read the policy file again.
    """
    config = config.absolute()
    setup = load_setup(config, os.environ)
    if check_config:
        click.echo(f"{config} is good: {_summary(setup)}")
        return
    set_up_logs(setup.config.log.level, setup.secrets, part="supervisor", home=setup.config.home)
    # The parts end within the time they are given; who does not is killed a little later.
    supervisor = Supervisor(parts(config), setup.config.drain_seconds + KILL_AFTER_SECONDS)
    context.exit(asyncio.run(supervisor.run()))


def _summary(setup: Setup) -> str:
    config = setup.config
    tls = "TLS" if setup.tls else "plain text"
    keys = ", ".join(setup.sealing_keys)
    return (
        f"region {config.home}, gRPC at {config.listen.address} ({tls}), "
        f"etcd at {', '.join(config.etcd.endpoints)}, sealing keys {keys}"
    )
