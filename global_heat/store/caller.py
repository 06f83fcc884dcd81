"""Who wishes."""

from __future__ import annotations

import msgspec

from global_heat.model.names import Project


class Caller(msgspec.Struct, frozen=True):
    """Who wishes: from a token that was checked."""

    project: Project
    user: str
    roles: tuple[str, ...] = ()
