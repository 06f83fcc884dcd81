"""Commands that talk to replicas: their options, and the client they are run with."""

from __future__ import annotations

import asyncio
import functools
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import click

from global_heat.cli.output import format_options
from global_heat.client import Client, Connection, Tls, TokenSource, parse_endpoints, token_source

DEFAULT_ENDPOINTS = "localhost"
_PATH = click.Path(exists=True, dir_okay=False, path_type=Path)
_OPTIONS = (
    click.option(
        "--endpoint",
        "endpoints",
        multiple=True,
        metavar="URL",
        help="A replica: HOST:PORT, https://HOST:PORT; may be given several times."
        " Otherwise GLOBAL_HEAT_ENDPOINTS, separated by commas.",
    ),
    click.option("--os-cloud", default="", metavar="NAME", help="A cloud of clouds.yaml (OS_CLOUD)."),
    click.option(
        "--os-cloud-of",
        "clouds",
        multiple=True,
        metavar="CLOUD=NAME",
        help="Who you are in a cloud whose Keystone is not the home region's: a cloud of clouds.yaml; may be"
        " given several times. Otherwise GLOBAL_HEAT_OS_CLOUDS, separated by commas.",
    ),
    click.option("--os-token", default="", metavar="TOKEN", help="A Keystone token (OS_TOKEN)."),
    click.option(
        "--ca-file", type=_PATH, envvar="GLOBAL_HEAT_CA_FILE", help="Who signs the replicas' certificates."
    ),
    click.option("--cert-file", type=_PATH, envvar="GLOBAL_HEAT_CERT_FILE", help="Your own certificate."),
    click.option("--key-file", type=_PATH, envvar="GLOBAL_HEAT_KEY_FILE", help="Your certificate's key."),
    click.option(
        "--call-timeout",
        type=click.FloatRange(min=0.1),
        default=60.0,
        show_default=True,
        metavar="SECONDS",
        help="How long one call may take, other replicas being asked meanwhile.",
    ),
)


def remote(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Give a command a connection's options. The command is a coroutine function of a client."""

    @functools.wraps(function)
    def command(
        endpoints: tuple[str, ...],
        os_cloud: str,
        clouds: tuple[str, ...],
        os_token: str,
        ca_file: Path | None,
        cert_file: Path | None,
        key_file: Path | None,
        call_timeout: float,
        **rest: Any,
    ) -> None:
        async def run() -> None:
            said = ",".join(endpoints) or os.environ.get("GLOBAL_HEAT_ENDPOINTS") or DEFAULT_ENDPOINTS
            tls = Tls(authority=_read(ca_file), certificate=_read(cert_file), key=_read(key_file))
            tokens = token_source(os.environ, os_token, os_cloud)
            others = _of_clouds(clouds or os.environ.get("GLOBAL_HEAT_OS_CLOUDS", "").split(","))
            connection = Connection(
                parse_endpoints(said), tokens, tls, seconds=call_timeout, cloud_tokens=others
            )
            async with Client(connection) as client:
                await function(client, **rest)

        asyncio.run(run())

    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def listing(function: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """As `remote`, with the options of how to print."""
    return format_options(remote(function))


def _of_clouds(said: Sequence[str]) -> dict[str, TokenSource]:
    found = {}
    for item in filter(None, map(str.strip, said)):
        cloud, _, name = item.partition("=")
        if not (cloud and name):
            raise click.UsageError(
                f"--os-cloud-of {item!r}: write CLOUD=NAME, NAME being a cloud of clouds.yaml"
            )
        found[cloud] = token_source(os.environ, cloud=name)
    return found


def _read(path: Path | None) -> bytes | None:
    return path.read_bytes() if path else None
