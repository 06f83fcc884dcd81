"""What a person hands over, and what the stack itself is called."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

import msgspec

from global_heat.model.names import Path
from global_heat.model.values import Json


class GroupPast(msgspec.Struct, frozen=True):
    """What a group's earlier revisions leave to the next one."""

    members: dict[str, Json] = {}
    """Each member's name and reference; null: it has none yet. Of a group that scales in the order in which
    they go."""
    removed: tuple[str, ...] = ()
    """The names that were taken out for good: no member gets them again."""
    shape: dict[str, Json] | None = None
    """What shapes the group and does not follow from the template alone, as it was found to be: `count`, for
    one. Null: it was never found."""
    size: int | None = None
    """Of a group that scales: how many members it has."""
    named: int = 0
    """Of a group that scales: how many names it has given."""
    digest: str = ""
    """Of a group that scales: of what it was given."""
    scaled_at: float = 0.0
    """When a policy last changed its size. Unix seconds; 0: none ever did."""
    scaled_by: dict[str, float] = {}
    """When each of its policies last did, by the policy's path."""


class Scaled(msgspec.Struct, frozen=True):
    """A change of a group's size."""

    size: int
    at: float
    """Unix seconds."""
    by: str
    """The path of the policy."""


class Source(msgspec.Struct, frozen=True):
    """Everything a person hands over for a stack; what a revision stores."""

    template: str
    """The text, YAML or JSON."""
    environment: dict[str, Json] = {}
    """Already merged: parameters, parameter_defaults, resource_registry, event_sinks, regions, …"""
    files: dict[str, str] = {}
    """Text by the name that templates use for it. A key is never a path of a file system."""
    parameters: dict[str, Json] = {}
    """Win over those of the environment."""
    groups: dict[str, GroupPast] = {}
    """The past of each group that the stack had, by path: `Groups.past` of the revision before."""

    def scaled(self, sizes: Mapping[Path, Scaled]) -> Source:
        """The same wish, with other sizes of some groups; their past is known."""
        groups = dict(self.groups)
        for path, scaled in sizes.items():
            past = groups[path]
            groups[path] = msgspec.structs.replace(
                past,
                size=scaled.size,
                scaled_at=scaled.at,
                scaled_by={**past.scaled_by, scaled.by: scaled.at},
            )
        return msgspec.structs.replace(self, groups=groups)

    def expanded(self, shapes: Mapping[Path, Mapping[str, Json]]) -> Source:
        """The same wish, now that it is known what shapes some groups.

        Their past stays what it was when the wish was made: names that were taken out, by the wish or before.
        """
        groups = dict(self.groups)
        for path, shape in shapes.items():
            groups[path] = msgspec.structs.replace(groups.get(path, GroupPast()), shape=dict(shape))
        return msgspec.structs.replace(self, groups=groups)


def file_name(written: str, files: Mapping[str, str]) -> str | None:
    """The key of the file that a template means; None: it was not handed over.

    Clients name files by their place, so `./web.yaml` is `web.yaml`.
    """
    if written in files:
        return written
    plain = posixpath.normpath(written)
    return plain if plain in files else None


class Identity(msgspec.Struct, frozen=True):
    """The pseudo parameters, and the region of what names none."""

    stack_name: str
    stack_id: str
    project: str
    default_region: str
