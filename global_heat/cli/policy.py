"""`global-heat policy`: the rules of who may call what, without a server."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from textwrap import fill

import click
from oslo_policy.policy import DocumentedRuleDefault, RuleDefault

from global_heat.api.rules import RULES
from global_heat.cli.output import Format, Row, format_options
from global_heat.cli.serve import DEFAULT_CONFIG
from global_heat.cli.serving.config import load_config, read_config
from global_heat.cli.serving.setup import load_policy
from global_heat.model.errors import Fault, Invalid

_HEAD = """\
# A policy file of Global Heat: every rule as it is without one.
# Uncomment what is to be different, and name the file in the configuration as policy.file.
"""


@click.group()
def policy() -> None:
    """Who may call what: oslo.policy rules, one for each method of the API."""


@policy.command()
@click.option(
    "--config",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_CONFIG,
    envvar="GLOBAL_HEAT_CONFIG",
    show_default=True,
    show_envvar=True,
    help="The configuration, which may name a policy file.",
)
@format_options
def show(config: Path, output: Format) -> None:
    """The rules in force under a configuration; what overrides ours is marked."""
    overrides = _overrides(config.absolute())
    rows = [_row(rule.name, rule.description or "", rule, overrides) for rule in RULES]
    known = {rule.name for rule in RULES}
    rows += [_row(name, "The policy file's own.", None, overrides) for name in overrides if name not in known]
    output.rows(rows, ("rule", "check", "overridden", "method"))


@policy.command()
def sample() -> None:
    """A policy file with every rule as it is by default, commented out."""
    click.echo(_HEAD)
    for rule in RULES:
        click.echo("\n".join(_sample(rule)))


def _overrides(path: Path) -> dict[str, str]:
    faults: list[Fault] = []
    config = read_config(load_config(path), faults)
    if config is None:
        raise Invalid(f"{path} is no good configuration", *faults)
    if not config.policy.file:
        return {}
    return dict(load_policy(path.parent / config.policy.file).overrides)


def _row(name: str, description: str, rule: RuleDefault | None, overrides: dict[str, str]) -> Row:
    return {
        "rule": name,
        "check": overrides.get(name, rule.check_str if rule else ""),
        "overridden": name in overrides,
        "default": rule.check_str if rule else None,
        "method": _method(rule) if rule else "",
        "description": description,
    }


def _sample(rule: RuleDefault) -> Iterator[str]:
    yield fill(rule.description or "", 100, initial_indent="# ", subsequent_indent="# ")
    if method := _method(rule):
        yield f"# gRPC {method}"
    yield f'#"{rule.name}": "{rule.check_str}"\n'


def _method(rule: RuleDefault) -> str:
    return str(rule.operations[0]["path"]) if isinstance(rule, DocumentedRuleDefault) else ""
