"""The options by which a template and its parameters are given."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from global_heat.client import collect_spec
from global_heat.proto.v1 import stack_pb2

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def seconds(text: str) -> float:
    """A span of time: 90, 90s, 15m, 2h."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)([smh]?)", text)
    if found is None:
        raise click.BadParameter(f"{text!r} is no time: write 90s, 15m, 2h")
    return float(found[1]) * _UNITS[found[2]]


timeout_option = click.option(
    "--timeout", type=seconds, metavar="TIME", help="Wait at most so long: 90s, 15m, 2h."
)


def template_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command `-t`, `-e`, `-P` and the rest; it gets a `Template` as `template`."""

    def wrapped(
        template_path: str,
        environments: tuple[Path, ...],
        parameters: tuple[str, ...],
        parameter_files: tuple[str, ...],
        roots: tuple[Path, ...],
        region: str,
        tags: tuple[str, ...],
        **rest: Any,
    ) -> Any:
        values = {
            **{name: _text(path) for name, path in map(_pair, parameter_files)},
            **dict(map(_pair, parameters)),
        }
        spec = collect_spec(template_path, environments, values, roots)
        spec.region = region
        spec.tags.extend(tags)
        return command(spec=spec, **rest)

    wrapped.__name__ = command.__name__
    wrapped.__doc__ = command.__doc__
    wrapped.__click_params__ = list(getattr(command, "__click_params__", ()))  # type: ignore[attr-defined]
    existing = click.Path(exists=True, dir_okay=False, path_type=Path)
    for option in (
        click.option("--tag", "tags", multiple=True, help="A tag; may be given several times."),
        click.option("--region", default="", help="The region of resources that name none (at creation)."),
        click.option(
            "--files-root",
            "roots",
            multiple=True,
            type=click.Path(exists=True, file_okay=False, path_type=Path),
            help="A folder that templates may name files of, beside their own.",
        ),
        click.option(
            "--parameter-file",
            "parameter_files",
            multiple=True,
            metavar="NAME=PATH",
            help="A value out of a file.",
        ),
        click.option("-P", "--parameter", "parameters", multiple=True, metavar="NAME=VALUE"),
        click.option(
            "-e",
            "--environment",
            "environments",
            multiple=True,
            type=existing,
            help="Later ones win, unless their parameter_merge_strategies say otherwise.",
        ),
        click.option(
            "-t",
            "--template",
            "template_path",
            required=True,
            metavar="PATH",
            help="The template; - is stdin.",
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def stack_of(name: str, spec: stack_pb2.StackSpec, etag: str = "", rollback: bool = False) -> stack_pb2.Stack:
    spec.rollback = rollback
    return stack_pb2.Stack(name=name, spec=spec, etag=etag)


def _pair(text: str) -> tuple[str, str]:
    name, sign, value = text.partition("=")
    if not sign or not name:
        raise click.UsageError(f"{text!r} must read NAME=VALUE")
    return name, value


def _text(path: str) -> str:
    try:
        return Path(path).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"--parameter-file {path}: {error}") from None
