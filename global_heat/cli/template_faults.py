"""What is told of a template, each with the place where it stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from global_heat.model.errors import Fault, Invalid
from global_heat.proto.v1 import stack_pb2
from global_heat.template.document import parse_document
from global_heat.template.location import FAULTS_SHOWN_MAX, Faults
from global_heat.template.outline import read_template
from global_heat.template.positions import Positions
from global_heat.template.source import Source
from global_heat.template.warnings import find_warnings


class Places:
    """Knows where things stand that somebody gave on a command line.

    `options`: the command's, as `template_options` names them.
    """

    def __init__(self, spec: stack_pb2.StackSpec, options: Mapping[str, Any]) -> None:
        environments = [(str(path), path.read_text("utf-8")) for path in options.get("environments", ())]
        said = [(name, text) for name, text in environments if _says_something(text)]
        self._positions = Positions(spec.template, dict(spec.files), said)
        self._given = {
            f"parameters.{pair.partition('=')[0]}": f"{option} {pair.partition('=')[0]}"
            for option, key in (("--parameter-file", "parameter_files"), ("-P", "parameters"))
            for pair in options.get(key, ())
        }
        self._template = spec.template

    def of(self, fault: Fault) -> str:
        """The file with line and column, or the option of the command; empty: nowhere in particular."""
        option = self._given.get(fault.path)
        if option is not None and not self._is_of_declaration(fault):
            return option
        position = self._positions.find(fault.path)
        return f"{position.file or 'template'}:{position.line}:{position.column}" if position else ""

    def _is_of_declaration(self, fault: Fault) -> bool:
        """A parameter's declaration has the path of its value; but it is wrong whatever is given."""
        faults = Faults()
        read_template(self._template, "", faults)
        return fault in list(faults)


def _says_something(text: str) -> bool:
    try:
        return parse_document(text) is not None
    except Invalid:
        return True


def say(kind: str, shade: str, fault: Fault, places: Places) -> None:
    """Tell of it on stderr."""
    where = places.of(fault)
    prefix = f"{where}: " if where else ""
    click.echo(f"{prefix}{click.style(kind, fg=shade)}: {fault.path}: {fault.message}", err=True)


def warn_of(spec: stack_pb2.StackSpec) -> None:
    """Tell on stderr what of a template that is sent is right, and probably not meant."""
    places = Places(spec, {})
    for warning in find_warnings(Source(spec.template, files=dict(spec.files)))[:FAULTS_SHOWN_MAX]:
        say("warning", "yellow", warning, places)
