"""What is told of a template, each with line and column where it stands."""

from __future__ import annotations

import click

from global_heat.model.errors import Fault
from global_heat.proto.v1 import stack_pb2
from global_heat.template.location import FAULTS_SHOWN_MAX
from global_heat.template.positions import Positions
from global_heat.template.source import Source
from global_heat.template.warnings import find_warnings


def say(kind: str, shade: str, fault: Fault, positions: Positions) -> None:
    """Tell of it on stderr."""
    position = positions.find(fault.path)
    where = f"{position.file or 'template'}:{position.line}:{position.column}: " if position else ""
    click.echo(f"{where}{click.style(kind, fg=shade)}: {fault.path}: {fault.message}", err=True)


def warn_of(spec: stack_pb2.StackSpec) -> None:
    """Tell on stderr what of a template that is sent is right, and probably not meant."""
    source = Source(spec.template, files=dict(spec.files))
    positions = Positions(source.template, source.files)
    for warning in find_warnings(source)[:FAULTS_SHOWN_MAX]:
        say("warning", "yellow", warning, positions)
