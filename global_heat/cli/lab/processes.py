"""Processes that outlive the command which started them, found again by process id and time of start.

A process id alone is not enough: the system gives it to somebody else once its owner is gone.
"""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from global_heat.model.errors import Invalid, Reason

STOP_SECONDS = 10.0
LOG_LINES_SHOWN = 8
_LOOK_SECONDS = 0.02


class Known(msgspec.Struct, frozen=True):
    """`started` in the kernel's ticks since `boot`."""

    pid: int
    started: int
    boot: str


class Processes:
    """The processes of one lab, each by its name. What is known of them is kept in `directory`."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def start(self, name: str, command: Sequence[object], environment: Mapping[str, str] = {}) -> None:
        """Start it in a session of its own, its output in its log. It must not run already."""
        assert not self.alive(name), f"{name} runs already"
        self.directory.mkdir(parents=True, exist_ok=True)
        with self.log(name).open("ab") as log:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **environment},
            )
        known = Known(process.pid, _started(process.pid) or 0, _boot())
        _CHILDREN[process.pid] = process
        path = self._path(name)
        draft = path.with_suffix(".new")
        draft.write_bytes(msgspec.json.encode(known))
        draft.replace(path)

    def log(self, name: str) -> Path:
        return self.directory / f"{name}.log"

    def last_words(self, name: str) -> str:
        """The end of its log."""
        try:
            lines = self.log(name).read_text(errors="replace").splitlines()
        except FileNotFoundError:
            return ""
        return "\n".join(lines[-LOG_LINES_SHOWN:])

    def pid(self, name: str) -> int | None:
        """Its process id while it lives."""
        try:
            known = msgspec.json.decode(self._path(name).read_bytes(), type=Known)
        except FileNotFoundError:
            return None
        if child := _CHILDREN.get(known.pid):
            child.poll()
        alive = known.boot == _boot() and _started(known.pid) == known.started
        return known.pid if alive else None

    def alive(self, name: str) -> bool:
        return self.pid(name) is not None

    def paused(self, name: str) -> bool:
        pid = self.pid(name)
        return pid is not None and _state(pid) == "T"

    def roots(self, names: Iterable[str]) -> dict[str, int]:
        """Process ids by name, of those that live."""
        return {name: pid for name in names if (pid := self.pid(name)) is not None}

    def signal(self, name: str, number: signal.Signals) -> bool:
        """Send it to the process and all that it started; whether it lives."""
        pid = self.pid(name)
        if pid is None:
            return False
        try:
            os.killpg(pid, number)
        except ProcessLookupError:
            return False
        return True

    def kill(self, name: str) -> bool:
        """SIGKILL; returns when it is dead. Whether it lived."""
        lived = self.signal(name, signal.SIGKILL)
        self._wait(name, STOP_SECONDS)
        return lived

    def stop(self, names: Iterable[str], seconds: float = STOP_SECONDS) -> None:
        """Let all of them end, and kill those that do not in time."""
        names = list(names)
        for name in names:
            self.signal(name, signal.SIGTERM)
            self.signal(name, signal.SIGCONT)
        deadline = time.monotonic() + seconds
        for name in names:
            self._wait(name, deadline - time.monotonic())
        for name in names:
            self.kill(name)

    def check(self, name: str) -> None:
        """Raises `Invalid` with its last words when it has ended."""
        if not self.alive(name):
            raise Invalid(f"{name} has ended:\n{self.last_words(name)}", reason=Reason.PRECONDITION)

    def _wait(self, name: str, seconds: float) -> None:
        deadline = time.monotonic() + seconds
        while self.alive(name) and time.monotonic() < deadline:
            time.sleep(_LOOK_SECONDS)

    def _path(self, name: str) -> Path:
        return self.directory / f"{name}.json"


_CHILDREN: dict[int, subprocess.Popen[bytes]] = {}
"""Those that this very process started: they must be waited for, or they stay as zombies."""


def _boot() -> str:
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def _fields(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none when there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def _state(pid: int) -> str:
    fields = _fields(pid)
    return fields[0] if fields else ""


def _started(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[19]) if fields and fields[0] not in ("Z", "X") else None
