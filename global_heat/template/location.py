"""Where in a template something stands, kept cheap while all is well and spelt out only for a fault."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping

from global_heat.model.errors import Fault, Invalid

FAULTS_SHOWN_MAX = 100
"""A template that repeats one mistake in a thousand places is told about it this often."""

At = tuple["At | None", "str | int"] | None
"""A place: what encloses it and its own key there. None is the whole template."""


def place(*keys: str | int) -> At:
    """Build a place from the outside in."""
    at: At = None
    for key in keys:
        at = (at, key)
    return at


def spell(at: At) -> str:
    """Write a place as people read it: `resources.server.networks[0].port`.

    A key in angle brackets is a file, of which what follows is a part: `resources.web<web.yaml>.outputs`.
    """
    keys: list[str | int] = []
    while at is not None:
        at, key = at
        keys.append(key)
    text = ""
    for key in reversed(keys):
        if isinstance(key, int):
            text += f"[{key}]"
        else:
            text += key if not text or key.startswith("<") else f".{key}"
    return text


class Wrong(Exception):
    """Something is wrong at the place being looked at. Whoever knows the place makes it a `Fault`.

    `late`: Heat notices it only when the value is asked for, so in an output it is the output's error.
    `value`: it is about a value; a draft does not mind.
    """

    def __init__(self, message: str, *, late: bool = False, value: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.late = late
        self.value = value


class Kind(enum.Enum):
    """What a fault is about, so that some can be left out where they do not matter yet."""

    FORM = enum.auto()
    """The template itself, whatever values it is given."""
    VALUE = enum.auto()
    """A value: of a parameter, or one that a property is given."""
    LATE = enum.auto()
    """Heat notices it only when the value is asked for."""


class Faults:
    """The faults found so far, each once; those that may be late come last."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], tuple[Fault, Kind]] = {}
        self.noted = 0
        """How often one was noted, also one that was there: whether something has gone wrong since."""
        self.member: Mapping[str, str] = {}
        """What is being looked at, as far as it is in groups: the path of each and the member's name there.

        Members are written in one place, so what is wrong there is told of the first that has it.
        """
        self._members: dict[tuple[str, Kind], Mapping[str, str]] = {}
        """By place and kind, the member whose faults are told there."""

    def add(self, at: At, message: str, *, late: bool = False, value: bool = False) -> None:
        self.noted += 1
        fault = Fault(spell(at), message)
        kind = Kind.LATE if late else Kind.VALUE if value else Kind.FORM
        key = (fault.path, fault.message)
        if (kind is Kind.FORM or key not in self._found) and not self._is_of_another_member(fault, kind):
            self._found[key] = fault, kind

    def include(self, faults: Faults, *, late: bool = True) -> None:
        """Take over another's faults; without `late` those that may wait are left behind."""
        self.noted += faults.noted
        for key, (fault, kind) in faults._found.items():
            if (late or kind is not Kind.LATE) and not self._is_of_another_member(fault, kind):
                self._found.setdefault(key, (fault, kind))

    def _is_of_another_member(self, fault: Fault, kind: Kind) -> bool:
        told = self._members.setdefault((fault.path, kind), self.member)
        return any(self.member.get(group, name) != name for group, name in told.items())

    def harden(self) -> None:
        """Somebody asks for the value: what Heat notices then, it notices now."""
        for key, (fault, kind) in self._found.items():
            self._found[key] = fault, Kind.FORM if kind is Kind.LATE else kind

    def __iter__(self) -> Iterator[Fault]:
        yield from self._of(Kind.FORM, Kind.VALUE)
        yield from self._of(Kind.LATE)

    def _of(self, *kinds: Kind) -> Iterator[Fault]:
        return (fault for fault, kind in self._found.values() if kind in kinds)

    def __len__(self) -> int:
        return len(self._found)

    def raise_any(self, what: str, *, values: bool = True) -> None:
        """Raise `Invalid` with all of them, if there are any; without `values` only those of form."""
        faults = list(self) if values else list(self._of(Kind.FORM))
        if not faults:
            return
        noun = "fault" if len(faults) == 1 else "faults"
        message = f"{what} has {len(faults)} {noun}"
        if len(faults) > FAULTS_SHOWN_MAX:
            message += f"; the first {FAULTS_SHOWN_MAX} are shown"
        raise Invalid(message, *faults[:FAULTS_SHOWN_MAX])
