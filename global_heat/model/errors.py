"""Errors by what to do next.

Every failure that crosses a seam is one of four. Nothing above a seam parses a message.

* `Invalid`: the caller has to change something; trying again as it is cannot help.
* `Transient`: it certainly did not happen; try again later.
* `Ambiguous`: it may have happened; look before you do anything else.
* `Fenced`: somebody else owns this now; stop.
"""

from __future__ import annotations

import enum

import msgspec


class Fault(msgspec.Struct, frozen=True):
    """One fault of an input: where it is, what is wrong, what to do."""

    path: str
    message: str
    reason: str = "INVALID"


class Reason(enum.StrEnum):
    """What sort of `Invalid` it is: the front doors map it to their status codes."""

    INVALID = "INVALID"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    BUSY = "BUSY"
    PRECONDITION = "PRECONDITION"
    MISMATCH = "MISMATCH"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    EXHAUSTED = "EXHAUSTED"


class Error(Exception):
    """The root of the four."""


class Invalid(Error):
    """The caller has to change something. Carries all the faults found at once."""

    def __init__(
        self, message: str, *faults: Fault, reason: Reason = Reason.INVALID, **metadata: str
    ) -> None:
        super().__init__(message)
        self.message = message
        self.faults = faults
        self.reason = reason
        self.metadata = metadata

    def __str__(self) -> str:
        lines = [self.message, *(f"  {fault.path}: {fault.message}" for fault in self.faults)]
        return "\n".join(lines)


class Transient(Error):
    """It certainly did not happen. `retry_after_seconds` is the service's own wish, if it said one."""

    def __init__(self, message: str, retry_after_seconds: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class Ambiguous(Error):
    """It may have happened. Look before you do anything else."""


class Fenced(Error):
    """Somebody else owns this now. Stop; write nothing."""
