"""What a lab may leave behind."""

from __future__ import annotations

import os
from pathlib import Path


def processes_of(directory: Path) -> list[str]:
    """The processes that have to do with that directory."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and int(process.name) != os.getpid():
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue
            if str(directory) in command:
                found.append(command)
    return found
