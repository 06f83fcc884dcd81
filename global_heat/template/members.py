"""Which members a group has, as it was found when the group was built."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec

from global_heat.model.names import Path
from global_heat.model.values import Json
from global_heat.template.given import Given
from global_heat.template.outline import ResourceText


class Members(msgspec.Struct, frozen=True):
    types: Mapping[str, str]
    """Each member's name and type, in order."""
    definition: Given
    """The properties that each is given."""
    servers: bool = False
    """Whether each has a server of its own, out of the group's map."""
    index_var: str = ""
    """Stands for the member's name in them; empty: nothing does."""
    text: ResourceText = ResourceText("")
    """What is written of each beside its type and properties."""
    in_turn: bool = False
    """Whether each waits for the one before it."""
    removed: tuple[str, ...] = ()
    """The names that are taken out for good."""
    open: tuple[str, ...] = ()
    """What shapes the group and does not follow from the template alone: an expand step finds it."""
    shape: dict[str, Json] | None = {}
    """What that was found to be before; null: it never was, and nobody knows which members there will be."""
    probe: str = ""
    """Then, the type of the members that there will be, if that is known."""
    sketch: str = ""
    """Of a group that has no member: the type of what a description shows of it. Nothing of it is checked."""
    named: int = 0
    """Of a group that scales: how many names it has given, of which none is given again."""
    digest: str = ""
    """Of a group that scales: of what it was given."""
    scaled_at: float = 0.0
    scaled_by: Mapping[str, float] = {}
    """Of a group that scales: when its policies changed its size, as in `GroupPast`."""


def membership(path: Path, groups: Collection[str]) -> dict[str, str]:
    """In which of these groups a path lies, and the member's name in each."""
    names = path.split("/")
    outer = {"/".join(names[:depth]): names[depth] for depth in range(1, len(names))}
    return {group: name for group, name in outer.items() if group in groups}
