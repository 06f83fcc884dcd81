"""`global-heat template …`: what can be said of a template without a server."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from typing import Any, Final

import click
from rich.table import Table

from global_heat.api.sources import source_of
from global_heat.cli.evaluator import WorkerEvaluator
from global_heat.cli.failure import REFUSED
from global_heat.cli.output import Format, console, format_options, show
from global_heat.cli.template_faults import Places, say
from global_heat.cli.template_graph import dot, text_tree
from global_heat.cli.template_options import template_options
from global_heat.model.errors import Fault, Invalid
from global_heat.model.schema import PropertySchema, TypeSchema
from global_heat.model.values import Json, Unknown
from global_heat.proto.v1 import stack_pb2
from global_heat.resources.catalogue import load_schemas
from global_heat.template.compilation import compile_source
from global_heat.template.description import describe_source
from global_heat.template.reference import cfn_functions, hot_functions
from global_heat.template.source import Identity, Source
from global_heat.template.tree import Tree
from global_heat.template.versions import CFN_DATES, CODE_NAMES, DATES, VERSIONS
from global_heat.template.view import NothingYet
from global_heat.template.warnings import find_warnings

REGION: Final = "(default region)"
"""Where resources are that name no region, as long as nobody says which one that is."""
_IDENTITY = Identity("stack", "00000000-0000-4000-8000-000000000000", "project", REGION)


@click.group()
def template() -> None:
    """Look at templates: no server is needed, no cloud is asked."""


def _with_source(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options of a template; it gets a `Source` as `source`."""

    @wraps(command)
    def wrapped(spec: stack_pb2.StackSpec, **rest: Any) -> Any:
        return command(source=source_of(spec), **rest)

    return template_options(wrapped)


@contextmanager
def _evaluator() -> Iterator[WorkerEvaluator]:
    evaluator = WorkerEvaluator()
    try:
        yield evaluator
    finally:
        evaluator.close()


def _compile(source: Source) -> Tree:
    with _evaluator() as evaluator:
        return compile_source(source, _IDENTITY, load_schemas(), None, evaluator=evaluator)


@template.command()
@click.option(
    "--form", is_flag=True, help="Look at the form alone: no values have to be given, none is checked."
)
@template_options
@click.pass_context
def validate(context: click.Context, spec: stack_pb2.StackSpec, form: bool) -> None:
    """Tell all that is wrong with a template and its environments, each with file, line and column.

    Exit status 0: a stack can be made of it; 1: it cannot. Warnings change nothing.
    """
    places = Places(spec, context.params)
    for warning in find_warnings(Source(spec.template, files=dict(spec.files))):
        say("warning", "yellow", warning, places)
    try:
        source = source_of(spec)
        if form:
            with _evaluator() as evaluator:
                describe_source(source, load_schemas(), evaluator)
            click.echo("good in form")
            return
        tree = _compile(source)
    except Invalid as invalid:
        for fault in invalid.faults:
            say("fault", "red", fault, places)
        click.echo(invalid.message, err=True)
        context.exit(REFUSED)
    for gap in tree.unsupported():
        fault = Fault(gap.location, f"{gap.what} cannot be carried out yet: such a stack cannot be created")
        say("warning", "yellow", fault, places)
    resources, regions = len(tree.definitions), len({each.region for each in tree.definitions.values()})
    click.echo(f"good: {_count(resources, 'resource')} in {_count(regions, 'region')}")


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")


@template.command()
@_with_source
@format_options
def evaluate(source: Source, output: Format) -> None:
    """Show each resource with its properties as they are before anything exists, and the outputs.

    What only a resource that is made can tell is written as `<known after NAME>`.
    """
    tree = _compile(source)
    view = NothingYet()
    resources = {
        path: {
            "type": definition.type,
            "region": definition.region,
            "properties": _plain(tree.properties(path, view)),
        }
        for path, definition in tree.definitions.items()
    }
    outputs = {
        name: f"<error: {each.error}>" if each.error else _plain(each.value)
        for name, each in tree.outputs(view).items()
    }
    said = {"resources": resources, "outputs": outputs, "disabled": tree.disabled()}
    chosen = Format("yaml", output.columns) if output.name == "table" else output
    chosen.record(said)


