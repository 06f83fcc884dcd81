"""Where in a template something stands, kept cheap while all is well and spelt out only for a fault."""

from __future__ import annotations

from collections.abc import Iterator

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
    """

    def __init__(self, message: str, *, late: bool = False) -> None:
        super().__init__(message)
        self.message = message
        self.late = late


class Faults:
    """The faults found so far, each once."""

    def __init__(self) -> None:
        self._found: dict[tuple[str, str], Fault] = {}
        self._late: dict[tuple[str, str], Fault] = {}

    def add(self, at: At, message: str, *, late: bool = False) -> None:
        fault = Fault(spell(at), message)
        (self._late if late else self._found).setdefault((fault.path, fault.message), fault)

    def include(self, faults: Faults, *, late: bool = True) -> None:
        """Take over another's faults; without `late` those that may wait are left behind."""
        self._found.update(faults._found)
        if late:
            self._found.update(faults._late)

    def __iter__(self) -> Iterator[Fault]:
        yield from self._found.values()
        yield from self._late.values()

    def __len__(self) -> int:
        return len(self._found) + len(self._late)

    def raise_any(self, what: str) -> None:
        """Raise `Invalid` with all of them, if there are any."""
        if not self:
            return
        faults = list(self)
        noun = "fault" if len(faults) == 1 else "faults"
        message = f"{what} has {len(faults)} {noun}"
        if len(faults) > FAULTS_SHOWN_MAX:
            message += f"; the first {FAULTS_SHOWN_MAX} are shown"
        raise Invalid(message, *faults[:FAULTS_SHOWN_MAX])
