"""Which region a connection comes from: the process that holds its other end tells.

All of the lab stands on one loopback, so addresses say nothing. Linux tells which socket belongs to which
process; the lab knows which processes are whose.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_PROCESSES = Path("/proc")


class Callers:
    """`roots` gives the regions of the processes that were started, by process id; children count too."""

    def __init__(self, roots: Callable[[], Mapping[int, str]]) -> None:
        self._roots = roots
        self._regions: dict[int, str] = {}

    def region(self, client_port: int, server_port: int) -> str | None:
        """Whose process has a loopback connection from one port to the other; None: nobody's of ours."""
        inode = socket_inode(client_port, server_port)
        if inode is None:
            return None
        region = self._holder(inode)
        if region is None:
            self._regions = descendants(self._roots())
            region = self._holder(inode)
        return region

    def _holder(self, inode: int) -> str | None:
        return next((region for process, region in self._regions.items() if holds(process, inode)), None)


def socket_inode(client_port: int, server_port: int) -> int | None:
    """The inode of the client's end of a connection on this machine; None when it is closed already."""
    local, remote = f":{client_port:04X}", f":{server_port:04X}"
    for table in _TABLES:
        try:
            lines = table.read_text().splitlines()[1:]
        except FileNotFoundError:
            continue
        for line in lines:
            fields = line.split()
            if fields[1].endswith(local) and fields[2].endswith(remote) and fields[9] != "0":
                return int(fields[9])
    return None


def holds(process: int, inode: int) -> bool:
    """Whether a process has that socket open."""
    name = f"socket:[{inode}]"
    try:
        return any(_target(link) == name for link in (_PROCESSES / str(process) / "fd").iterdir())
    except OSError:
        return False


def descendants(roots: Mapping[int, str]) -> dict[int, str]:
    """The roots and all processes that stem from them, each with its root's region."""
    parents = dict(_parents())
    found = {}
    for process in parents:
        ancestor = process
        while ancestor not in roots and ancestor in parents:
            ancestor = parents[ancestor]
        if ancestor in roots:
            found[process] = roots[ancestor]
    return found


def _parents() -> Iterator[tuple[int, int]]:
    for folder in _PROCESSES.iterdir():
        if folder.name.isdigit():
            try:
                # The name of the program stands in parentheses and may hold anything.
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            yield int(folder.name), int(fields[1])


def _target(link: Path) -> str:
    try:
        return str(link.readlink())
    except OSError:
        return ""