def _plain(value: Json) -> Json:
    match value:
        case Unknown():
            return str(value)
        case dict():
            return {key: _plain(item) for key, item in value.items()}
        case list():
            return [_plain(item) for item in value]
    return value


@template.command()
@click.option("--dot", "as_dot", is_flag=True, help="For graphviz.")
@_with_source
def graph(source: Source, as_dot: bool) -> None:
    """Draw who waits for whom, region by region."""
    tree = _compile(source)
    click.echo(dot(tree) if as_dot else text_tree(tree))


@template.command()
@click.option(
    "--version",
    type=click.Choice([*DATES, *CODE_NAMES, *CFN_DATES]),
    help="Those of one version, as they are there; of CloudFormation templates with --cfn.",
)
@click.option("--cfn", is_flag=True, help="Those of CloudFormation templates.")
@format_options
def functions(version: str | None, cfn: bool, output: Format) -> None:
    """The functions of the language."""
    entries = cfn_functions() if cfn else hot_functions()
    if version is not None:
        if cfn != (version in CFN_DATES):
            language = "CloudFormation templates" if cfn else "HOT: those of CloudFormation take --cfn"
            raise click.UsageError(f"{version} is no version of {language}")
        date = version if cfn else VERSIONS[version].date
        entries = [each for each in entries if each.since <= date and (not each.until or date <= each.until)]
    rows = [
        {
            "name": each.name,
            "since": each.since,
            "until": each.until,
            "conditions": "yes" if each.in_conditions else "",
            "about": each.about,
            "takes": each.forms,
        }
        for each in entries
    ]
    output.rows(rows, ("name", "since", "until", "conditions", "about"))


@template.command()
@click.argument("word", default="")
@format_options
def types(word: str, output: Format) -> None:
    """The resource types that are known, or those with WORD in their name."""
    schemas = load_schemas()
    rows = [
        {
            "type": name,
            "carried_out": "no" if schemas.supported(name) is None else "yes",
            "support": _support(schemas.get(name)),
        }
        for name in sorted(schemas.names())
        if word.lower() in name.lower()
    ]
    output.rows(rows, ("type", "carried_out", "support"))


def _support(schema: TypeSchema | None) -> str:
    return str(schema.support.get("status", "SUPPORTED")).lower() if schema else ""


@template.command("show")
@click.argument("type_name", metavar="TYPE")
@format_options
def show_type(type_name: str, output: Format) -> None:
    """The properties and attributes of a resource type."""
    schemas = load_schemas()
    schema = schemas.get(type_name)
    if schema is None:
        near = [name for name in schemas.names() if type_name.lower() in name.lower()]
        known = f"; there are {', '.join(sorted(near)[:5])}" if near else ""
        raise Invalid(f'there is no resource type "{type_name}"{known}')
    supported = schemas.supported(type_name)
    rows = list(_property_rows(schema.properties, supported, ""))
    if output.name != "table":
        output.record(
            {
                "type": type_name,
                "carried_out": supported is not None,
                "support": _support(schema),
                "properties": rows,
                "attributes": sorted(schema.attributes),
            }
        )
        return
    carried = "carried out" if supported is not None else "known, not carried out yet"
    click.echo(f"{type_name}: {carried}, {_support(schema)}\n")
    table = Table(box=None, header_style="bold", pad_edge=False)
    for column in ("property", "type", "required", "default", "change", "constraints"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(
            *(
                str(row[column] if row[column] is not None else "")
                for column in row
                if column != "carried_out"
            )
        )
    show(table) if rows else console().print("no properties")
    click.echo(f"\nattributes: {', '.join(sorted(schema.attributes)) or 'none'}")


def _property_rows(
    properties: dict[str, PropertySchema], supported: Sequence[str] | Any, prefix: str
) -> Iterator[dict[str, Any]]:
    for name, each in sorted(properties.items()):
        if each.support.get("status") == "HIDDEN":
            continue
        path = f"{prefix}{name}"
        yield {
            "property": path,
            "type": each.type,
            "required": "yes" if each.required else "",
            "default": each.default,
            "change": "in place" if each.update_allowed else "replacement",
            "constraints": "; ".join(
                f"{kind}: {bound}" for c in each.constraints for kind, bound in c.items()
            ),
            "carried_out": supported is not None and (prefix != "" or name in supported),
        }
        if each.schema:
            yield from _property_rows(each.schema, supported, f"{path}.")
