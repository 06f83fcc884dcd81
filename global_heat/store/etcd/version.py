"""Which etcd servers may hold a deployment's records."""

from __future__ import annotations

import re
from typing import NamedTuple


class Version(NamedTuple):
    major: int
    minor: int
    patch: int

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


# 3.5.13 is the release that no longer revokes leases through a stuck old leader and no longer loses watch
# events after a compaction; before 3.5.3 a killed member could lose committed transactions.
MINIMUM = Version(3, 5, 13)


def parse_version(text: str) -> Version | None:
    """The first `a.b.c` in a text such as `etcd Version: 3.5.16`."""
    found = re.search(r"\b(\d+)\.(\d+)\.(\d+)", text)
    return Version(*map(int, found.groups())) if found else None
