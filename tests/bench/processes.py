"""What processes cost: CPU seconds and the most memory, from /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

import msgspec

_TICKS = os.sysconf("SC_CLK_TCK")


class Cost(msgspec.Struct, frozen=True):
    """CPU seconds so far, and the most memory at once so far in MiB, of the biggest of them."""

    cpu: float = 0.0
    memory: float = 0.0


def descendants(pid: int) -> list[int]:
    """A process and all that it has started, directly or not."""
    parents = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        fields = _fields(path)
        if fields:
            parents[int(path.parent.name)] = int(fields[1])
    found = [pid]
    for one in found:
        found += [child for child, parent in parents.items() if parent == one]
    return found


def with_word(pids: Iterable[int], word: str) -> list[int]:
    """Those of whose command line the word is a part."""
    return [pid for pid in pids if word in _read(Path(f"/proc/{pid}/cmdline"))]


def cost(pids: Iterable[int]) -> Cost:
    cpu = memory = 0.0
    for pid in pids:
        fields = _fields(Path(f"/proc/{pid}/stat"))
        if fields:
            cpu += (int(fields[11]) + int(fields[12])) / _TICKS
        for line in _read(Path(f"/proc/{pid}/status")).splitlines():
            if line.startswith("VmHWM:"):
                memory = max(memory, int(line.split()[1]) / 1024)
    return Cost(cpu, memory)


def _fields(path: Path) -> list[str]:
    """The fields of /proc/PID/stat from the third on; none when the process is gone."""
    return _read(path).rpartition(")")[2].split()


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
