"""`global-heat region …` and `global-heat replica …`."""

from __future__ import annotations

import click

from global_heat.cli.messages import region_row, replica_row
from global_heat.cli.output import Format
from global_heat.cli.remote import listing, remote
from global_heat.client import Client
from global_heat.proto.v1 import region_pb2


@click.group()
def region() -> None:
    """The regions that stacks may use."""


@region.command("list")
@listing
async def list_regions(client: Client, output: Format) -> None:
    """List the registered regions and how they do."""
    rows = [region_row(each) for each in await client.list_regions()]
    output.rows(rows, ("region", "state", "cloud", "auth_url", "replicas", "claims", "queued", "reason"))


@region.command()
@click.argument("name")
@listing
async def show(client: Client, output: Format, name: str) -> None:
    """Show a region."""
    output.record(region_row(await client.get_region(name)))


@region.command()
@click.argument("name")
@click.option("--auth-url", help="The URL of its Keystone; a new region needs one.")
@click.option("--catalog-region", help="What the catalogue calls it, if not the same.")
@click.option("--interface", type=click.Choice(["public", "internal", "admin"]), help="(public)")
@click.option("--cloud", help="The cloud it belongs to: regions of one cloud share a Keystone (default).")
@click.option("--exec-seconds", type=float, help="From a request to its effect there, at most (900).")
@click.option("--lag-seconds", type=float, help="From an effect until lists show it, at most (5).")
@click.option("--skew-seconds", type=float, help="Between two clocks, at most (5).")
@click.option("--insecure/--no-insecure", default=None, help="Whether its certificates go unchecked (no).")
@click.option("--services-ca-file", help="On the replicas: who signs its certificates.")
@listing
async def add(
    client: Client,
    output: Format,
    name: str,
    auth_url: str | None,
    catalog_region: str | None,
    interface: str | None,
    cloud: str | None,
    exec_seconds: float | None,
    lag_seconds: float | None,
    skew_seconds: float | None,
    insecure: bool | None,
    services_ca_file: str | None,
) -> None:
    """Register a region, or change what is said of a registered one. Needs the role admin.

    What is not said stays as it is; for a new region it is what stands in brackets. While a stack has
    something there, the region's Keystone, cloud and name in the catalogue stay, and the three bounds may
    only grow: what is open was begun under them.
    """
    wished = region_pb2.Region(
        name=name,
        auth_url=auth_url,
        catalog_region=catalog_region,
        interface=interface,
        cloud=cloud,
        exec_seconds=exec_seconds,
        lag_seconds=lag_seconds,
        skew_seconds=skew_seconds,
        insecure=insecure,
        ca_file=services_ca_file,
    )
    output.record(region_row(await client.add_region(wished)))


@region.command()
@click.argument("name")
@click.option("--missing-ok", is_flag=True, help="It is a success if it is not registered.")
@remote
async def remove(client: Client, name: str, missing_ok: bool) -> None:
    """Take a region off the registry. Refused while a stack has something there. Needs the role admin."""
    await client.remove_region(name, allow_missing=missing_ok)


@click.group()
def replica() -> None:
    """The replicas that work."""


@replica.command("list")
@click.option("--region", "region_name", default="-", help="Only of this region.")
@listing
async def list_replicas(client: Client, output: Format, region_name: str) -> None:
    """List the live replicas."""
    rows = [replica_row(each) for each in await client.list_replicas(region_name)]
    output.rows(rows, ("replica", "region", "address", "version", "started", "claims"))
