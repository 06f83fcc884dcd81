"""Print rows and records: a table for people, JSON or YAML for programs."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click
import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

Row = Mapping[str, Any]
_WIDTH_PIPED = 10_000

_COLOURS = {
    "COMPLETE": "green",
    "DONE": "green",
    "UP": "green",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "DOWN": "red",
    "PARKED": "yellow",
    "SLOW": "yellow",
    "IN_PROGRESS": "cyan",
    "RUNNING": "cyan",
}


class Format:
    """How to print: in which format, and which columns (none: all)."""

    def __init__(self, name: str, columns: tuple[str, ...]) -> None:
        self.name = name
        self.columns = columns

    def rows(self, rows: Sequence[Row], columns: Sequence[str]) -> None:
        """Print a list. `columns`: those of a table; the other formats have all that a row holds."""
        if self.columns:
            columns = self.columns
            rows = [{name: _of(row, name) for name in columns} for row in rows]
        if self.name == "table":
            table = Table(box=None, header_style="bold", pad_edge=False)
            for name in columns:
                table.add_column(name.replace("_", " "), overflow="fold")
            for row in rows:
                table.add_row(*(cell(row.get(name)) for name in columns))
            show(table)
        else:
            self._dump(list(rows))

    def record(self, row: Row, columns: Sequence[str] = ()) -> None:
        """Print one thing. `columns`: what a table shows of it; none: everything."""
        if self.columns:
            row = {name: _of(row, name) for name in self.columns}
        elif columns and self.name == "table":
            row = {name: row.get(name) for name in columns}
        if self.name == "table":
            table = Table(box=None, show_header=False, pad_edge=False)
            table.add_column(style="bold")
            table.add_column(overflow="fold")
            for name, value in row.items():
                table.add_row(name.replace("_", " "), cell(value))
            show(table)
        else:
            self._dump(row)

    def text(self, value: Any) -> str:
        if self.name == "yaml":
            return yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True).rstrip("\n")
        return json.dumps(value, indent=2, ensure_ascii=False)

    def _dump(self, value: Any) -> None:
        click.echo(self.text(value))


def format_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command `-f` and `-c`; it gets a `Format` as `output`."""

    def wrapped(format_name: str, columns: tuple[str, ...], **rest: Any) -> None:
        command(output=Format(format_name, columns), **rest)

    wrapped.__name__ = command.__name__
    wrapped.__doc__ = command.__doc__
    wrapped.__click_params__ = list(getattr(command, "__click_params__", ()))  # type: ignore[attr-defined]
    for option in (
        click.option(
            "-c", "--column", "columns", multiple=True, help="Only this column; may be given several times."
        ),
        click.option(
            "-f",
            "--format",
            "format_name",
            type=click.Choice(["table", "json", "yaml"]),
            default="table",
            show_default=True,
        ),
    ):
        wrapped = option(wrapped)
    return wrapped


def console(*, stderr: bool = False) -> Console:
    """Wide enough for what is piped, so that nothing a program reads is cut."""
    made = Console(stderr=stderr, highlight=False, soft_wrap=False)
    return made if made.is_terminal else Console(stderr=stderr, highlight=False, width=_WIDTH_PIPED)


def show(table: Table) -> None:
    """Print a table; where it is piped, without the spaces that fill its last column."""
    out = console()
    with out.capture() as captured:
        out.print(table)
    lines = captured.get().splitlines()
    click.echo("\n".join(lines if out.is_terminal else map(str.rstrip, lines)))


def cell(value: Any) -> Text:
    """A value as a cell of a table."""
    text = _text(value)
    return Text(text, style=colour(text))


def colour(state: str) -> str:
    return next(
        (shade for word, shade in _COLOURS.items() if state == word or state.endswith(f"_{word}")), ""
    )


def _text(value: Any) -> str:
    match value:
        case None | "":
            return "-"
        case list() | tuple() if all(isinstance(item, str) for item in value):
            return ", ".join(value) or "-"
        case list() if all(isinstance(item, dict) for item in value):
            return "\n".join(map(_text, value))
        case dict():
            told = {key: item for key, item in value.items() if item not in (None, "", [], {})}
            return "  ".join(f"{key}={_leaf(item)}" for key, item in told.items()) or "-"
        case _:
            return _leaf(value)


def _leaf(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _of(row: Row, name: str) -> Any:
    if name not in row:
        raise click.UsageError(f"there is no column {name!r}; there are: {', '.join(row)}")
    return row[name]


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value
