"""What a resource is told from outside: that a script has ended, and how."""

from __future__ import annotations

import msgspec

from global_heat.model.values import Json


class Signal(msgspec.Struct, frozen=True):
    """One signal. `revision` is the store's revision of its (last) writing: signals are ordered by it."""

    id: str
    data: Json
    revision: int = 0
