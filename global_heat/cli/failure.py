"""How a command ends when it fails: what went wrong, where, what to do, and a status for scripts."""

from __future__ import annotations

import os
import traceback
from typing import Final

import click

from global_heat.client import ApiError
from global_heat.model.errors import Error, Invalid

REFUSED: Final = 1
OPERATION_FAILED: Final = 3
TIMED_OUT: Final = 4
UNREACHABLE: Final = 5
CHANGES: Final = 6
EPILOG = """\b
Exit status:
  0  done
  1  refused: something has to be changed first
  2  the command line is wrong
  3  the operation ended in failure
  4  the time for waiting is over; the operation goes on
  5  no replica answered
  6  `stack plan --exit-code` found something to do
"""
_HINTS = {
    "UNAUTHENTICATED": "log in again: set OS_CLOUD, or the OS_* variables, or OS_TOKEN",
    "TLS_MISMATCH": "see --endpoint (https:// or http://), --ca-file, --cert-file and --key-file",
    "UNAVAILABLE": "is a replica running there? See --endpoint and GLOBAL_HEAT_ENDPOINTS",
}


class Failed(Exception):
    """A command ends with a message and a status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def report(error: Exception) -> int:
    """Say on stderr what went wrong; the exit status."""
    match error:
        case Failed():
            _say(str(error))
            return error.status
        case ApiError():
            _say(error.message or error.code.lower().replace("_", " "))
            for violation in error.violations:
                where = f"{violation.path}: " if violation.path else ""
                click.echo(f"  {where}{violation.message}", err=True)
            if hint := _HINTS.get(error.reason) or _HINTS.get(error.code):
                click.echo(f"  ({hint})", err=True)
            return UNREACHABLE if error.code in ("UNAVAILABLE", "DEADLINE_EXCEEDED") else REFUSED
        case Invalid():
            _say(error.message)
            for fault in error.faults:
                click.echo(f"  {fault.path}: {fault.message}", err=True)
            return REFUSED
        case Error() | OSError():
            _say(str(error))
            return REFUSED
        case _:
            if os.environ.get("GLOBAL_HEAT_DEBUG"):
                traceback.print_exception(error)
            else:
                _say(f"a defect of global-heat: {type(error).__name__}: {error}")
                click.echo("  (GLOBAL_HEAT_DEBUG=1 shows where)", err=True)
            return REFUSED


def _say(message: str) -> None:
    click.echo(click.style("error: ", fg="red", bold=True) + message, err=True)
